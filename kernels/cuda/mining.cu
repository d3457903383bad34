// Triplets from the distances between all embeddings of a batch and their labels. 256 threads; shared memory of 256 floats and
// 256 places.

namespace {

constexpr u32 NONE = 0xffffffffu;

// Places leave as whole numbers, -1 for none.
__device__ __forceinline__ float as_number(u32 place) { return place == NONE ? -1.0f : static_cast<float>(place); }

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

// The `draw`-th number of a stream of rand's ChaCha8Rng, uniform in [0, 1), of 53 bits: the host's `random::<f64>()`. The key
// comes as sixteen numbers of 16 bits, low ones first. ChaCha: Bernstein, "ChaCha, a variant of Salsa20", 2008; with 8 rounds, 64
// bits of counter and 64 of stream.
__device__ double chacha_uniform(const float* key, u32 stream, u32 draw) {
    auto word = [&](int i) { return static_cast<u32>(key[2 * i]) | static_cast<u32>(key[2 * i + 1]) << 16; };
    const u32 start[16] = {0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u, word(0), word(1), word(2), word(3),
                           word(4),     word(5),     word(6),     word(7),     draw / 8, 0u,      stream,  0u};
    u32 x[16];
#pragma unroll
    for (int i = 0; i < 16; ++i) {
        x[i] = start[i];
    }
    auto quarter = [&](int a, int b, int c, int d) {
        auto turn = [](u32 word, int by) { return word << by | word >> (32 - by); };
        x[a] += x[b], x[d] = turn(x[d] ^ x[a], 16);
        x[c] += x[d], x[b] = turn(x[b] ^ x[c], 12);
        x[a] += x[b], x[d] = turn(x[d] ^ x[a], 8);
        x[c] += x[d], x[b] = turn(x[b] ^ x[c], 7);
    };
#pragma unroll
    for (int round = 0; round < 8; round += 2) {
        quarter(0, 4, 8, 12), quarter(1, 5, 9, 13), quarter(2, 6, 10, 14), quarter(3, 7, 11, 15);
        quarter(0, 5, 10, 15), quarter(1, 6, 11, 12), quarter(2, 7, 8, 13), quarter(3, 4, 9, 14);
    }
    u64 bits = 0;
#pragma unroll
    for (u32 i = 0; i < 8; ++i) {
        if (draw % 8 == i) {
            bits = static_cast<u64>(x[2 * i + 1] + start[2 * i + 1]) << 32 | (x[2 * i] + start[2 * i]);
        }
    }
    return static_cast<double>(bits >> 11) * 1.1102230246251565e-16;
}

// How likely the negatives of an anchor are drawn.
struct Likelihood {
    const float* row;
    const float* labels;
    float own;
    u32 dimensions, squared;
    float nearest, farthest;

    // The logarithm of the reciprocal density of the distance; whether the place is a negative that may be drawn.
    __device__ bool logarithm(u32 place, double& out) const {
        float distance = squared ? __fsqrt_rn(row[place]) : row[place];
        if (labels[place] == own || !(distance < farthest)) {
            return false;
        }
        double d = distance < nearest ? nearest : distance, n = dimensions, other = 1.0 - d * d / 4.0;
        out = -((n - 2.0) * log(d) + (n - 3.0) / 2.0 * log(other < 1e-8 ? 1e-8 : other));
        return true;
    }
};

}  // namespace

// For each anchor, a block: its farthest positive and its nearest negative.
KERNEL(256, mine_hard, const float* distances, const float* labels, u32 count, float* positives, float* negatives) {
    u32 anchor = blockIdx.x;
    float own = labels[anchor];
    const float* row = distances + static_cast<u64>(anchor) * count;
    u32 positive = best_of(row, count, 1.0f, [&](u32 i) { return labels[i] == own && i != anchor; });
    u32 negative = best_of(row, count, -1.0f, [&](u32 i) { return labels[i] != own; });
    if (threadIdx.x == 0) {
        positives[anchor] = as_number(positive);
        negatives[anchor] = as_number(negative);
    }
}

