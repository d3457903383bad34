// The card, as far as the kernels see it, for a C++ compiler: put in front of common.cuh, it compiles the kernel files for the
// host. Blocks run in turn; the threads of a block are fibres that meet where the card's threads would. See device.cpp.

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#define __device__
#define __global__
#define __forceinline__ inline

struct dim3 {
    unsigned x, y, z;
};
struct alignas(16) float4 {
    float x, y, z, w;
};

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace host {

// Shared memory of the block that runs; a fault follows right behind it.
extern unsigned char* shared;

using Call = void (*)(void* const* arguments);

// Makes a kernel known under its name, with its file, the largest block it is made for and the sizes of its arguments.
struct Registered {
    Registered(const char* name, const char* file, unsigned threads, Call call, const size_t* sizes, size_t count);
};

template <auto FUNCTION, class... A, size_t... I>
void call(void* const* arguments, void (*)(A...), std::index_sequence<I...>) {
    FUNCTION(*static_cast<std::decay_t<A>*>(arguments[I])...);
}

template <auto FUNCTION, class... A>
Registered enter(const char* name, const char* file, unsigned threads, void (*)(A...)) {
    static const size_t sizes[] = {sizeof(A)...};
    Call thunk = [](void* const* arguments) {
        call<FUNCTION>(arguments, FUNCTION, std::make_index_sequence<sizeof...(A)>());
    };
    return Registered(name, file, threads, thunk, sizes, sizeof...(A));
}

// Waits for the other threads of the block, all of which must wait at this place of the text.
void meet_block(int site);
// Hands `bytes` to the other lanes of the warp and waits for theirs; gives those of lane 0, each further lane's 64 bytes on. All must
// do so at this place of the text.
const unsigned char* meet_warp(const void* value, size_t bytes, int site);
// A copy that is made no sooner than the thread waits for it.
void copy_later(void* to, const void* from, size_t bytes);
void commit_copies();
void wait_for_copies(size_t pending);

inline unsigned lane() { return threadIdx.x % 32; }

}  // namespace host

#define KERNEL(threads, name, ...)                                                                      \
    void name(__VA_ARGS__);                                                                             \
    static const host::Registered registered_##name = host::enter<name>(#name, __FILE__, threads, name); \
    void name(__VA_ARGS__)
#define KERNEL_CROWDED(threads, blocks, name, ...) KERNEL(threads, name, __VA_ARGS__)
#define SHARED(type, name) type* name = reinterpret_cast<type*>(host::shared)

inline void __syncthreads(int site = __builtin_LINE()) { host::meet_block(site); }

// All lanes take part, whatever the mask.
template <class T>
T __shfl_xor_sync(unsigned, T value, unsigned other, int site = __builtin_LINE()) {
    const unsigned char* all = host::meet_warp(&value, sizeof value, site);
    T theirs;
    std::memcpy(&theirs, all + 64 * ((host::lane() ^ other) % 32), sizeof theirs);
    return theirs;
}

inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}
inline unsigned __float_as_uint(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline float __uint_as_float(unsigned bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}
// The compiler is told not to contract.
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
using std::isinf;

namespace {

inline void copy_async_16(float* to, const float* from, const float*) { host::copy_later(to, from, 16); }
inline void copy_async_4(float* to, const float* from, const float*) { host::copy_later(to, from, 4); }
inline void copy_async_commit() { host::commit_copies(); }
template <int PENDING>
void copy_async_wait() {
    host::wait_for_copies(PENDING);
}

// Half away from zero, as cvt.rna does.
inline unsigned round_tf32(float x) {
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7f800000u) != 0x7f800000u) {
        bits += 0x1000u;
    } else if (bits & 0x007fffffu) {
        // What makes it NaN may lie in the bits that are cut off.
        return 0x7fffe000u;
    }
    return bits & 0xffffe000u;
}

// The lanes' parts are put together, and each lane works out its own four values. The card does not say in which order it adds
// the eight products: here they are added in double precision.
inline void multiply_tf32(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], int site = __builtin_LINE()) {
    unsigned own[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    const unsigned char* all = host::meet_warp(own, sizeof own, site);
    auto part = [&](unsigned lane, unsigned number) {
        unsigned bits;
        std::memcpy(&bits, all + 64 * lane + 4 * number, sizeof bits);
        return static_cast<double>(__uint_as_float(bits));
    };
    unsigned g = host::lane() / 4, t = host::lane() % 4;
    for (unsigned i = 0; i < 4; ++i) {
        unsigned down = i / 2, column = 2 * t + i % 2;
        double total = c[i];
        for (unsigned k = 0; k < 8; ++k) {
            total += part(4 * g + k % 4, down + 2 * (k / 4)) * part(4 * column + k % 4, 4 + k / 4);
        }
        c[i] = static_cast<float>(total);
    }
}

}  // namespace
