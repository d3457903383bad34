// Sums along axes and over everything.

KERNEL(256, sum_middle, const float* x, Columns shape, double* parts) {
    const float* plane = x + static_cast<u64>(shape.matrix()) * shape.rows * shape.columns;
    column_sums<1>(shape, parts, [&](u32 row, u32 column, float* out) { out[0] = plane[row * shape.columns + column]; });
}

KERNEL(256, sum_middle_finish, const double* parts, u32 splits, u32 count, float* out) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        out[i] = static_cast<float>(sum_of_parts(parts, 0, splits, count, i));
    }
}

// Sums of short rows: a few lanes for each.
KERNEL(256, sum_rows, const float* x, Rows rows, float* out) {
    const float* row = x + static_cast<u64>(rows.row()) * rows.length;
    float total = rows.sum_of([&](u32 i) { return row[i]; });
    if (rows.row() < rows.rows && rows.lane() == 0) {
        out[rows.row()] = total;
    }
}

// Sums of a few rows of any length: a thread for each sum.
KERNEL(256, sum_few, const float* x, u32 middle, Divide by_inner, float* out, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 outer = i, at = by_inner.split(outer);
        float total = 0.0f;
        for (u32 place = 0; place < middle; ++place) {
            total += x[(outer * middle + place) * by_inner.divisor + at];
        }
        out[i] = total;
    }
}

KERNEL(256, sum, const float* x, u32 count, double* parts) {
    sum_all(count, parts, [&](u32 i) { return static_cast<double>(x[i]); });
}

KERNEL(256, square_sum, const float* x, u32 count, double* parts) {
    sum_all(count, parts, [&](u32 i) { return static_cast<double>(x[i]) * static_cast<double>(x[i]); });
}

KERNEL(256, sum_of_squared_differences, const float* a, const float* b, u32 count, double* parts) {
    sum_all(count, parts, [&](u32 i) {
        float d = a[i] - b[i];
        return static_cast<double>(d * d);
    });
}

KERNEL(256, sum_of_products, const float* a, const float* b, u32 count, double* parts) {
    sum_all(count, parts, [&](u32 i) { return static_cast<double>(a[i]) * static_cast<double>(b[i]); });
}

KERNEL(256, sum_of_absolute_differences, const float* a, const float* b, u32 count, double* parts) {
    sum_all(count, parts, [&](u32 i) { return static_cast<double>(fabsf(a[i] - b[i])); });
}

// One block: `out = factor * the sum of the parts`.
KERNEL(256, sum_finish, const double* parts, u32 count, double factor, float* out) {
    SHARED(double, scratch);
    double total = sum_of_blocks(parts, count, scratch);
    if (threadIdx.x == 0) {
        out[0] = static_cast<float>(factor * total);
    }
}
