// Squared distances between the rows of two matrices, from the differences themselves: near points keep their digits.

// 256 threads make a tile of 16 x 16, tiles across first; shared memory of two tiles of 16 rows of 33 floats.
KERNEL(256, squared_distances, const float* x, const float* y, u32 rows, u32 columns, u32 width, float* out) {
    constexpr u32 SIDE = 16, STEP = 32, LINE = STEP + 1;
    SHARED(float, left);
    float* right = left + SIDE * LINE;
    u32 first_row = blockIdx.x, first_column = split_by(first_row, pieces(columns, SIDE)) * SIDE;
    first_row *= SIDE;
    u32 row = first_row + threadIdx.x / SIDE, column = first_column + threadIdx.x % SIDE;
    float total = 0.0f;
    for (u32 first = 0; first < width; first += STEP) {
        for (u32 i = threadIdx.x; i < SIDE * STEP; i += 256) {
            u32 line = i / STEP, at = first + i % STEP;
            u32 x_row = first_row + line, y_row = first_column + line;
            left[line * LINE + i % STEP] = x_row < rows && at < width ? x[static_cast<u64>(x_row) * width + at] : 0.0f;
            right[line * LINE + i % STEP] = y_row < columns && at < width ? y[static_cast<u64>(y_row) * width + at] : 0.0f;
        }
        __syncthreads();
        for (u32 i = 0; i < STEP; ++i) {
            float d = left[threadIdx.x / SIDE * LINE + i] - right[threadIdx.x % SIDE * LINE + i];
            total += d * d;
        }
        __syncthreads();
    }
    if (row < rows && column < columns) {
        out[static_cast<u64>(row) * columns + column] = total;
    }
}
