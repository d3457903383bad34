// Maxima and means over windows of channels-last pictures, and their adjoints. Every thread makes one value of its output and
// gathers what belongs there.

namespace {

struct Pool {
    u32 batch, height, width, channels;
    u32 rows, columns;
    u32 kernel_height, kernel_width;
    u32 stride_height, stride_width;
    u32 padding_height, padding_width;
    Divide by_channels, by_columns, by_rows, by_width, by_height;
};

// Calls `visit(tap, at)` for the places under a window, in rising order of the taps.
template <class Visit>
__device__ void under(const Pool& pool, u32 window, const Visit& visit) {
    u32 channel = pool.by_channels.split(window), column = pool.by_columns.split(window);
    u32 row = pool.by_rows.split(window), entry = window;
    for (u32 i = 0; i < pool.kernel_height; ++i) {
        u32 y = row * pool.stride_height + i - pool.padding_height;
        if (y >= pool.height) {
            continue;
        }
        for (u32 j = 0; j < pool.kernel_width; ++j) {
            u32 x = column * pool.stride_width + j - pool.padding_width;
            if (x < pool.width) {
                visit(i * pool.kernel_width + j,
                      ((entry * pool.height + y) * pool.width + x) * pool.channels + channel);
            }
        }
    }
}

// Calls `visit(tap, window)` for the windows over a place, in rising order of the taps.
template <class Visit>
__device__ void over(const Pool& pool, u32 place, const Visit& visit) {
    u32 channel = pool.by_channels.split(place), x = pool.by_width.split(place);
    u32 y = pool.by_height.split(place), entry = place;
    for (u32 i = 0; i < pool.kernel_height; ++i) {
        u32 down = y + pool.padding_height - i;
        // Below zero it wraps to beyond every row.
        u32 row = down / pool.stride_height;
        if (y + pool.padding_height < i || down % pool.stride_height != 0 || row >= pool.rows) {
            continue;
        }
        for (u32 j = 0; j < pool.kernel_width; ++j) {
            u32 across = x + pool.padding_width - j, column = across / pool.stride_width;
            if (x + pool.padding_width >= j && across % pool.stride_width == 0 && column < pool.columns) {
                visit(i * pool.kernel_width + j,
                      ((entry * pool.rows + row) * pool.columns + column) * pool.channels + channel);
            }
        }
    }
}

}  // namespace

// The largest value of each window and its tap: the first of equal ones, the last NaN.
KERNEL(256, pool_maximum, Pool pool, const float* x, float* y, u8* taps, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        float best = -INFINITY;
        u32 chosen = 0xffffffffu;
        under(pool, i, [&](u32 tap, u32 at) {
            float value = x[at];
            if (value > best || is_nan(value) || chosen == 0xffffffffu) {
                best = value;
                chosen = tap;
            }
        });
        y[i] = best;
        taps[i] = static_cast<u8>(chosen);
    }
}

KERNEL(256, pool_chosen, Pool pool, const float* x, const u8* taps, float* y, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 chosen = taps[i];
        float value = 0.0f;
        under(pool, i, [&](u32 tap, u32 at) { value = tap == chosen ? x[at] : value; });
        y[i] = value;
    }
}

KERNEL(256, pool_put_back, Pool pool, const float* y, const u8* taps, float* x, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        float total = 0.0f;
        over(pool, i, [&](u32 tap, u32 window) { total += taps[window] == tap ? y[window] : 0.0f; });
        x[i] = total;
    }
}

KERNEL(256, pool_mean, Pool pool, const float* x, float* y, u32 count) {
    float factor = 1.0f / static_cast<float>(pool.kernel_height * pool.kernel_width);
    for (u32 i = first_element(); i < count; i += element_step()) {
        float total = 0.0f;
        under(pool, i, [&](u32, u32 at) { total += x[at]; });
        y[i] = total * factor;
    }
}

KERNEL(256, pool_spread, Pool pool, const float* y, float* x, u32 count) {
    float factor = 1.0f / static_cast<float>(pool.kernel_height * pool.kernel_width);
    for (u32 i = first_element(); i < count; i += element_step()) {
        float total = 0.0f;
        over(pool, i, [&](u32, u32 window) { total += y[window]; });
        x[i] = total * factor;
    }
}
