// Kernels with the faults that the emulation is to find, for its own tests.

// Each thread reads what its neighbour wrote, with nothing between.
KERNEL(64, faulty_no_barrier, float* out) {
    SHARED(float, values);
    values[threadIdx.x] = static_cast<float>(threadIdx.x);
    out[threadIdx.x] = values[(threadIdx.x + 1) % blockDim.x];
}

// What was read is written over for the next round while others still read it.
KERNEL(64, faulty_second_round, float* out) {
    SHARED(float, values);
    float total = 0.0f;
    for (u32 round = 0; round < 2; ++round) {
        values[threadIdx.x] = static_cast<float>(threadIdx.x + round);
        __syncthreads();
        total += values[blockDim.x - 1 - threadIdx.x];
    }
    out[threadIdx.x] = total;
}

// A shuffle orders no memory.
KERNEL(32, faulty_shuffle, float* out) {
    SHARED(float, values);
    values[threadIdx.x] = static_cast<float>(threadIdx.x);
    float other = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
    out[threadIdx.x] = values[threadIdx.x ^ 1] * other;
}

// Copies have arrived for the thread that waits, and for others after a barrier.
KERNEL(64, faulty_arrival, const float* x, float* out) {
    SHARED(float, values);
    copy_async_4(values + threadIdx.x, x + threadIdx.x, x);
    copy_async_commit();
    copy_async_wait<0>();
    out[threadIdx.x] = values[threadIdx.x ^ 1];
}

// Every block adds to the same place.
KERNEL(32, faulty_blocks, float* out) {
    if (threadIdx.x == 0) {
        out[0] = out[0] + 1.0f;
    }
}

// Four values at once that begin at the second.
KERNEL(32, faulty_boundary, const float* x, float* out) {
    if (threadIdx.x == 0) {
        reinterpret_cast<float4*>(out)[0] = reinterpret_cast<const float4*>(x + 1)[0];
    }
}

KERNEL(32, faulty_copy_boundary, const float* x, float* out) {
    SHARED(float, values);
    copy_async_16(values + 4 * threadIdx.x, x + 1 + 4 * threadIdx.x, x);
    copy_async_commit();
    copy_async_wait<0>();
    out[threadIdx.x] = values[4 * threadIdx.x];
}

// Lanes that go different ways, and shuffle on both.
KERNEL(32, faulty_divergence, float* out) {
    float value = static_cast<float>(threadIdx.x);
    if (threadIdx.x < 16) {
        value = __shfl_xor_sync(0xffffffffu, value, 1);
    } else {
        value = __shfl_xor_sync(0xffffffffu, -value, 1);
    }
    out[threadIdx.x] = value;
}

// Half of the warps wait at a barrier of their own.
KERNEL(64, faulty_barriers, float* out) {
    if (threadIdx.x < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    out[threadIdx.x] = 1.0f;
}

KERNEL(64, faulty_left_out, float* out) {
    if (threadIdx.x < 32) {
        __syncthreads();
    }
    out[threadIdx.x] = 1.0f;
}

// A value behind the last.
KERNEL(64, faulty_place, float* out) { out[threadIdx.x + 1] = 1.0f; }

// And what is right, in all that the others are wrong in.
KERNEL(64, faultless, const float* x, float* out) {
    SHARED(float, values);
    copy_async_4(values + threadIdx.x, x + threadIdx.x, x);
    copy_async_commit();
    copy_async_wait<0>();
    __syncthreads();
    float total = values[threadIdx.x ^ 1];
    __syncthreads();
    values[threadIdx.x] = __shfl_xor_sync(0xffffffffu, total, 2);
    __syncthreads();
    total += values[blockDim.x - 1 - threadIdx.x];
    out[blockIdx.x * blockDim.x + threadIdx.x] = total;
}
