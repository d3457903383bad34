// Rows scaled to length 1.

KERNEL(256, normalise_rows, const float* all, Rows rows, float shortest, float* y_all, float* reciprocals) {
    u64 start = static_cast<u64>(rows.row()) * rows.length;
    const float* x = all + start;
    float length = sqrtf(rows.sum_of([&](u32 i) { return x[i] * x[i]; }));
    // Not a maximum, which would hide NaN.
    float reciprocal = 1.0f / (length < shortest ? shortest : length);
    rows.each([&](u32 i) { y_all[start + i] = x[i] * reciprocal; });
    if (rows.row() < rows.rows && rows.lane() == 0) {
        reciprocals[rows.row()] = reciprocal;
    }
}

KERNEL(256, normalise_rows_gradient, const float* y_all, Rows rows, float longest, const float* reciprocals,
       float* gradient_all) {
    u64 start = static_cast<u64>(rows.row()) * rows.length;
    const float* y = y_all + start;
    float* gradient = gradient_all + start;
    float reciprocal = rows.row() < rows.rows ? reciprocals[rows.row()] : 0.0f;
    float along = rows.sum_of([&](u32 i) { return y[i] * gradient[i]; });
    along = reciprocal < longest ? along : 0.0f;
    rows.each([&](u32 i) { gradient[i] = (gradient[i] - along * y[i]) * reciprocal; });
}
