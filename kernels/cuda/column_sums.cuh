// Sums down the columns of matrices: what sums along axes and the statistics of norms are made of.

namespace {

// Matrices of `rows` x `columns`. Blocks along x handle the tiles of a matrix, and then those of the next; its rows are cut into
// gridDim.y parts.
struct Columns {
    u32 rows, columns;
    // Columns a block handles side by side: a power of two, at most 32.
    u32 across;

    __device__ u32 tiles() const { return pieces(columns, across); }
    // The matrix of this block.
    __device__ u32 matrix() const { return blockIdx.x / tiles(); }
};

// For each column of a block's tile and part, the sums of the N numbers that `terms(row, column, out)` gives, in
// `parts[((n * parts + part) * matrices + matrix) * columns + column]`. Threads add up 16 terms in single precision at a
// time, all else is in double precision. 256 threads; shared memory of 256 doubles.
template <int N, class Terms>
__device__ void column_sums(const Columns& shape, double* parts, const Terms& terms) {
    SHARED(double, scratch);
    u32 down = 256 / shape.across, own = threadIdx.x / shape.across;
    u32 column = blockIdx.x % shape.tiles() * shape.across + threadIdx.x % shape.across;
    u32 each = pieces(shape.rows, gridDim.y);
    u32 begin = blockIdx.y * each, end = begin + each < shape.rows ? begin + each : shape.rows;
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
            u32 matrices = gridDim.x / shape.tiles();
            u64 matrix = (static_cast<u64>(n) * gridDim.y + blockIdx.y) * matrices + shape.matrix();
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
