// What the three directions of a convolution share. All three are products of matrices whose pictures are gathered on the way.
//
// Channels come in fours: the launch pads pictures and filters of other widths. `channels_in` and `channels_out` are the padded
// numbers, `kept_in` and `kept_out` the true ones, and only those are written.

namespace {

struct Conv {
    // What is read: the pictures (x or dy) and the other side (filters or dy).
    const float* pictures;
    const float* other;
    float* out;
    // Where the parts of split sums go, (phase, part, row, column); null where the sum is not split.
    float* parts;
    u32 batch, height, width, channels_in;
    u32 out_height, out_width, channels_out;
    u32 kept_in, kept_out;
    u32 kernel_height, kernel_width;
    u32 stride_height, stride_width;
    u32 padding_height, padding_width;
    u32 splits;
    // Rows and columns of the input that one phase has at most: height / stride, rounded up.
    u32 phase_height, phase_width;
    Divide by_channels_in, by_channels_out, by_kernel_width;
    Divide by_out_width, by_out_height;
    Divide by_phase_width, by_phase_height;
    // Taps across that a phase may have: kernel / stride, rounded down and up.
    Divide by_few_taps, by_many_taps;
    Epilogue epilogue;
};

}  // namespace

#define DIRECTIONS(name)                                                                            \
    KERNEL_CROWDED(256, 2, conv_##name##_wide_tf32, Conv conv) { run<Wide, false>(conv); }          \
    KERNEL_CROWDED(256, 2, conv_##name##_wide_f32, Conv conv) { run<Wide, true>(conv); }            \
    KERNEL(128, conv_##name##_small_tf32, Conv conv) { run<Small, false>(conv); }                   \
    KERNEL(128, conv_##name##_small_f32, Conv conv) { run<Small, true>(conv); }                     \
    KERNEL(128, conv_##name##_narrow_tf32, Conv conv) { run<Narrow, false>(conv); }                 \
    KERNEL(128, conv_##name##_narrow_f32, Conv conv) { run<Narrow, true>(conv); }                   \
    KERNEL(256, conv_##name##_sum_parts, Conv conv) { sum_parts(conv); }

namespace {

// Hands a value to `out` (row, column and epilogue known to the direction) or to the parts.
template <class Direction>
struct Finish {
    const Conv& conv;
    Direction direction;
    u32 part;

    __device__ __forceinline__ void operator()(u32 row, u32 column, float value) const {
        if (row >= direction.rows() || column >= direction.columns()) {
            return;
        }
        if (conv.parts) {
            u64 plane = static_cast<u64>(direction.rows()) * direction.columns();
            u64 matrix = static_cast<u64>(direction.phase) * conv.splits + part;
            conv.parts[matrix * plane + static_cast<u64>(row) * direction.columns() + column] = value;
        } else {
            direction.write(row, column, value);
        }
    }
};

// Adds the parts of split sums up, first to last.
template <class Direction>
__device__ void add_parts(const Conv& conv, const Direction& direction) {
    u32 columns = direction.columns(), plane = direction.rows() * columns;
    const float* parts = conv.parts + static_cast<u64>(direction.phase) * conv.splits * plane;
    for (u32 i = first_element(); i < plane; i += element_step()) {
        float total = 0.0f;
        for (u32 part = 0; part < conv.splits; ++part) {
            total += parts[static_cast<u64>(part) * plane + i];
        }
        direction.write(i / columns, i % columns, total);
    }
}

}  // namespace
