// Softmax and its relatives over rows.

KERNEL(256, softmax, const float* all, Rows rows, float* out_all) {
    u64 start = static_cast<u64>(rows.row()) * rows.length;
    const float* x = all + start;
    float* out = out_all + start;
    float top = rows.largest_of([&](u32 i) { return x[i]; });
    float total = rows.sum_of([&](u32 i) { return expf(x[i] - top); });
    rows.each([&](u32 i) { out[i] = expf(x[i] - top) / total; });
}

KERNEL(256, softmax_gradient, const float* y_all, Rows rows, float* gradient_all) {
    u64 start = static_cast<u64>(rows.row()) * rows.length;
    const float* y = y_all + start;
    float* gradient = gradient_all + start;
    float total = rows.sum_of([&](u32 i) { return gradient[i] * y[i]; });
    rows.each([&](u32 i) { gradient[i] = gradient[i] * y[i] - y[i] * total; });
}

KERNEL(256, log_softmax, const float* all, Rows rows, float* out_all) {
    u64 start = static_cast<u64>(rows.row()) * rows.length;
    const float* x = all + start;
    float* out = out_all + start;
    float top = rows.largest_of([&](u32 i) { return x[i]; });
    float total = logf(rows.sum_of([&](u32 i) { return expf(x[i] - top); }));
    rows.each([&](u32 i) { out[i] = x[i] - top - total; });
}

KERNEL(256, log_softmax_gradient, const float* y_all, Rows rows, float* gradient_all) {
    u64 start = static_cast<u64>(rows.row()) * rows.length;
    const float* y = y_all + start;
    float* gradient = gradient_all + start;
    float total = rows.sum_of([&](u32 i) { return gradient[i]; });
    rows.each([&](u32 i) { gradient[i] -= expf(y[i]) * total; });
}

KERNEL(256, logsumexp, const float* all, Rows rows, float* out) {
    const float* x = all + static_cast<u64>(rows.row()) * rows.length;
    float top = rows.largest_of([&](u32 i) { return x[i]; });
    // An infinite largest value is the result; subtracting it would give NaN.
    top = isinf(top) ? 0.0f : top;
    float total = rows.sum_of([&](u32 i) { return expf(x[i] - top); });
    if (rows.row() < rows.rows && rows.lane() == 0) {
        out[rows.row()] = top + logf(total);
    }
}

KERNEL(256, logsumexp_gradient, const float* all, const float* y, const float* gradient, Rows rows, float* out_all) {
    u64 start = static_cast<u64>(rows.row()) * rows.length;
    rows.each([&](u32 i) { out_all[start + i] = expf(all[start + i] - y[rows.row()]) * gradient[rows.row()]; });
}
