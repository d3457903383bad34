// The order of the values of each row, the largest first and of equal ones the earlier: bitonic sorting (Batcher 1968) of keys that
// hold a value's bits and its place, so that no two are equal and every way of sorting gives the same.

namespace {

// Larger values have smaller bits; as numbers are ordered by IEEE 754's total order, NaN without a sign comes first.
__device__ __forceinline__ u32 descending(float value) {
    u32 bits = __float_as_uint(value);
    return bits >> 31 ? bits : ~bits & 0x7fffffffu;
}

}  // namespace

// Rows of `length` values become rows of `width` keys, a power of two; those past the end come last.
KERNEL(256, order_keys, const float* x, u32 length, Divide by_width, u64* keys, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 row = i, at = by_width.split(row);
        u64 value = at < length ? descending(x[static_cast<u64>(row) * length + at]) : 0xffffffffu;
        keys[i] = value << 32 | at;
    }
}

// One exchange of each pair of keys `apart` places from each other: runs of `run` keys rise and fall in turn, and the last of all
// rises. `pairs` are half of the keys.
KERNEL(256, order_exchange, u64* keys, u32 apart, u32 run, u32 width, u32 pairs) {
    for (u32 i = first_element(); i < pairs; i += element_step()) {
        u32 first = i / apart * 2 * apart + i % apart;
        bool rises = (first & (width - 1) & run) == 0;
        u64 low = keys[first], high = keys[first + apart];
        if ((low > high) == rises) {
            keys[first] = high;
            keys[first + apart] = low;
        }
    }
}

// The place of each value in order, and the rank of each place.
KERNEL(256, order_places, const u64* keys, Divide by_length, u32 width, float* places, float* ranks, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 row = i, rank = by_length.split(row);
        u32 place = static_cast<u32>(keys[static_cast<u64>(row) * width + rank]);
        places[i] = static_cast<float>(place);
        ranks[static_cast<u64>(row) * by_length.divisor + place] = static_cast<float>(rank);
    }
}
