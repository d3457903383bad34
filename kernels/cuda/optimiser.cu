// Optimiser updates: all tensors of a net in one launch. A table on the device says where each tensor lies; the numbers of the
// rule lie on the device too, so that a captured step can be replayed with other numbers.

namespace {

struct Entry {
    float* parameter;
    const float* gradient;
    float* slots[3];
    u32 count;
    // The first block that works on this tensor; each works on 1024 values.
    u32 first_block;
};

constexpr u32 EACH = 1024;

// Calls `update(entry, i)` for every value of every tensor.
template <class Update>
__device__ void each(const Entry* entries, u32 count, const Update& update) {
    u32 low = 0, high = count;
    while (high - low > 1) {
        u32 middle = (low + high) / 2;
        if (entries[middle].first_block <= blockIdx.x) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Entry entry = entries[low];
    u32 begin = (blockIdx.x - entry.first_block) * EACH;
    for (u32 i = begin + threadIdx.x; i < begin + EACH && i < entry.count; i += blockDim.x) {
        update(entry, i);
    }
}

}  // namespace

struct Sgd {
    float rate, decay, momentum, gain;
    u32 nesterov;
};

KERNEL(256, optimise_sgd, const Entry* entries, u32 count, const Sgd* rules) {
    Sgd rule = *rules;
    each(entries, count, [&](const Entry& entry, u32 i) {
        float p = entry.parameter[i], g = entry.gradient[i] + rule.decay * p;
        if (entry.slots[0]) {
            float velocity = entry.slots[0][i] * rule.momentum + rule.gain * g;
            entry.slots[0][i] = velocity;
            g = rule.nesterov ? g + rule.momentum * velocity : velocity;
        }
        entry.parameter[i] = p - rule.rate * g;
    });
}

struct Adam {
    float rate, decay, keep;
    float betas[2], gains[2];
    float correction, epsilon;
};

KERNEL(256, optimise_adam, const Entry* entries, u32 count, const Adam* rules) {
    Adam rule = *rules;
    each(entries, count, [&](const Entry& entry, u32 i) {
        float p = entry.parameter[i], g = entry.gradient[i] + rule.decay * p;
        float first = rule.betas[0] * entry.slots[0][i] + rule.gains[0] * g;
        float second = rule.betas[1] * entry.slots[1][i] + rule.gains[1] * g * g;
        entry.slots[0][i] = first;
        entry.slots[1][i] = second;
        float denominator = sqrtf(second) / rule.correction + rule.epsilon;
        entry.parameter[i] = p * rule.keep - rule.rate * first / denominator;
    });
}

struct RmsProp {
    float rate, decay, alpha, gain, epsilon, momentum;
};

// Slots: the mean of squares, the mean (null unless centred), the velocity (null without momentum).
KERNEL(256, optimise_rmsprop, const Entry* entries, u32 count, const RmsProp* rules) {
    RmsProp rule = *rules;
    each(entries, count, [&](const Entry& entry, u32 i) {
        float p = entry.parameter[i], g = entry.gradient[i] + rule.decay * p;
        float square = rule.alpha * entry.slots[0][i] + rule.gain * g * g;
        entry.slots[0][i] = square;
        if (entry.slots[1]) {
            float mean = entry.slots[1][i];
            mean += rule.gain * (g - mean);
            entry.slots[1][i] = mean;
            // Rounding may leave less than nothing, whose root would be NaN.
            square -= mean * mean;
            square = square < 0.0f ? 0.0f : square;
        }
        float denominator = sqrtf(square) + rule.epsilon;
        if (entry.slots[2]) {
            float velocity = entry.slots[2][i] * rule.momentum + g / denominator;
            entry.slots[2][i] = velocity;
            entry.parameter[i] = p - rule.rate * velocity;
        } else {
            entry.parameter[i] = p - rule.rate * g / denominator;
        }
    });
}

struct AdaGrad {
    float rate, decay, epsilon;
};

KERNEL(256, optimise_adagrad, const Entry* entries, u32 count, const AdaGrad* rules) {
    AdaGrad rule = *rules;
    each(entries, count, [&](const Entry& entry, u32 i) {
        float p = entry.parameter[i], g = entry.gradient[i] + rule.decay * p;
        float sum = entry.slots[0][i] + g * g;
        entry.slots[0][i] = sum;
        entry.parameter[i] = p - rule.rate * g / (sqrtf(sum) + rule.epsilon);
    });
}

// Limits every weight to [-limit, limit]; NaN stays.
KERNEL(256, clip_weights, const Entry* entries, u32 count, float limit) {
    each(entries, count, [&](const Entry& entry, u32 i) {
        float p = entry.parameter[i];
        entry.parameter[i] = p < -limit ? -limit : p > limit ? limit : p;
    });
}

// The sum of the squares of all gradients, one part for each block; shared memory of 32 doubles.
KERNEL(256, square_sums, const Entry* entries, u32 count, double* parts) {
    SHARED(double, scratch);
    double total = 0.0;
    each(entries, count, [&](const Entry& entry, u32 i) {
        double g = static_cast<double>(entry.gradient[i]);
        total += g * g;
    });
    total = block_sum(total, scratch);
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = total;
    }
}

// The sum of each tensor's parts; a block for each tensor, shared memory of 32 doubles.
KERNEL(256, square_sums_finish, const Entry* entries, u32 blocks, const double* parts, float* out) {
    SHARED(double, scratch);
    u32 end = blockIdx.x + 1 < gridDim.x ? entries[blockIdx.x + 1].first_block : blocks;
    double total = 0.0;
    for (u32 i = entries[blockIdx.x].first_block + threadIdx.x; i < end; i += blockDim.x) {
        total += parts[i];
    }
    total = block_sum(total, scratch);
    if (threadIdx.x == 0) {
        out[blockIdx.x] = static_cast<float>(total);
    }
}
