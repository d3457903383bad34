// Cumulative sums along rows, one block for each row; shared memory of 256 doubles.

KERNEL(256, cumulative_sum, const float* x, u32 length, u32 from_end, float* out) {
    SHARED(double, sums);
    u64 row = static_cast<u64>(blockIdx.x) * length;
    double before = 0.0;
    for (u32 first = 0; first < length; first += 256) {
        u32 place = first + threadIdx.x;
        u32 at = from_end ? length - 1 - place : place;
        double own = place < length ? static_cast<double>(x[row + at]) : 0.0;
        sums[threadIdx.x] = own;
        __syncthreads();
        for (u32 step = 1; step < 256; step *= 2) {
            double left = threadIdx.x >= step ? sums[threadIdx.x - step] : 0.0;
            __syncthreads();
            sums[threadIdx.x] += left;
            __syncthreads();
        }
        if (place < length) {
            out[row + at] = static_cast<float>(before + sums[threadIdx.x]);
        }
        before += sums[255];
        __syncthreads();
    }
}
