// Reading values at given places, and the adjoints.

// No number above `last` comes out, whatever goes in: what reads there reads what exists.
KERNEL(256, to_places, const float* numbers, u32 last, u32* places, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        float number = numbers[i];
        places[i] = number > 0.0f ? (number < static_cast<float>(last) ? static_cast<u32>(number) : last) : 0;
    }
}

KERNEL(256, pick, const float* x, u32 middle, Divide by_inner, const u32* places, float* out, u32 count) {
    u32 inner = by_inner.divisor;
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 outer = i, at = by_inner.split(outer);
        out[i] = x[(outer * middle + places[i]) * inner + at];
    }
}

KERNEL(256, place, const float* x, Divide by_middle, Divide by_inner, const u32* places, float* out, u32 count) {
    u32 inner = by_inner.divisor;
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 outer = i, at = by_inner.split(outer), own = by_middle.split(outer);
        u32 source = outer * inner + at;
        out[i] = places[source] == own ? x[source] : 0.0f;
    }
}

KERNEL(256, gather_rows, const float* x, Divide by_width, const u32* rows, float* out, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 row = i, at = by_width.split(row);
        out[i] = x[static_cast<u64>(rows[row]) * by_width.divisor + at];
    }
}

// `out[rows[i]] += x[i]` from zeros, in the order of i: each thread looks through all of them for its own row.
KERNEL(256, scatter_add_rows, const float* x, Divide by_width, const u32* rows, u32 row_count, float* out, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 own = i, at = by_width.split(own);
        float total = 0.0f;
        for (u32 row = 0; row < row_count; ++row) {
            if (rows[row] == own) {
                total += x[static_cast<u64>(row) * by_width.divisor + at];
            }
        }
        out[i] = total;
    }
}
