// Sums over everything: a part from each block, and the sum of the parts.

namespace {

// The sum of `term(i)` over this block's elements, in `parts[blockIdx.x]`; shared memory of 32 doubles.
template <class Term>
__device__ void sum_all(u32 count, double* parts, const Term& term) {
    SHARED(double, scratch);
    double total = 0.0;
    for (u32 i = first_element(); i < count; i += element_step()) {
        total += term(i);
    }
    total = block_sum(total, scratch);
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = total;
    }
}

// The sum of what `count` blocks left, for every thread of a block; scratch of 32 doubles.
__device__ double sum_of_blocks(const double* parts, u32 count, double* scratch) {
    double total = 0.0;
    for (u32 i = threadIdx.x; i < count; i += blockDim.x) {
        total += parts[i];
    }
    return block_sum(total, scratch);
}

}  // namespace
