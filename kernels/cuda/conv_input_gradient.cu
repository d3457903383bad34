// The input gradient of a convolution, which is the transposed convolution. Rows are input pixels, columns input channels, the
// depth taps and output channels. With strides, the input falls into phases that each see only some of the taps; each is a
// product of its own, so no zero is multiplied.

namespace {

// What one phase sees along one axis.
struct Axis {
    // The first tap, and how many there are, a stride apart.
    u32 first, taps;

    __device__ Axis(u32 phase, u32 kernel, u32 stride, u32 padding) {
        first = (phase + padding) % stride;
        taps = first < kernel ? (kernel - first + stride - 1) / stride : 0;
    }
};

struct Phase {
    u32 row, column;
    Axis down, across;
    Divide by_taps;

    __device__ Phase(const Conv& conv, u32 phase)
        : row(phase / conv.stride_width),
          column(phase % conv.stride_width),
          down(row, conv.kernel_height, conv.stride_height, conv.padding_height),
          across(column, conv.kernel_width, conv.stride_width, conv.padding_width),
          by_taps(across.taps == conv.by_many_taps.divisor ? conv.by_many_taps : conv.by_few_taps) {}
};

struct Gradients {
    static constexpr bool DEPTH_ADJACENT = true;
    static constexpr bool MAY_BE_UNALIGNED = false;
    static constexpr bool aligned = true;
    const float* values;
    const Conv& conv;
    const Phase& phase;

    struct Row {
        const float* picture;
        int top, left;
    };
    struct Place {
        int down, across;
        u32 channel;
    };
    __device__ Row row(u32 pixel) const {
        u32 left = conv.by_phase_width.split(pixel), top = conv.by_phase_height.split(pixel);
        u32 y = top * conv.stride_height + phase.row, x = left * conv.stride_width + phase.column;
        if (pixel >= conv.batch || y >= conv.height || x >= conv.width) {
            return {nullptr, 0, 0};
        }
        return {values + static_cast<u64>(pixel) * conv.out_height * conv.out_width * conv.channels_out,
                static_cast<int>((y + conv.padding_height - phase.down.first) / conv.stride_height),
                static_cast<int>((x + conv.padding_width - phase.across.first) / conv.stride_width)};
    }
    __device__ Place place(u32 depth) const {
        u32 channel = conv.by_channels_out.split(depth), across = phase.by_taps.split(depth);
        return {static_cast<int>(depth), static_cast<int>(across), channel};
    }
    __device__ const float* at(const Row& row, const Place& place, u32) const {
        u32 y = row.top - place.down, x = row.left - place.across;
        if (!row.picture || y >= conv.out_height || x >= conv.out_width) {
            return nullptr;
        }
        return row.picture + (y * conv.out_width + x) * conv.channels_out + place.channel;
    }
};

struct Filters {
    static constexpr bool DEPTH_ADJACENT = true;
    static constexpr bool MAY_BE_UNALIGNED = false;
    static constexpr bool aligned = true;
    const float* values;
    const Conv& conv;
    const Phase& phase;

    struct Row {
        u32 channel;
    };
    struct Place {
        u32 at;
    };
    __device__ Row row(u32 channel) const { return {channel}; }
    __device__ Place place(u32 depth) const {
        u32 channel = conv.by_channels_out.split(depth), across = phase.by_taps.split(depth);
        u32 down_tap = phase.down.first + depth * conv.stride_height;
        u32 across_tap = phase.across.first + across * conv.stride_width;
        return {(down_tap * conv.kernel_width + across_tap) * conv.channels_in * conv.channels_out + channel};
    }
    __device__ const float* at(const Row& row, const Place& place, u32) const {
        return row.channel < conv.channels_in ? values + place.at + row.channel * conv.channels_out : nullptr;
    }
};

struct Inputs {
    const Conv& conv;
    u32 phase;

    __device__ u32 rows() const { return conv.batch * conv.phase_height * conv.phase_width; }
    __device__ u32 columns() const { return conv.kept_in; }
    __device__ __forceinline__ void write(u32 row, u32 column, float value) const {
        u32 left = conv.by_phase_width.split(row), top = conv.by_phase_height.split(row);
        u32 y = top * conv.stride_height + phase / conv.stride_width, x = left * conv.stride_width + phase % conv.stride_width;
        if (y < conv.height && x < conv.width) {
            u64 pixel = (static_cast<u64>(row) * conv.height + y) * conv.width + x;
            conv.epilogue.write(conv.out + pixel * conv.kept_in + column, column, value);
        }
    }
};

template <class T, bool EXACT>
__device__ void run(const Conv& conv) {
    u32 part = blockIdx.z % conv.splits, number = blockIdx.z / conv.splits;
    Phase phase(conv, number);
    u32 depth = phase.down.taps * phase.across.taps * conv.channels_out;
    Gradients left{conv.pictures, conv, phase};
    Filters right{conv.other, conv, phase};
    Stretch stretch(depth, conv.splits, part);
    Finish<Inputs> finish{conv, {conv, number}, part};
    product<T, EXACT>(left, right, blockIdx.x * T::ROWS, blockIdx.y * T::COLUMNS, stretch.begin, stretch.end, finish);
}

__device__ void sum_parts(const Conv& conv) { add_parts(conv, Inputs{conv, blockIdx.y}); }

}  // namespace

DIRECTIONS(input_gradient)
