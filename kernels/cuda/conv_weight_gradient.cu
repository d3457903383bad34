// The filter gradient of a convolution: rows are taps and input channels, columns output channels, the depth output pixels.

namespace {

struct Pictures {
    static constexpr bool DEPTH_ADJACENT = false;
    static constexpr bool MAY_BE_UNALIGNED = false;
    static constexpr bool aligned = true;
    const float* values;
    const Conv& conv;

    struct Row {
        int down, across;
        u32 channel;
    };
    struct Place {
        const float* picture;
        int top, left;
    };
    __device__ Row row(u32 row) const {
        u32 channel = conv.by_channels_in.split(row), across = conv.by_kernel_width.split(row);
        // A tap below the last one: never inside, whatever the pixel.
        int down = row < conv.kernel_height ? static_cast<int>(row) : 0x20000000;
        return {down, static_cast<int>(across), channel};
    }
    __device__ Place place(u32 pixel) const {
        u32 left = conv.by_out_width.split(pixel), top = conv.by_out_height.split(pixel);
        return {values + static_cast<u64>(pixel) * conv.height * conv.width * conv.channels_in,
                static_cast<int>(top * conv.stride_height) - static_cast<int>(conv.padding_height),
                static_cast<int>(left * conv.stride_width) - static_cast<int>(conv.padding_width)};
    }
    __device__ const float* at(const Row& row, const Place& place, u32) const {
        u32 y = place.top + row.down, x = place.left + row.across;
        if (y >= conv.height || x >= conv.width) {
            return nullptr;
        }
        return place.picture + (y * conv.width + x) * conv.channels_in + row.channel;
    }
};

struct Weights {
    const Conv& conv;
    u32 phase;

    __device__ u32 rows() const { return conv.kernel_height * conv.kernel_width * conv.channels_in; }
    __device__ u32 columns() const { return conv.kept_out; }
    __device__ __forceinline__ void write(u32 row, u32 column, float value) const {
        u32 channel = conv.by_channels_in.split(row);
        if (channel < conv.kept_in) {
            u64 at = static_cast<u64>(row * conv.kept_in + channel) * conv.kept_out + column;
            conv.epilogue.write(conv.out + at, column, value);
        }
    }
};

template <class T, bool EXACT>
__device__ void run(const Conv& conv) {
    u32 depth = conv.batch * conv.out_height * conv.out_width;
    Pictures left{conv.pictures, conv};
    Matrix<false> right{conv.other, conv.channels_out, depth, conv.channels_out, 1};
    Stretch stretch(depth, conv.splits, blockIdx.z);
    Finish<Weights> finish{conv, {conv, 0}, blockIdx.z};
    product<T, EXACT>(left, right, blockIdx.x * T::ROWS, blockIdx.y * T::COLUMNS, stretch.begin, stretch.end, finish);
}

__device__ void sum_parts(const Conv& conv) { add_parts(conv, Weights{conv, 0}); }

}  // namespace

DIRECTIONS(weight_gradient)
