// The direction of L-BFGS (Nocedal and Wright, "Numerical Optimization", 2006, algorithm 7.4). Its sweeps need a product of whole
// vectors each before they can go on. Every sweep therefore adds up what the one before left, in every block alike, and leaves a part of
// the next product: a launch a sweep, and no number between them leaves the card.

// The first: q = -gradient, and the product of q with `next`.
KERNEL(256, lbfgs_begin, const float* gradient, float* q, const float* next, u32 count, double* parts) {
    sum_all(count, parts, [&](u32 i) {
        float value = -gradient[i];
        q[i] = value;
        return static_cast<double>(value) * static_cast<double>(next[i]);
    });
}

namespace {

// q = scale (q + factor x), and the product of q with `next`.
__device__ __forceinline__ void sweep(double factor, float scale, float* q, const float* x, const float* next, u32 count,
                                      double* parts) {
    float by = static_cast<float>(factor);
    sum_all(count, parts, [&](u32 i) {
        float value = scale * (q[i] + by * x[i]);
        q[i] = value;
        return static_cast<double>(value) * static_cast<double>(next[i]);
    });
}

}  // namespace

// From the newest pair to the oldest: `share` is the product of q with the pair's step, over the pair's own product, and q loses so
// much of the pair's change.
KERNEL(256, lbfgs_back, const double* before, double inverse, double* share, float scale, float* q, const float* change,
       const float* next, u32 count, double* parts) {
    SHARED(double, scratch);
    double own = sum_of_blocks(before, gridDim.x, scratch) * inverse;
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        share[0] = own;
    }
    sweep(-own, scale, q, change, next, count, parts);
}

// From the oldest pair to the newest: q gains of the pair's step what of the share is not there yet.
KERNEL(256, lbfgs_forth, const double* before, double inverse, const double* share, float* q, const float* step,
       const float* next, u32 count, double* parts) {
    SHARED(double, scratch);
    double there = sum_of_blocks(before, gridDim.x, scratch) * inverse;
    sweep(share[0] - there, 1.0f, q, step, next, count, parts);
}

namespace {

// The largest over a block, in every thread; scratch of 32 doubles.
__device__ double block_largest(double value, double* scratch) {
    for (u32 step = 16; step > 0; step /= 2) {
        value = fmax(value, __shfl_xor_sync(0xffffffffu, value, step));
    }
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
        scratch[threadIdx.x / 32] = value;
    }
    __syncthreads();
    for (u32 warp = 0; warp < (blockDim.x + 31) / 32; ++warp) {
        value = fmax(value, scratch[warp]);
    }
    return value;
}

}  // namespace

// For each block, the sum of |gradient| and the largest |q|.
KERNEL(256, lbfgs_sizes, const float* gradient, const float* q, u32 count, double* sums, double* largests) {
    SHARED(double, scratch);
    double largest = 0.0;
    sum_all(count, sums, [&](u32 i) {
        largest = fmax(largest, static_cast<double>(fabsf(q[i])));
        return static_cast<double>(fabsf(gradient[i]));
    });
    largest = block_largest(largest, scratch);
    if (threadIdx.x == 0) {
        largests[blockIdx.x] = largest;
    }
}

// One block: the slope, the sum and the largest.
KERNEL(256, lbfgs_tell, const double* slopes, const double* sums, const double* largests, u32 blocks, double* out) {
    SHARED(double, scratch);
    double slope = sum_of_blocks(slopes, blocks, scratch);
    double sum = sum_of_blocks(sums, blocks, scratch);
    double largest = 0.0;
    for (u32 i = threadIdx.x; i < blocks; i += blockDim.x) {
        largest = fmax(largest, largests[i]);
    }
    largest = block_largest(largest, scratch);
    if (threadIdx.x == 0) {
        out[0] = slope;
        out[1] = sum;
        out[2] = largest;
    }
}
