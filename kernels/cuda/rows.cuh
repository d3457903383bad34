// Rows that a group of lanes of one warp handles together.

namespace {

// `lanes` is a power of two up to 32. All lanes of a warp stay together: those past the last row work on none.
struct Rows {
    u32 rows, length, lanes;

    __device__ u32 row() const { return (blockIdx.x * blockDim.x + threadIdx.x) / lanes; }
    __device__ u32 lane() const { return threadIdx.x % lanes; }

    __device__ float sum(float value) const {
        for (u32 step = lanes / 2; step > 0; step /= 2) {
            value += __shfl_xor_sync(0xffffffffu, value, step);
        }
        return value;
    }

    // The sum of `term(i)` over the places of the row.
    template <class Term>
    __device__ float sum_of(const Term& term) const {
        float total = 0.0f;
        if (row() < rows) {
            for (u32 i = lane(); i < length; i += lanes) {
                total += term(i);
            }
        }
        return sum(total);
    }

    // The largest of `term(i)`; NaN is passed over.
    template <class Term>
    __device__ float largest_of(const Term& term) const {
        float best = -INFINITY;
        if (row() < rows) {
            for (u32 i = lane(); i < length; i += lanes) {
                float value = term(i);
                best = value > best ? value : best;
            }
        }
        for (u32 step = lanes / 2; step > 0; step /= 2) {
            float other = __shfl_xor_sync(0xffffffffu, best, step);
            best = other > best ? other : best;
        }
        return best;
    }

    // Calls `write(i)` for this lane's places.
    template <class Write>
    __device__ void each(const Write& write) const {
        if (row() < rows) {
            for (u32 i = lane(); i < length; i += lanes) {
                write(i);
            }
        }
    }
};

}  // namespace
