// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// 2011). Number i of a stream depends on the key, the stream and i alone. The host makes the same numbers to the last bit: nothing here may
// be contracted to a fused product and sum, so products and sums are spelled out.

namespace {

struct Words {
    u32 w[4];
};

__device__ Words philox(u32 key_low, u32 key_high, u32 a, u32 b, u32 c, u32 d) {
    for (int round = 0; round < 10; ++round) {
        u32 high_a = __umulhi(0xD2511F53u, a), low_a = 0xD2511F53u * a;
        u32 high_c = __umulhi(0xCD9E8D57u, c), low_c = 0xCD9E8D57u * c;
        a = high_c ^ b ^ key_low;
        b = low_c;
        c = high_a ^ d ^ key_high;
        d = low_a;
        key_low += 0x9E3779B9u;
        key_high += 0xBB67AE85u;
    }
    return {{a, b, c, d}};
}

// In [0, 1): 24 bits.
__device__ float unit(u32 word) { return __fmul_rn(static_cast<float>(word >> 8), 5.9604644775390625e-8f); }

// Horner's rule, without contraction.
template <int N>
__device__ float polynomial(float x, const float (&coefficients)[N]) {
    float p = coefficients[0];
    for (int i = 1; i < N; ++i) {
        p = __fadd_rn(__fmul_rn(p, x), coefficients[i]);
    }
    return p;
}

// The natural logarithm of a number in (0, 1]; relative error below 2e-7 away from 1.
__device__ float ln(float x) {
    u32 bits = __float_as_uint(x), shifted = bits - 0x3f3504f3u;
    float exponent = static_cast<float>(static_cast<int>(shifted) >> 23);
    float r = __fadd_rn(__uint_as_float((shifted & 0x007fffffu) + 0x3f3504f3u), -1.0f);
    const float coefficients[9] = {7.0376836e-2f, -1.151461e-1f, 1.1676999e-1f, -1.2420141e-1f, 1.4249323e-1f,
                                   -1.6668058e-1f, 2.0000715e-1f, -2.4999994e-1f, 3.333333e-1f};
    float p = polynomial(r, coefficients), square = __fmul_rn(r, r);
    float tail = __fadd_rn(__fmul_rn(__fmul_rn(p, r), square), __fmul_rn(exponent, -2.1219444e-4f));
    tail = __fadd_rn(tail, -__fmul_rn(0.5f, square));
    return __fadd_rn(__fadd_rn(r, tail), __fmul_rn(exponent, 0.6933594f));
}

// Sine and cosine of 2 pi u for u in [0, 1): of the rest in [-1/8, 1/8] of a turn, then by quadrants.
__device__ void sine_cosine(float u, float& sine, float& cosine) {
    // Exact: u has 24 bits, and the difference is small.
    int quadrant = static_cast<int>(__fadd_rn(__fmul_rn(u, 4.0f), 0.5f));
    float rest = __fadd_rn(u, -__fmul_rn(static_cast<float>(quadrant), 0.25f));
    float angle = __fmul_rn(rest, 6.2831855f), z = __fmul_rn(angle, angle);
    const float for_sine[4] = {2.7557319e-6f, -1.984127e-4f, 8.3333333e-3f, -1.6666667e-1f};
    const float for_cosine[5] = {-2.7557319e-7f, 2.4801587e-5f, -1.3888889e-3f, 4.1666667e-2f, -0.5f};
    float s = __fadd_rn(__fmul_rn(__fmul_rn(polynomial(z, for_sine), z), angle), angle);
    float c = __fadd_rn(__fmul_rn(polynomial(z, for_cosine), z), 1.0f);
    bool swapped = quadrant & 1;
    sine = swapped ? c : s;
    cosine = swapped ? s : c;
    sine = quadrant & 2 ? -sine : sine;
    cosine = (quadrant + 1) & 2 ? -cosine : cosine;
}

}  // namespace

// The key, which of its streams, and the number of the next group of four, low words first.
struct Stream {
    u32 key[2];
    u32 stream[2];
    u32 counter[2];
};

namespace {

__device__ Words group(const Stream& stream, u32 i) {
    u64 counter = (static_cast<u64>(stream.counter[1]) << 32 | stream.counter[0]) + i;
    return philox(stream.key[0], stream.key[1], static_cast<u32>(counter), static_cast<u32>(counter >> 32), stream.stream[0],
                  stream.stream[1]);
}

}  // namespace

KERNEL(256, uniform, const Stream* stream, float low, float high, float* out, u32 count) {
    for (u32 i = first_element(); i < (count + 3) / 4; i += element_step()) {
        Words words = group(*stream, i);
        for (u32 j = 0; j < 4 && 4 * i + j < count; ++j) {
            out[4 * i + j] = __fadd_rn(low, __fmul_rn(__fadd_rn(high, -low), unit(words.w[j])));
        }
    }
}

// Box and Muller: two numbers from two.
KERNEL(256, normal, const Stream* stream, float mean, float deviation, float* out, u32 count) {
    for (u32 i = first_element(); i < (count + 3) / 4; i += element_step()) {
        Words words = group(*stream, i);
        for (u32 pair = 0; pair < 4; pair += 2) {
            // In (0, 1]: the logarithm is finite.
            float u = __fadd_rn(1.0f, -unit(words.w[pair]));
            float length = __fsqrt_rn(__fmul_rn(-2.0f, ln(u)));
            float numbers[2];
            sine_cosine(unit(words.w[pair + 1]), numbers[1], numbers[0]);
            for (u32 j = 0; j < 2 && 4 * i + pair + j < count; ++j) {
                float value = __fmul_rn(length, numbers[j]);
                out[4 * i + pair + j] = __fadd_rn(mean, __fmul_rn(deviation, value));
            }
        }
    }
}

// One thread: the stream goes on after `groups` groups of four.
KERNEL(32, advance, Stream* stream, u32 groups) {
    if (threadIdx.x == 0) {
        u32 low = stream->counter[0];
        stream->counter[0] = low + groups;
        stream->counter[1] += low + groups < low ? 1 : 0;
    }
}
