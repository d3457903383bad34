// Sums down the columns of matrices: what sums along axes and the statistics of norms are made of.

namespace {

// A matrix of `rows` x `columns` for each of blockIdx.y; its rows are cut into gridDim.z parts.
struct Columns {
    u32 rows, columns;
    // Columns a block handles side by side: a power of two, at most 32.
    u32 across;
};

// For each column of a block's tile and part, the sums of the N numbers that `terms(row, column, out)` gives, in
// `parts[((n * gridDim.z + part) * gridDim.y + matrix) * columns + column]`. Threads add up 16 terms in single precision at a
// time, all else is in double precision. 256 threads; shared memory of 256 doubles.
template <int N, class Terms>
__device__ void column_sums(const Columns& shape, double* parts, const Terms& terms) {
    SHARED(double, scratch);
    u32 down = 256 / shape.across, own = threadIdx.x / shape.across;
    u32 column = blockIdx.x * shape.across + threadIdx.x % shape.across;
    u32 each = (shape.rows + gridDim.z - 1) / gridDim.z;
    u32 begin = blockIdx.z * each, end = begin + each < shape.rows ? begin + each : shape.rows;
    double totals[N] = {};
    if (column < shape.columns) {
        for (u32 row = begin + own; row < end;) {
            float sums[N] = {};
            for (u32 i = 0; i < 16 && row < end; ++i, row += down) {
                float values[N];
                terms(row, column, values);
                for (int n = 0; n < N; ++n) {
                    sums[n] += values[n];
                }
            }
            for (int n = 0; n < N; ++n) {
                totals[n] += sums[n];
            }
        }
    }
    for (int n = 0; n < N; ++n) {
        __syncthreads();
        scratch[threadIdx.x] = totals[n];
        __syncthreads();
        for (u32 half = down / 2; half > 0; half /= 2) {
            if (own < half) {
                scratch[threadIdx.x] += scratch[threadIdx.x + half * shape.across];
            }
            __syncthreads();
        }
        if (own == 0 && column < shape.columns) {
            u64 matrix = (static_cast<u64>(n) * gridDim.z + blockIdx.z) * gridDim.y + blockIdx.y;
            parts[matrix * shape.columns + column] = scratch[threadIdx.x];
        }
    }
}

// The sum of the parts of number n for one of `count` columns of all matrices, first to last.
__device__ __forceinline__ double sum_of_parts(const double* parts, u32 n, u32 splits, u32 count, u32 column) {
    double total = 0.0;
    for (u32 part = 0; part < splits; ++part) {
        total += parts[(static_cast<u64>(n) * splits + part) * count + column];
    }
    return total;
}

}  // namespace
