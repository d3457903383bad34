// Values of each row at places of its own, and the adjoint. Places are whole numbers; what is no place of a row has none.

namespace {

__device__ __forceinline__ bool is_place(float number, u32 columns) {
    return number >= 0.0f && number < static_cast<float>(columns);
}

}  // namespace

KERNEL(256, take_along, const float* x, u32 columns, Divide by_taken, const float* places, float* out, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u64 row = by_taken.of(i);
        out[i] = is_place(places[i], columns) ? x[row * columns + static_cast<u32>(places[i])] : 0.0f;
    }
}

// Values that share a place are added in their order: each thread looks through its row for its own place.
KERNEL(256, add_along, const float* x, Divide by_columns, u32 taken, const float* places, float* out, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 row = i;
        float own = static_cast<float>(by_columns.split(row));
        u64 first = static_cast<u64>(row) * taken;
        float total = 0.0f;
        for (u32 j = 0; j < taken; ++j) {
            total += places[first + j] == own ? x[first + j] : 0.0f;
        }
        out[i] = total;
    }
}
