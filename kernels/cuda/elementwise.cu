// One function over every element, over pairs, or over threes. Each function is a kernel of its own.

namespace {

__device__ __forceinline__ float sigmoid(float x) {
    float e = expf(-fabsf(x)), positive = 1.0f / (1.0f + e);
    return x >= 0.0f ? positive : e * positive;
}
__device__ __forceinline__ float softplus(float x) {
    return (is_nan(x) ? x : fmaxf(x, 0.0f)) + log1pf(expf(-fabsf(x)));
}
__device__ __forceinline__ float sign(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f; }
// NaN for every negative number, the infinite one too, unless the exponent is whole.
__device__ __forceinline__ float power(float x, float exponent) {
    if (x < 0.0f && floorf(exponent) != exponent) {
        return NAN;
    }
    return static_cast<float>(pow(static_cast<double>(x), static_cast<double>(exponent)));
}

// How operands that are repeated along axes are walked through: the output's shape, innermost axis first, and each operand's
// step along each axis.
struct Strided {
    u32 axes;
    Divide shape[6];
    u32 a[6];
    u32 b[6];
};

}  // namespace

// `out[i] = value` of x[i], with two numbers p and q; x may be out.
#define MAP(name, value)                                                                          \
    namespace {                                                                                   \
    __device__ __forceinline__ float map_of_##name(float x, float p, float q) {                       \
        (void)x, (void)p, (void)q;                                                                         \
        return value;                                                                             \
    }                                                                                             \
    }                                                                                             \
    KERNEL(256, map_##name, const float* x, float* out, u32 count, float p, float q) {            \
        for (u32 i = first_element(); i < count / 4; i += element_step()) {                       \
            float4 v = reinterpret_cast<const float4*>(x)[i];                                     \
            v.x = map_of_##name(v.x, p, q), v.y = map_of_##name(v.y, p, q);                               \
            v.z = map_of_##name(v.z, p, q), v.w = map_of_##name(v.w, p, q);                               \
            reinterpret_cast<float4*>(out)[i] = v;                                                \
        }                                                                                         \
        for (u32 i = count / 4 * 4 + first_element(); i < count; i += element_step()) {           \
            out[i] = map_of_##name(x[i], p, q);                                                       \
        }                                                                                         \
    }

MAP(copy, x)
MAP(fill, p)
MAP(neg, -x)
MAP(abs, fabsf(x))
MAP(sign, sign(x))
MAP(square, x* x)
MAP(sqrt, sqrtf(x))
MAP(exp, expf(x))
MAP(ln, logf(x))
MAP(sigmoid, sigmoid(x))
MAP(softplus, softplus(x))
MAP(tanh, tanhf(x))
MAP(scale, p* x)
MAP(add, x + p)
MAP(reciprocal_or_zero, x == 0.0f ? 0.0f : 1.0f / x)
MAP(reciprocal_root, 1.0f / sqrtf(x + p))
MAP(power, power(x, p))
MAP(power_or_zero, x == 0.0f ? 0.0f : power(x, p))
MAP(relu, x <= 0.0f ? 0.0f : x)
MAP(leaky_relu, x > 0.0f ? x : p * x)
MAP(leaky_slope, x > 0.0f ? 1.0f : p)
// NaN stays.
MAP(clamp, x < p ? p : x > q ? q : x)
MAP(is_inside, x >= p && x <= q ? 1.0f : 0.0f)
MAP(is_zero, x == 0.0f ? 1.0f : 0.0f)
MAP(is_below, x < p ? 1.0f : 0.0f)

