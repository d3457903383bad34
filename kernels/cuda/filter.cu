// Separable filters: taps down, then taps across, the same for every channel.

// `x` is (outer, length, inner); correlates the middle axis with the taps, `padding` zeros being at each end.
KERNEL(256, correlate_axis, const float* x, const float* taps, u32 tap_count, u32 padding, u32 length, Divide by_inner,
       Divide by_out_length, float* out, u32 count) {
    u32 inner = by_inner.divisor;
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 rest = i, at = by_inner.split(rest), place = by_out_length.split(rest);
        const float* line = x + static_cast<u64>(rest) * length * inner + at;
        float total = 0.0f;
        for (u32 tap = 0; tap < tap_count; ++tap) {
            u32 source = place + tap - padding;
            if (source < length) {
                total += taps[tap] * line[source * inner];
            }
        }
        out[i] = total;
    }
}
