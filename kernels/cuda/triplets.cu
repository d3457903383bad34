// The triplet loss of a batch from the distances between all its embeddings: sums over triplets, and how often each distance
// appears in those with a loss above 0. One block for each anchor, 256 threads; shared memory of 32 doubles, 258 ranks, and LIST
// places and numbers.

namespace {

constexpr u32 NONE = 0xffffffffu;
constexpr u32 LIST = 256;

// What the triplets of an anchor add up to.
struct Sums {
    double loss;
    // Triplets with a loss above 0, and all.
    u32 active, valid;
};

struct Shared {
    double* scratch;
    u32* ranks;
    u32* places;
    u32* numbers;

    __device__ Shared() {
        SHARED(double, start);
        scratch = start;
        ranks = reinterpret_cast<u32*>(start + 32);
        places = ranks + 258;
        numbers = places + LIST;
    }

    // Lists the places that `counts`, in order, from the `first`-th on and up to LIST of them. How many count in all.
    template <class Counts>
    __device__ u32 list(u32 count, u32 first, const Counts& counts) const {
        u32 each = pieces(count, 256), begin = threadIdx.x * each < count ? threadIdx.x * each : count;
        u32 end = begin + each < count ? begin + each : count;
        u32 own = 0;
        for (u32 i = begin; i < end; ++i) {
            own += counts(i);
        }
        __syncthreads();
        ranks[threadIdx.x] = own;
        __syncthreads();
        if (threadIdx.x == 0) {
            u32 rank = 0;
            for (u32 stretch = 0; stretch < 256; ++stretch) {
                u32 after = rank + ranks[stretch];
                ranks[stretch] = rank;
                rank = after;
            }
            ranks[256] = rank;
        }
        __syncthreads();
        u32 rank = ranks[threadIdx.x];
        for (u32 i = begin; i < end; ++i) {
            if (counts(i)) {
                if (rank - first < LIST) {
                    places[rank - first] = i;
                }
                ++rank;
            }
        }
        __syncthreads();
        return ranks[256];
    }

    // An anchor that is not 0 from itself is not finite: its sums are none.
    __device__ void write(Sums* sums, double loss, u32 active, u32 valid, float from_itself) const {
        loss = block_sum(loss, scratch);
        active = block_sum(active, reinterpret_cast<u32*>(scratch));
        if (threadIdx.x == 0) {
            *sums = {from_itself == 0.0f ? loss : static_cast<double>(NAN), active, valid};
        }
    }
};

}  // namespace

// Every triplet. The weights of positives count up, those of negatives down.
KERNEL(256, triplets_all, const float* distances, const float* labels, u32 count, float margin, float* weights, Sums* sums) {
    Shared shared;
    u32 anchor = blockIdx.x, lane = threadIdx.x % 32;
    auto is_own = [&](u32 i) { return labels[i] == labels[anchor]; };
    const float* row = distances + static_cast<u64>(anchor) * count;
    float* to = weights + static_cast<u64>(anchor) * count;
    double loss = 0.0;
    u32 active = 0, positives = 0, first = 0;
    do {
        positives = shared.list(count, first, [&](u32 i) { return is_own(i) && i != anchor; });
        u32 here = positives - first < LIST ? positives - first : LIST;
        // A negative is active for every positive that reaches beyond it: a thread for each.
        for (u32 i = threadIdx.x; i < count; i += 256) {
            if (!is_own(i)) {
                u32 farther = 0;
                for (u32 k = 0; k < here; ++k) {
                    farther += row[i] < row[shared.places[k]] + margin;
                }
                to[i] = (first == 0 ? 0.0f : to[i]) - static_cast<float>(farther);
            } else if (i == anchor) {
                to[i] = 0.0f;
            }
        }
        // A warp for each positive.
        for (u32 k = threadIdx.x / 32; k < here; k += 8) {
            float reach = row[shared.places[k]] + margin;
            u32 inside = 0;
            double part = 0.0;
            for (u32 i = lane; i < count; i += 32) {
                if (!is_own(i) && row[i] < reach) {
                    ++inside;
                    part += static_cast<double>(reach) - static_cast<double>(row[i]);
                }
            }
            loss += part;
            active += inside;
            for (u32 step = 16; step > 0; step /= 2) {
                inside += __shfl_xor_sync(0xffffffffu, inside, step);
            }
            if (lane == 0) {
                to[shared.places[k]] = static_cast<float>(inside);
            }
        }
        first += LIST;
    } while (first < positives);
    shared.write(sums + anchor, loss, active, positives * (count - 1 - positives), row[anchor]);
}

