// Products of matrices whose left and right sides may be gathered on the way: what matrix products and convolutions share.
//
// A block of threads makes one tile of C. It walks the depth in steps of 16: the next two steps are on their way from memory
// (cp.async) while one is multiplied. Warps share out the tile; each multiplies on the tensor cores (TF32) or, where exact
// products are asked for, with the multipliers of single precision, with the numbers in the same places.
//
// A side tells where its values lie. Values that are adjacent in memory lie along the depth (DEPTH_ADJACENT) or along the rows
// of the tile, and lie in shared memory in the same order. Rows of shared memory are 4 (along the depth) or 8 floats (along the
// tile) longer than needed, so that the 32 lanes of a warp read from 32 different banks.

namespace {

constexpr int DEPTH = 16;
constexpr int STAGES = 3;

template <int ROWS_, int COLUMNS_, int WARP_ROWS_, int WARP_COLUMNS_>
struct Tile {
    static constexpr int ROWS = ROWS_, COLUMNS = COLUMNS_;
    static constexpr int WARP_ROWS = WARP_ROWS_, WARP_COLUMNS = WARP_COLUMNS_;
    static constexpr int THREADS = ROWS / WARP_ROWS * (COLUMNS / WARP_COLUMNS) * 32;
};

using Wide = Tile<128, 128, 64, 32>;
using Small = Tile<64, 64, 32, 32>;
using Narrow = Tile<128, 16, 32, 16>;

// A matrix as it lies: element (row, depth) at row * stride + depth, or at depth * stride + row.
template <bool ALONG_DEPTH>
struct Matrix {
    static constexpr bool DEPTH_ADJACENT = ALONG_DEPTH;
    static constexpr bool MAY_BE_UNALIGNED = true;
    const float* values;
    u32 rows;
    u32 depth;
    u32 stride;
    // Whether four adjacent values always lie on a 16-byte boundary and all inside.
    u32 aligned;

    struct Row {
        u32 at;
    };
    struct Place {
        u32 at;
    };
    __device__ Row row(u32 row) const { return {row}; }
    __device__ Place place(u32 depth) const { return {depth}; }
    __device__ const float* at(const Row& row, const Place& place, u32 further) const {
        u32 r = row.at + (ALONG_DEPTH ? 0 : further), d = place.at + (ALONG_DEPTH ? further : 0);
        if (r >= rows || d >= depth) {
            return nullptr;
        }
        return values + (ALONG_DEPTH ? static_cast<u64>(r) * stride + d : static_cast<u64>(d) * stride + r);
    }
};

// One side's part of a stage, and which of its values a thread fetches: pieces of four adjacent ones.
template <class Side, int EXTENT, int THREADS>
struct Fetch {
    static constexpr int LINE = Side::DEPTH_ADJACENT ? DEPTH + 4 : EXTENT + 8;
    static constexpr int FLOATS = (Side::DEPTH_ADJACENT ? EXTENT : DEPTH) * LINE;
    static constexpr int PIECES = EXTENT * DEPTH / 4;
    static constexpr int PER_THREAD = (PIECES + THREADS - 1) / THREADS;
    // Pieces along the adjacent axis.
    static constexpr int ACROSS = Side::DEPTH_ADJACENT ? DEPTH / 4 : EXTENT / 4;
    static constexpr int ROWS_HELD = Side::DEPTH_ADJACENT ? PER_THREAD : 1;
    static_assert(THREADS % ACROSS == 0, "a thread keeps its place along the adjacent axis");

    typename Side::Row rows[ROWS_HELD];

    __device__ void begin(const Side& side, u32 first) {
        if (Side::DEPTH_ADJACENT) {
#pragma unroll
            for (int i = 0; i < ROWS_HELD; ++i) {
                rows[i] = side.row(first + (threadIdx.x + i * THREADS) / ACROSS);
            }
        } else {
            rows[0] = side.row(first + threadIdx.x % ACROSS * 4);
        }
    }

