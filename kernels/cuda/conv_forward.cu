// A convolution: rows are output pixels, columns output channels, the depth taps and input channels.

namespace {

struct Pictures {
    static constexpr bool DEPTH_ADJACENT = true;
    static constexpr bool MAY_BE_UNALIGNED = false;
    static constexpr bool aligned = true;
    const float* values;
    const Conv& conv;

    struct Row {
        const float* picture;
        int top, left;
    };
    struct Place {
        int down, across;
        u32 channel;
    };
    __device__ Row row(u32 pixel) const {
        u32 left = conv.by_out_width.split(pixel), top = conv.by_out_height.split(pixel);
        if (pixel >= conv.batch) {
            return {nullptr, 0, 0};
        }
        return {values + static_cast<u64>(pixel) * conv.height * conv.width * conv.channels_in,
                static_cast<int>(top * conv.stride_height) - static_cast<int>(conv.padding_height),
                static_cast<int>(left * conv.stride_width) - static_cast<int>(conv.padding_width)};
    }
    __device__ Place place(u32 depth) const {
        u32 channel = conv.by_channels_in.split(depth), across = conv.by_kernel_width.split(depth);
        return {static_cast<int>(depth), static_cast<int>(across), channel};
    }
    __device__ const float* at(const Row& row, const Place& place, u32) const {
        u32 y = row.top + place.down, x = row.left + place.across;
        if (!row.picture || y >= conv.height || x >= conv.width) {
            return nullptr;
        }
        return row.picture + (y * conv.width + x) * conv.channels_in + place.channel;
    }
};

struct Outputs {
    const Conv& conv;
    u32 phase;

    __device__ u32 rows() const { return conv.batch * conv.out_height * conv.out_width; }
    __device__ u32 columns() const { return conv.kept_out; }
    __device__ __forceinline__ void write(u32 row, u32 column, float value) const {
        conv.epilogue.write(conv.out + static_cast<u64>(row) * conv.kept_out + column, column, value);
    }
};

template <class T, bool EXACT>
__device__ void run(const Conv& conv) {
    u32 depth = conv.kernel_height * conv.kernel_width * conv.channels_in;
    Pictures left{conv.pictures, conv};
    Matrix<false> right{conv.other, conv.channels_out, depth, conv.channels_out, 1};
    Stretch stretch(depth, conv.splits, blockIdx.z);
    Finish<Outputs> finish{conv, {conv, 0}, blockIdx.z};
    product<T, EXACT>(left, right, blockIdx.x * T::ROWS, blockIdx.y * T::COLUMNS, stretch.begin, stretch.end, finish);
}

__device__ void sum_parts(const Conv& conv) { add_parts(conv, Outputs{conv, 0}); }

}  // namespace

DIRECTIONS(forward)