// One triplet for each positive of an anchor, with `negatives[anchor, positive]` unless that is below 0; or, where `positives` is
// not null, one for each anchor: `positives[anchor]` and `negatives[anchor]`. (Without a bound on registers, ptxas spills some.)
KERNEL_CROWDED(256, 4, triplets_chosen, const float* distances, u32 count, float margin, const float* positives,
               const float* negatives, float* weights, Sums* sums) {
    Shared shared;
    u32 anchor = blockIdx.x;
    u64 at = static_cast<u64>(anchor) * count;
    const float* row = distances + at;
    auto negative_of = [&](u32 i) {
        float place = negatives[positives ? anchor : at + i];
        bool is_one = place >= 0.0f && (!positives || positives[anchor] == static_cast<float>(i));
        return is_one ? static_cast<u32>(place) : NONE;
    };
    auto loss_of = [&](u32 positive, u32 negative) {
        return static_cast<double>(row[positive]) - static_cast<double>(row[negative]) + static_cast<double>(margin);
    };
    double loss = 0.0;
    u32 active = 0, valid = 0, first = 0;
    do {
        valid = shared.list(count, first, [&](u32 i) { return negative_of(i) != NONE; });
        u32 here = valid - first < LIST ? valid - first : LIST;
        for (u32 k = threadIdx.x; k < here; k += 256) {
            u32 negative = negative_of(shared.places[k]);
            double own = loss_of(shared.places[k], negative);
            bool is_active = own > 0.0;
            shared.numbers[k] = is_active ? negative : NONE;
            loss += is_active ? own : 0.0;
            active += is_active;
        }
        __syncthreads();
        for (u32 i = threadIdx.x; i < count; i += 256) {
            float weight = 0.0f;
            if (first > 0) {
                weight = weights[at + i];
            } else if (negative_of(i) != NONE) {
                weight = loss_of(i, negative_of(i)) > 0.0 ? 1.0f : 0.0f;
            }
            u32 chosen = 0;
            for (u32 k = 0; k < here; ++k) {
                chosen += shared.numbers[k] == i;
            }
            weights[at + i] = weight - static_cast<float>(chosen);
        }
        first += LIST;
    } while (first < valid);
    shared.write(sums + anchor, loss, active, valid, row[anchor]);
}

// One block: the mean loss, and how many triplets it divides by and how many are active. NaN with none where a sum is NaN.
KERNEL(256, triplets_mean, const Sums* sums, u32 count, u32 over_active, float* loss, float* counted_in_all, float* active_in_all) {
    SHARED(double, scratch);
    double total = 0.0;
    u64 active = 0, valid = 0;
    for (u32 i = threadIdx.x; i < count; i += 256) {
        total += sums[i].loss;
        active += sums[i].active;
        valid += sums[i].valid;
    }
    total = block_sum(total, scratch);
    active = block_sum(active, reinterpret_cast<u64*>(scratch));
    valid = block_sum(valid, reinterpret_cast<u64*>(scratch));
    if (threadIdx.x == 0) {
        bool is_number = total == total;
        u64 counted = over_active ? active : valid;
        *counted_in_all = is_number ? static_cast<float>(counted) : 0.0f;
        *active_in_all = is_number ? static_cast<float>(active) : 0.0f;
        *loss = static_cast<float>(total * (1.0 / static_cast<double>(counted > 0 ? counted : 1)));
    }
}

// Turns counts into the derivatives of the mean loss by the squared distances.
KERNEL(256, triplets_weigh, const float* distances, u32 squared, const float* loss, const float* counted,
       float* weights, u32 count) {
    float scale = 1.0f / (*counted > 0.0f ? *counted : 1.0f);
    for (u32 i = first_element(); i < count; i += element_step()) {
        float weight = weights[i];
        if (!squared) {
            weight = distances[i] > 0.0f ? weight / (2.0f * distances[i]) : 0.0f;
        }
        weights[i] = is_nan(*loss) ? NAN : weight * scale;
    }
}
