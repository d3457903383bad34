// Batch and instance normalisation: groups of rows, each channel of each group for itself.

KERNEL(256, moments, const float* x, Columns shape, double* parts) {
    const float* group = x + static_cast<u64>(shape.matrix()) * shape.rows * shape.columns;
    // Moments about the first row: the difference of squares does not cancel.
    column_sums<2>(shape, parts, [&](u32 row, u32 column, float* out) {
        float d = group[row * shape.columns + column] - group[column];
        out[0] = d;
        out[1] = d * d;
    });
}

// `count` is groups * channels.
KERNEL(256, moments_finish, const float* x, const double* parts, u32 splits, u32 count, u32 rows, u32 channels, float* mean,
       float* variance) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        double shift = x[static_cast<u64>(i / channels) * rows * channels + i % channels];
        double offset = sum_of_parts(parts, 0, splits, count, i) / rows;
        double spread = sum_of_parts(parts, 1, splits, count, i) / rows - offset * offset;
        mean[i] = static_cast<float>(shift + offset);
        // Not a maximum, which would hide NaN.
        variance[i] = spread < 0.0 ? 0.0f : static_cast<float>(spread);
    }
}

KERNEL(256, gradient_sums, const float* x, const float* dy, const float* mean, Columns shape, double* parts) {
    u64 at = static_cast<u64>(shape.matrix()) * shape.rows * shape.columns;
    const float* means = mean + shape.matrix() * shape.columns;
    column_sums<2>(shape, parts, [&](u32 row, u32 column, float* out) {
        float g = dy[at + row * shape.columns + column];
        out[0] = g;
        out[1] = g * (x[at + row * shape.columns + column] - means[column]);
    });
}

KERNEL(256, gradient_sums_finish, const double* parts, u32 splits, u32 count, float* sums, float* products) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        sums[i] = static_cast<float>(sum_of_parts(parts, 0, splits, count, i));
        products[i] = static_cast<float>(sum_of_parts(parts, 1, splits, count, i));
    }
}

namespace {

// Which number of (groups, channels) belongs to an element.
struct PerChannel {
    Divide by_channels;
    Divide by_rows;
};

}  // namespace

KERNEL(256, affine, const float* x, const float* scale, const float* shift, float* y, u32 count, PerChannel shape) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 row = i, channel = shape.by_channels.split(row);
        u32 at = shape.by_rows.of(row) * shape.by_channels.divisor + channel;
        y[i] = x[i] * scale[at] + shift[at];
    }
}

KERNEL(256, input_gradient, const float* x, float* dy, const float* factor, const float* slope, const float* offset, u32 count,
       PerChannel shape) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 row = i, channel = shape.by_channels.split(row);
        u32 at = shape.by_rows.of(row) * shape.by_channels.divisor + channel;
        dy[i] = dy[i] * factor[at] + x[i] * slope[at] + offset[at];
    }
}

// From the statistics (count = groups * channels) to the scale and shift of the affine map that normalises; `scale` and `shift`
// of the layer, one for each channel, may be null.
KERNEL(256, affine_of_statistics, const float* mean, const float* variance, const float* scale, const float* shift, u32 count,
       u32 channels, float epsilon, float* reciprocal, float* factor, float* offset) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        float r = 1.0f / sqrtf(variance[i] + epsilon);
        float f = r * (scale ? scale[i % channels] : 1.0f);
        reciprocal[i] = r;
        factor[i] = f;
        offset[i] = (shift ? shift[i % channels] : 0.0f) - mean[i] * f;
    }
}

// From the sums of `gradient_sums` to the coefficients of `input_gradient`.
KERNEL(256, gradient_of_statistics, const float* mean, const float* reciprocal, const float* scale, const float* sums,
       const float* products, u32 count, u32 channels, float rows, float* factor, float* slope, float* offset) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        float f = (scale ? scale[i % channels] : 1.0f) * reciprocal[i];
        float s = -f * reciprocal[i] * reciprocal[i] * products[i] / rows;
        factor[i] = f;
        slope[i] = s;
        offset[i] = -f * sums[i] / rows - s * mean[i];
    }
}

// The gradients of the layer's scale and shift: added up over the groups.
KERNEL(256, parameter_gradients, const float* reciprocal, const float* sums, const float* products, u32 groups, u32 channels,
       float* for_scale, float* for_shift) {
    for (u32 i = first_element(); i < channels; i += element_step()) {
        double scale = 0.0, shift = 0.0;
        for (u32 group = 0; group < groups; ++group) {
            u32 at = group * channels + i;
            scale += static_cast<double>(products[at] * reciprocal[at]);
            shift += static_cast<double>(sums[at]);
        }
        for_scale[i] = static_cast<float>(scale);
        for_shift[i] = static_cast<float>(shift);
    }
}
