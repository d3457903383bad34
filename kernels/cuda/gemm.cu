// Products of row-major matrices, C = A B, batched.

namespace {

struct Gemm {
    const float* a;
    const float* b;
    float* c;
    // Where the parts of split sums go, (part, item, m, n); null where the sum is not split.
    float* parts;
    u32 m, n, k;
    u32 items, splits;
    u64 stride_a, stride_b, stride_c;
    u32 aligned_a, aligned_b;
    Epilogue epilogue;
};

template <class T, bool EXACT, bool TRANSPOSE_A, bool TRANSPOSE_B>
__device__ void run(const Gemm& gemm) {
    u32 part = blockIdx.z % gemm.splits, item = blockIdx.z / gemm.splits;
    Matrix<!TRANSPOSE_A> left{gemm.a + item * gemm.stride_a, gemm.m, gemm.k, TRANSPOSE_A ? gemm.m : gemm.k, gemm.aligned_a};
    Matrix<TRANSPOSE_B> right{gemm.b + item * gemm.stride_b, gemm.n, gemm.k, TRANSPOSE_B ? gemm.k : gemm.n, gemm.aligned_b};
    Stretch stretch(gemm.k, gemm.splits, part);
    product<T, EXACT>(left, right, blockIdx.x * T::ROWS, blockIdx.y * T::COLUMNS, stretch.begin, stretch.end,
                      [&](u32 row, u32 column, float value) {
                          if (row >= gemm.m || column >= gemm.n) {
                              return;
                          }
                          u64 at = static_cast<u64>(row) * gemm.n + column;
                          if (gemm.parts) {
                              gemm.parts[(static_cast<u64>(part) * gemm.items + item) * gemm.m * gemm.n + at] = value;
                          } else {
                              gemm.epilogue.write(gemm.c + item * gemm.stride_c + at, column, value);
                          }
                      });
}

}  // namespace

#define PRODUCTS(name, transpose_a, transpose_b)                                                                      \
    KERNEL_CROWDED(256, 2, gemm_##name##_wide_tf32, Gemm gemm) { run<Wide, false, transpose_a, transpose_b>(gemm); } \
    KERNEL_CROWDED(256, 2, gemm_##name##_wide_f32, Gemm gemm) { run<Wide, true, transpose_a, transpose_b>(gemm); }   \
    KERNEL(128, gemm_##name##_small_tf32, Gemm gemm) { run<Small, false, transpose_a, transpose_b>(gemm); }          \
    KERNEL(128, gemm_##name##_small_f32, Gemm gemm) { run<Small, true, transpose_a, transpose_b>(gemm); }            \
    KERNEL(128, gemm_##name##_narrow_tf32, Gemm gemm) { run<Narrow, false, transpose_a, transpose_b>(gemm); }        \
    KERNEL(128, gemm_##name##_narrow_f32, Gemm gemm) { run<Narrow, true, transpose_a, transpose_b>(gemm); }

PRODUCTS(nn, false, false)
PRODUCTS(nt, false, true)
PRODUCTS(tn, true, false)
PRODUCTS(tt, true, true)

// Adds the parts of split sums up, first to last, and does the rest.
KERNEL(256, gemm_sum_parts, Gemm gemm) {
    u32 plane = gemm.m * gemm.n, count = gemm.items * plane;
    for (u32 i = first_element(); i < count; i += element_step()) {
        float total = 0.0f;
        for (u32 part = 0; part < gemm.splits; ++part) {
            total += gemm.parts[static_cast<u64>(part) * count + i];
        }
        u32 item = i / plane, at = i % plane;
        gemm.epilogue.write(gemm.c + item * gemm.stride_c + at, at % gemm.n, total);
    }
}