    // Fetches the step at `depth` of the stretch that ends at `end`.
    __device__ void step(const Side& side, u32 depth, u32 end, float* shared) const {
        typename Side::Place along{};
        u32 own = depth + threadIdx.x % ACROSS * 4;
        if (Side::DEPTH_ADJACENT && own < end) {
            along = side.place(own);
        }
#pragma unroll
        for (int i = 0; i < PER_THREAD; ++i) {
            u32 piece = threadIdx.x + i * THREADS;
            if (PIECES % THREADS != 0 && piece >= PIECES) {
                break;
            }
            u32 line = piece / ACROSS, at = line * LINE + piece % ACROSS * 4;
            const auto& row = rows[Side::DEPTH_ADJACENT ? i : 0];
            u32 here = Side::DEPTH_ADJACENT ? own : depth + line;
            if (!Side::DEPTH_ADJACENT && here < end) {
                along = side.place(here);
            }
            if (Side::MAY_BE_UNALIGNED && !is_aligned(side)) {
#pragma unroll
                for (u32 j = 0; j < 4; ++j) {
                    bool inside = here + (Side::DEPTH_ADJACENT ? j : 0) < end;
                    copy_async_4(shared + at + j, inside ? side.at(row, along, j) : nullptr, side.values);
                }
            } else {
                copy_async_16(shared + at, here < end ? side.at(row, along, 0) : nullptr, side.values);
            }
        }
    }

    template <class S>
    __device__ static bool is_aligned(const S& side) {
        return side.aligned;
    }

