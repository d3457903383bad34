// Copies that change the order or the extent of axes.

namespace {

// Axes from the innermost one: the output's lengths, and where a step along each leads in the input.
struct Walk {
    u32 axes;
    u32 offset;
    Divide shape[6];
    u32 steps[6];
};

// The block of an array that starts at `start` and has the shape `size`.
struct Inside {
    u32 axes;
    Divide shape[6];
    u32 start[6];
    u32 size[6];
};

// Where single values lie.
struct Singles {
    const float* places[32];
};

}  // namespace

KERNEL(256, strided_copy, const float* x, Walk walk, float* out, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 rest = i, at = walk.offset;
        for (u32 axis = 0; axis < walk.axes; ++axis) {
            at += walk.shape[axis].split(rest) * walk.steps[axis];
        }
        out[i] = x[at];
    }
}

// Matrices (rows, columns) become (columns, rows), in tiles of 32 x 32: those across first, then down, then the next matrix's; by way of shared memory, so that
// both sides are read and written in lines. 256 threads.
KERNEL(256, transpose, const float* x, u32 rows, u32 columns, float* out) {
    SHARED(float, tile);
    u32 rest = blockIdx.x, column = split_by(rest, pieces(columns, 32)) * 32;
    u32 row = split_by(rest, pieces(rows, 32)) * 32;
    u64 matrix = static_cast<u64>(rest) * rows * columns;
    u32 lane = threadIdx.x % 32, line = threadIdx.x / 32;
    for (u32 i = line; i < 32; i += 8) {
        if (row + i < rows && column + lane < columns) {
            tile[i * 33 + lane] = x[matrix + static_cast<u64>(row + i) * columns + column + lane];
        }
    }
    __syncthreads();
    for (u32 i = line; i < 32; i += 8) {
        if (column + i < columns && row + lane < rows) {
            out[matrix + static_cast<u64>(column + i) * rows + row + lane] = tile[lane * 33 + i];
        }
    }
}

KERNEL(256, embed, const float* x, Inside inside, float* out, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 rest = i, at = 0, step = 1;
        bool is_inside = true;
        for (u32 axis = 0; axis < inside.axes; ++axis) {
            u32 place = inside.shape[axis].split(rest) - inside.start[axis];
            is_inside = is_inside && place < inside.size[axis];
            at += place * step;
            step *= inside.size[axis];
        }
        out[i] = is_inside ? x[at] : 0.0f;
    }
}

// Writes the pieces of `x` into rows of `row` values, `offset` from their start.
KERNEL(256, put_pieces, const float* x, Divide by_piece, u32 row, u32 offset, float* out, u32 count) {
    for (u32 i = first_element(); i < count; i += element_step()) {
        u32 number = i, at = by_piece.split(number);
        out[static_cast<u64>(number) * row + offset + at] = x[i];
    }
}

// A warp; a thread for each value.
KERNEL(32, gather_singles, Singles singles, u32 count, float* out) {
    if (threadIdx.x < count) {
        out[threadIdx.x] = *singles.places[threadIdx.x];
    }
}
