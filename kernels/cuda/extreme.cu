// Where the largest or smallest value of a column lies: the first of equal ones, the first NaN if there is one.

namespace {

// Whether a value at one place takes the position of a value at another.
__device__ bool beats(float sign, float value, u32 at, float best, u32 best_at) {
    if (is_nan(value) || is_nan(best)) {
        return is_nan(value) && (!is_nan(best) || at < best_at);
    }
    return sign * value > sign * best || (value == best && at < best_at);
}

}  // namespace

// Matrices of `rows` x `columns`: blocks handle the tiles of one, and then those of the next. Shared memory of 256 floats and 256 places.
KERNEL(256, search_middle, const float* x, u32 rows, u32 columns, u32 across, float sign, u32* places) {
    SHARED(float, values);
    u32* found = reinterpret_cast<u32*>(values + 256);
    u32 matrix = blockIdx.x, tile = split_by(matrix, pieces(columns, across));
    const float* plane = x + static_cast<u64>(matrix) * rows * columns;
    u32 down = 256 / across, own = threadIdx.x / across, column = tile * across + threadIdx.x % across;
    // No value lies at this place: it loses to every one.
    u32 best_at = 0xffffffffu;
    float best = 0.0f;
    if (column < columns) {
        for (u32 row = own; row < rows; row += down) {
            float value = plane[row * columns + column];
            if (best_at == 0xffffffffu || beats(sign, value, row, best, best_at)) {
                best = value;
                best_at = row;
            }
        }
    }
    values[threadIdx.x] = best;
    found[threadIdx.x] = best_at;
    __syncthreads();
    for (u32 half = down / 2; half > 0; half /= 2) {
        if (own < half) {
            u32 other = threadIdx.x + half * across;
            bool takes = found[threadIdx.x] == 0xffffffffu ||
                         beats(sign, values[other], found[other], values[threadIdx.x], found[threadIdx.x]);
            if (found[other] != 0xffffffffu && takes) {
                values[threadIdx.x] = values[other];
                found[threadIdx.x] = found[other];
            }
        }
        __syncthreads();
    }
    if (own == 0 && column < columns) {
        places[matrix * columns + column] = found[threadIdx.x];
    }
}