    __device__ static float value(const float* shared, u32 row, u32 depth) {
        return Side::DEPTH_ADJACENT ? shared[row * LINE + depth] : shared[depth * LINE + row];
    }
};

// Makes the tile of C at (first_row, first_column), the products summed over depths from `begin` to `end`, and hands each value
// to `store(row, column, value)`; rows and columns past the last are among them.
template <class T, bool EXACT, class Left, class Right, class Store>
__device__ __forceinline__ void product(const Left& left, const Right& right, u32 first_row, u32 first_column, u32 begin,
                                        u32 end, const Store& store) {
    using FetchLeft = Fetch<Left, T::ROWS, T::THREADS>;
    using FetchRight = Fetch<Right, T::COLUMNS, T::THREADS>;
    constexpr int STAGE = FetchLeft::FLOATS + FetchRight::FLOATS;
    constexpr int DOWN = T::WARP_ROWS / 16, ACROSS = T::WARP_COLUMNS / 8;
    SHARED(float, shared);

    FetchLeft fetch_left;
    FetchRight fetch_right;
    fetch_left.begin(left, first_row);
    fetch_right.begin(right, first_column);

    u32 steps = (end - begin + DEPTH - 1) / DEPTH;
    auto fetch = [&](u32 step) {
        if (step < steps) {
            float* stage = shared + step % STAGES * STAGE;
            fetch_left.step(left, begin + step * DEPTH, end, stage);
            fetch_right.step(right, begin + step * DEPTH, end, stage + FetchLeft::FLOATS);
        }
        copy_async_commit();
    };
#pragma unroll
    for (u32 step = 0; step < STAGES - 1; ++step) {
        fetch(step);
    }

    u32 warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    u32 warp_row = warp / (T::COLUMNS / T::WARP_COLUMNS) * T::WARP_ROWS;
    u32 warp_column = warp % (T::COLUMNS / T::WARP_COLUMNS) * T::WARP_COLUMNS;
    float sums[DOWN][ACROSS][4] = {};
    for (u32 step = 0; step < steps; ++step) {
        copy_async_wait<STAGES - 2>();
        // Everyone's copies of this step have arrived, and everyone has done with the stage that is fetched next.
        __syncthreads();
        fetch(step + STAGES - 1);
        const float* a_stage = shared + step % STAGES * STAGE;
        const float* b_stage = a_stage + FetchLeft::FLOATS;
        if (EXACT) {
#pragma unroll 4
            for (u32 k = 0; k < DEPTH; ++k) {
                float a[DOWN][2], b[ACROSS][2];
#pragma unroll
                for (int i = 0; i < DOWN; ++i) {
                    a[i][0] = FetchLeft::value(a_stage, warp_row + i * 16 + g, k);
                    a[i][1] = FetchLeft::value(a_stage, warp_row + i * 16 + g + 8, k);
                }
#pragma unroll
                for (int j = 0; j < ACROSS; ++j) {
                    b[j][0] = FetchRight::value(b_stage, warp_column + j * 8 + 2 * t, k);
                    b[j][1] = FetchRight::value(b_stage, warp_column + j * 8 + 2 * t + 1, k);
                }
#pragma unroll
                for (int i = 0; i < DOWN; ++i) {
#pragma unroll
                    for (int j = 0; j < ACROSS; ++j) {
                        sums[i][j][0] += a[i][0] * b[j][0];
                        sums[i][j][1] += a[i][0] * b[j][1];
                        sums[i][j][2] += a[i][1] * b[j][0];
                        sums[i][j][3] += a[i][1] * b[j][1];
                    }
                }
            }
        } else {
#pragma unroll
            for (u32 k = 0; k < DEPTH; k += 8) {
                u32 a[DOWN][4], b[ACROSS][2];
#pragma unroll
                for (int i = 0; i < DOWN; ++i) {
                    u32 row = warp_row + i * 16 + g;
                    a[i][0] = round_tf32(FetchLeft::value(a_stage, row, k + t));
                    a[i][1] = round_tf32(FetchLeft::value(a_stage, row + 8, k + t));
                    a[i][2] = round_tf32(FetchLeft::value(a_stage, row, k + t + 4));
                    a[i][3] = round_tf32(FetchLeft::value(a_stage, row + 8, k + t + 4));
                }
#pragma unroll
                for (int j = 0; j < ACROSS; ++j) {
                    u32 column = warp_column + j * 8 + g;
                    b[j][0] = round_tf32(FetchRight::value(b_stage, column, k + t));
                    b[j][1] = round_tf32(FetchRight::value(b_stage, column, k + t + 4));
                }
#pragma unroll
                for (int i = 0; i < DOWN; ++i) {
#pragma unroll
                    for (int j = 0; j < ACROSS; ++j) {
                        multiply_tf32(sums[i][j], a[i], b[j]);
                    }
                }
            }
        }
    }
    copy_async_wait<0>();
#pragma unroll
    for (int i = 0; i < DOWN; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            u32 row = first_row + warp_row + i * 16 + half * 8 + g;
#pragma unroll
            for (int j = 0; j < ACROSS; ++j) {
                u32 column = first_column + warp_column + j * 8 + 2 * t;
                store(row, column, sums[i][j][2 * half]);
                store(row, column + 1, sums[i][j][2 * half + 1]);
            }
        }
    }
}

// The stretch of the depth that a part of a sum covers: whole steps, as even as they can be.
struct Stretch {
    u32 begin;
    u32 end;

    __device__ Stretch(u32 depth, u32 parts, u32 part) {
        u32 steps = (depth + DEPTH - 1) / DEPTH, each = (steps + parts - 1) / parts * DEPTH;
        begin = part * each < depth ? part * each : depth;
        end = begin + each < depth ? begin + each : depth;
    }
};

// What is done to a value of C before it is written: a bias for each column, then an activation.
struct Epilogue {
    const float* bias;
    // 0 none, 1 max(x, 0), 2 max(x, slope x); NaN stays.
    u32 activation;
    float slope;
    // Added to what is there.
    u32 accumulate;

    __device__ __forceinline__ void write(float* to, u32 column, float value) const {
        if (accumulate) {
            value += *to;
        }
        if (bias) {
            value += bias[column];
        }
        if (activation == 1) {
            value = value <= 0.0f ? 0.0f : value;
        } else if (activation == 2) {
            value = value > 0.0f ? value : slope * value;
        }
        *to = value;
    }
};

}  // namespace