// `out = value` of a and b, with a number p: element by element, or with operands that are repeated; a may be out.
#define ZIP(name, value)                                                                              \
    namespace {                                                                                       \
    __device__ __forceinline__ float zip_of_##name(float a, float b, float p) {                           \
        (void)b, (void)p;                                                                                     \
        return value;                                                                                 \
    }                                                                                                 \
    }                                                                                                 \
    KERNEL(256, zip_##name, const float* a, const float* b, float* out, u32 count, float p) {         \
        for (u32 i = first_element(); i < count / 4; i += element_step()) {                           \
            float4 v = reinterpret_cast<const float4*>(a)[i];                                         \
            float4 w = reinterpret_cast<const float4*>(b)[i];                                         \
            v.x = zip_of_##name(v.x, w.x, p), v.y = zip_of_##name(v.y, w.y, p);                               \
            v.z = zip_of_##name(v.z, w.z, p), v.w = zip_of_##name(v.w, w.w, p);                               \
            reinterpret_cast<float4*>(out)[i] = v;                                                    \
        }                                                                                             \
        for (u32 i = count / 4 * 4 + first_element(); i < count; i += element_step()) {               \
            out[i] = zip_of_##name(a[i], b[i], p);                                                        \
        }                                                                                             \
    }                                                                                                 \
    KERNEL(256, zip_strided_##name, const float* a, const float* b, float* out, u32 count, float p,   \
           Strided strided) {                                                                         \
        for (u32 i = first_element(); i < count; i += element_step()) {                               \
            u32 rest = i, a_at = 0, b_at = 0;                                                         \
            for (u32 axis = 0; axis < strided.axes; ++axis) {                                         \
                u32 place = strided.shape[axis].split(rest);                                          \
                a_at += place * strided.a[axis];                                                      \
                b_at += place * strided.b[axis];                                                      \
            }                                                                                         \
            out[i] = zip_of_##name(a[a_at], b[b_at], p);                                                  \
        }                                                                                             \
    }

ZIP(first, a)
ZIP(add, a + b)
ZIP(sub, a - b)
ZIP(mul, a* b)
ZIP(div, a / b)
ZIP(maximum, a > b || is_nan(a) ? a : b)
ZIP(minimum, a < b || is_nan(a) ? a : b)
// What the larger (smaller) of two passes on of its gradient: half where both are equal.
ZIP(maximum_share, a == b ? 0.5f : b > a ? 0.0f : 1.0f)
ZIP(minimum_share, a == b ? 0.5f : b < a ? 0.0f : 1.0f)
// `a` where the mask `b` is not 0.
ZIP(masked, b == 0.0f ? 0.0f : a)
// Gradients `a` through functions whose input or output was `b`.
ZIP(abs_gradient, a* sign(b))
ZIP(square_gradient, 2.0f * a * b)
ZIP(softplus_gradient, a* sigmoid(b))
ZIP(sigmoid_gradient, a* b*(1.0f - b))
ZIP(tanh_gradient, a*(1.0f - b * b))
ZIP(relu_gradient, b <= 0.0f ? 0.0f : a)
ZIP(leaky_relu_gradient, b > 0.0f ? a : p * a)
ZIP(scaled_difference, p*(a - b))
ZIP(scaled_sign_of_difference, p* sign(a - b))
// The running mean `a` of `b` that keeps `p` of itself.
ZIP(average, a* p + b*(1.0f - p))
// `a + p b`
ZIP(add_scaled, a + p * b)

#define ZIP_THREE(name, value)                                                                            \
    KERNEL(256, zip_three_##name, const float* first, const float* second, const float* third, float* out, \
           u32 count) {                                                                                   \
        for (u32 i = first_element(); i < count; i += element_step()) {                                   \
            float a = first[i], b = second[i], c = third[i];                                              \
            out[i] = value;                                                                               \
        }                                                                                                 \
    }

// `b` where the mask `a` is not 0, else `c`.
ZIP_THREE(select, a == 0.0f ? c : b)
ZIP_THREE(maximum_gradient, a*(b == c ? 0.5f : c > b ? 0.0f : 1.0f))
ZIP_THREE(minimum_gradient, a*(b == c ? 0.5f : c < b ? 0.0f : 1.0f))