// For each anchor and positive, a block: the nearest negative that is farther than the positive by less than the margin. Where
// there is none: none (fallback 0), the nearest (1) or the farthest negative of all (2). None for pairs that are no positives.
KERNEL(256, mine_semi_hard, const float* distances, const float* labels, u32 count, float margin, u32 fallback, float* negatives) {
    u32 anchor = blockIdx.x / count, positive = blockIdx.x % count;
    float own = labels[anchor];
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
        negatives[blockIdx.x] = as_number(negative);
    }
}

// For each anchor, a block: for each positive, a negative drawn with a probability inverse to the density of its distance between
// random points of the unit sphere (Wu et al. 2017). Positives draw in their order from the anchor's own stream. Each thread
// handles the embeddings of one stretch of the batch.
KERNEL(256, mine_distance_weighted, const float* distances, const float* labels, u32 count, u32 dimensions, u32 squared,
       float nearest, float farthest, const float* key, float* negatives) {
    SHARED(double, before);
    u32* ranks = reinterpret_cast<u32*>(before + 257);
    u32 anchor = blockIdx.x;
    float own = labels[anchor];
    u64 at = static_cast<u64>(anchor) * count;
    Likelihood likelihood{distances + at, labels, own, dimensions, squared, nearest, farthest};
    u32 each = pieces(count, 256), begin = threadIdx.x * each < count ? threadIdx.x * each : count;
    u32 end = begin + each < count ? begin + each : count;

    double most = -INFINITY, logarithm = 0.0;
    u32 positives = 0;
    for (u32 i = begin; i < end; ++i) {
        positives += labels[i] == own && i != anchor;
        most = likelihood.logarithm(i, logarithm) && logarithm > most ? logarithm : most;
    }
    before[threadIdx.x] = most;
    __syncthreads();
    for (u32 half = 128; half > 0; half /= 2) {
        if (threadIdx.x < half && before[threadIdx.x + half] > before[threadIdx.x]) {
            before[threadIdx.x] = before[threadIdx.x + half];
        }
        __syncthreads();
    }
    most = before[0];
    __syncthreads();
    double weight = 0.0;
    for (u32 i = begin; i < end; ++i) {
        weight += likelihood.logarithm(i, logarithm) ? exp(logarithm - most) : 0.0;
    }
    before[threadIdx.x] = weight;
    ranks[threadIdx.x] = positives;
    __syncthreads();
    // The weights and the positives before each stretch.
    if (threadIdx.x == 0) {
        double sum = 0.0;
        u32 rank = 0;
        for (u32 stretch = 0; stretch < 256; ++stretch) {
            double next = sum + before[stretch];
            u32 after = rank + ranks[stretch];
            before[stretch] = sum;
            ranks[stretch] = rank;
            sum = next;
            rank = after;
        }
        before[256] = sum;
    }
    __syncthreads();

    double total = before[256];
    u32 rank = ranks[threadIdx.x];
    for (u32 i = begin; i < end; ++i) {
        u32 negative = NONE;
        if (labels[i] == own && i != anchor) {
            double drawn = chacha_uniform(key, anchor, rank++) * total;
            if (total > 0.0) {
                // The first stretch that reaches beyond what was drawn, or the last with any weight.
                u32 low = 0, high = 255;
                while (low < high) {
                    u32 middle = (low + high) / 2;
                    if (before[middle + 1] > drawn || before[middle + 1] == total) {
                        high = middle;
                    } else {
                        low = middle + 1;
                    }
                }
                double sum = before[low];
                for (u32 place = low * each; place < count; ++place) {
                    if (likelihood.logarithm(place, logarithm)) {
                        sum += exp(logarithm - most);
                        negative = place;
                        if (sum > drawn) {
                            break;
                        }
                    }
                }
            }
        }
        negatives[at + i] = as_number(negative);
    }
}
