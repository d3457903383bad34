// Resampling of channels-last pictures: linear maps of rows and columns, and repetition by whole factors.

namespace {

// Each entry of an axis as a weighted sum of entries of another: terms of entry i end at ends[i].
struct AxisMap {
    const u32* ends;
    const u32* sources;
    const float* weights;

    __device__ u32 begin(u32 entry) const { return entry ? ends[entry - 1] : 0; }
};

}  // namespace

KERNEL(256, map_axes, const float* x, AxisMap rows, AxisMap columns, u32 height, u32 width, Divide by_channels,
       Divide by_out_width, Divide by_out_height, float* out, u32 count) {
    u32 channels = by_channels.divisor;
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 rest = i, channel = by_channels.split(rest), column = by_out_width.split(rest), row = by_out_height.split(rest);
        const float* picture = x + rest * height * width * channels + channel;
        float total = 0.0f;
        for (u32 across = columns.begin(column); across < columns.ends[column]; ++across) {
            // Rows are mixed first.
            float mixed = 0.0f;
            for (u32 down = rows.begin(row); down < rows.ends[row]; ++down) {
                mixed += rows.weights[down] * picture[(rows.sources[down] * width + columns.sources[across]) * channels];
            }
            total += columns.weights[across] * mixed;
        }
        out[i] = total;
    }
}

// `rows` counts the rows of all pictures.
KERNEL(256, repeat, const float* x, u32 columns, Divide by_channels, Divide by_out_columns, Divide by_factor, float* out,
       u32 count) {
    u32 channels = by_channels.divisor;
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 rest = i, channel = by_channels.split(rest), column = by_out_columns.split(rest);
        out[i] = x[(by_factor.of(rest) * columns + by_factor.of(column)) * channels + channel];
    }
}

KERNEL(256, sum_blocks, const float* x, u32 factor, Divide by_channels, Divide by_columns, float* out, u32 count) {
    u32 channels = by_channels.divisor, width = by_columns.divisor * factor;
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 rest = i, channel = by_channels.split(rest), column = by_columns.split(rest), row = rest;
        float total = 0.0f;
        for (u32 down = 0; down < factor; ++down) {
            for (u32 across = 0; across < factor; ++across) {
                total += x[((row * factor + down) * width + column * factor + across) * channels + channel];
            }
        }
        out[i] = total;
    }
}
