// Triplets from the distances between all embeddings of a batch and their labels. 256 threads; shared memory of 256 floats and
// 256 places.

namespace {

constexpr u32 NONE = 0xffffffffu;

// The place of the largest (sign 1) or smallest (sign -1) value of a row among those that `counts(place)`, the first of equal
// ones, in every thread.
template <class Counts>
__device__ u32 best_of(const float* row, u32 count, float sign, const Counts& counts) {
    SHARED(float, values);
    u32* places = reinterpret_cast<u32*>(values + 256);
    float best = 0.0f;
    u32 at = NONE;
    for (u32 i = threadIdx.x; i < count; i += 256) {
        if (counts(i) && (at == NONE || sign * row[i] > sign * best)) {
            best = row[i];
            at = i;
        }
    }
    __syncthreads();
    values[threadIdx.x] = best;
    places[threadIdx.x] = at;
    __syncthreads();
    for (u32 half = 128; half > 0; half /= 2) {
        if (threadIdx.x < half && places[threadIdx.x + half] != NONE) {
            float own = sign * values[threadIdx.x], other = sign * values[threadIdx.x + half];
            bool is_first = other == own && places[threadIdx.x + half] < places[threadIdx.x];
            if (places[threadIdx.x] == NONE || other > own || is_first) {
                values[threadIdx.x] = values[threadIdx.x + half];
                places[threadIdx.x] = places[threadIdx.x + half];
            }
        }
        __syncthreads();
    }
    return places[0];
}

}  // namespace

// For each anchor, a block: its farthest positive and its nearest negative.
KERNEL(256, mine_hard, const float* distances, const u32* labels, u32 count, u32* positives, u32* negatives) {
    u32 anchor = blockIdx.x, own = labels[anchor];
    const float* row = distances + static_cast<u64>(anchor) * count;
    u32 positive = best_of(row, count, 1.0f, [&](u32 i) { return labels[i] == own && i != anchor; });
    u32 negative = best_of(row, count, -1.0f, [&](u32 i) { return labels[i] != own; });
    if (threadIdx.x == 0) {
        positives[anchor] = positive;
        negatives[anchor] = negative;
    }
}

// For each anchor and positive, a block: the nearest negative that is farther than the positive by less than the margin. Where
// there is none: none (fallback 0), the nearest (1) or the farthest negative of all (2). None for pairs that are no positives.
KERNEL(256, mine_semi_hard, const float* distances, const u32* labels, u32 count, float margin, u32 fallback, u32* negatives) {
    u32 anchor = blockIdx.x / count, positive = blockIdx.x % count, own = labels[anchor];
    const float* row = distances + static_cast<u64>(anchor) * count;
    u32 negative = NONE;
    if (labels[positive] == own && positive != anchor) {
        float nearest = row[positive], farthest = nearest + margin;
        auto is_negative = [&](u32 i) { return labels[i] != own; };
        negative = best_of(row, count, -1.0f,
                           [&](u32 i) { return is_negative(i) && row[i] > nearest && row[i] < farthest; });
        if (negative == NONE && fallback != 0) {
            negative = best_of(row, count, fallback == 1 ? -1.0f : 1.0f, is_negative);
        }
    }
    if (threadIdx.x == 0) {
        negatives[blockIdx.x] = negative;
    }
}
