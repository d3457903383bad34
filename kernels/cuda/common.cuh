// What every kernel file starts with: names of types, how a kernel is declared, and the few instructions of the card that C++
// has no word for. The files of this folder are compiled twice: by NVRTC for a card, and by a C++ compiler for the host, where
// emulation/host/device.h stands in for the card. They include nothing: the program that compiles them puts this file in front.
//
// Conventions: tensors are dense and row-major, pictures (N, H, W, C). Counts and places are 32-bit: a buffer holds at most
// 2^31 - 1 values. All shared memory is dynamic, so that the launch says how much there is. No result depends on the order in
// which blocks or threads run, and no floating-point number is added atomically. Blocks whose number grows with the data lie along x
// alone: a grid has 2^31 - 1 of them there, but only 65535 along y and z. (Products have no register to spare for that.)

using u8 = unsigned char;
using u32 = unsigned int;
using u64 = unsigned long long;

#ifdef __CUDACC__

#define INFINITY __uint_as_float(0x7f800000u)
#define NAN __uint_as_float(0x7fc00000u)
#define KERNEL(threads, name, ...) extern "C" __global__ void __launch_bounds__(threads) name(__VA_ARGS__)
// At least `blocks` of them must fit a multiprocessor: a bound on registers.
#define KERNEL_CROWDED(threads, blocks, name, ...) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name(__VA_ARGS__)
#define SHARED(type, name)                                    \
    extern __shared__ __align__(16) unsigned char shared_bytes[]; \
    type* name = reinterpret_cast<type*>(shared_bytes)

namespace {

// Copies 16 bytes to shared memory while the thread goes on; zeros where `from` is null.
__device__ __forceinline__ void copy_async_16(float* to, const float* from, const float* any) {
    u32 place = static_cast<u32>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(place), "l"(from ? from : any),
                 "r"(from ? 16 : 0));
}

// The same for 4 bytes.
__device__ __forceinline__ void copy_async_4(float* to, const float* from, const float* any) {
    u32 place = static_cast<u32>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;\n" ::"r"(place), "l"(from ? from : any),
                 "r"(from ? 4 : 0));
}

// Ends a group of copies.
__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;\n" ::); }

// Waits until at most the newest `PENDING` groups of this thread are still under way.
template <int PENDING>
__device__ __forceinline__ void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(PENDING));
}

// To the nearest number of 10 bits of fraction: what the tensor cores multiply.
__device__ __forceinline__ u32 round_tf32(float x) {
    u32 bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

// c += a b for a 16 x 8 and an 8 x 8 matrix spread over a warp. With g = lane / 4 and t = lane % 4, a thread holds of a: (g, t),
// (g + 8, t), (g, t + 4), (g + 8, t + 4); of b: (t, g), (t + 4, g); of c: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
__device__ __forceinline__ void multiply_tf32(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace

#endif

namespace {

// Division by a number known at launch: a product and a shift. Right for dividends below 2^31.
struct Divide {
    u32 divisor;
    u32 multiplier;
    u32 shift;

    __device__ __forceinline__ u32 of(u32 n) const { return (__umulhi(n, multiplier) + n) >> shift; }
    // The remainder; `n` becomes the quotient.
    __device__ __forceinline__ u32 split(u32& n) const {
        u32 whole = n, quotient = of(n);
        n = quotient;
        return whole - quotient * divisor;
    }
};

// The remainder by a number that is no constant; `n` becomes the quotient.
__device__ __forceinline__ u32 split_by(u32& n, u32 divisor) {
    u32 whole = n;
    n = whole / divisor;
    return whole - n * divisor;
}

// How many pieces of `size` cover `n`.
__device__ __forceinline__ u32 pieces(u32 n, u32 size) { return (n + size - 1) / size; }

// The first of this thread's elements and the step to the next, in loops over all elements.
__device__ __forceinline__ u32 first_element() { return blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ u32 element_step() { return gridDim.x * blockDim.x; }

// The sum over a block, in an order fixed by its size: tree over the lanes of a warp, then over the warps. The result is in every
// thread; `scratch` holds 32 values.
template <class T>
__device__ T block_sum(T value, T* scratch) {
    for (u32 step = 16; step > 0; step /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, step);
    }
    u32 warps = (blockDim.x + 31) / 32;
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
        scratch[threadIdx.x / 32] = value;
    }
    __syncthreads();
    T total = 0;
    for (u32 warp = 0; warp < warps; ++warp) {
        total += scratch[warp];
    }
    return total;
}

__device__ __forceinline__ bool is_nan(float x) { return x != x; }

}  // namespace
