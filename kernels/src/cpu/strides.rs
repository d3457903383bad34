//! Walking over arrays whose axes are not all adjacent.

/// Leaves out axes of length 1 and joins neighbours that every operand walks through as if they were one; at least one
/// axis stays. Longer rows mean longer vector loops.
pub(crate) fn join_axes<const OPERANDS: usize>(
    shape: &[usize],
    strides: [&[usize]; OPERANDS],
) -> (Vec<usize>, [Vec<usize>; OPERANDS]) {
    let mut joined: Vec<usize> = Vec::with_capacity(shape.len().max(1));
    let mut steps: [Vec<usize>; OPERANDS] = std::array::from_fn(|_| Vec::new());
    for axis in (0..shape.len()).filter(|&axis| shape[axis] != 1) {
        let continues = |(steps, strides): (&Vec<usize>, &&[usize])| {
            steps.last().is_some_and(|&before| before == strides[axis] * shape[axis])
        };
        if steps.iter().zip(&strides).all(continues) {
            *joined.last_mut().expect("an axis to continue") *= shape[axis];
            for (steps, strides) in steps.iter_mut().zip(strides) {
                *steps.last_mut().expect("an axis to continue") = strides[axis];
            }
        } else {
            joined.push(shape[axis]);
            for (steps, strides) in steps.iter_mut().zip(strides) {
                steps.push(strides[axis]);
            }
        }
    }
    if joined.is_empty() {
        joined.push(1);
        for steps in &mut steps {
            steps.push(0);
        }
    }
    (joined, steps)
}

/// The step along each axis of an array without gaps.
pub(crate) fn dense(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Where each row starts, from a given row on; `shape` and `strides` are those of the axes outside the rows.
pub(crate) struct Rows<'a> {
    shape: &'a [usize],
    strides: &'a [usize],
    place: Vec<usize>,
    at: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn from(row: usize, shape: &'a [usize], strides: &'a [usize]) -> Self {
        let (mut place, mut rest, mut at) = (vec![0; shape.len()], row, 0);
        for axis in (0..shape.len()).rev() {
            place[axis] = rest % shape[axis];
            rest /= shape[axis];
            at += place[axis] * strides[axis];
        }
        Self { shape, strides, place, at }
    }
}

impl Iterator for Rows<'_> {
    type Item = usize;

    /// The next start; there is no end, the caller knows how many rows it wants.
    fn next(&mut self) -> Option<usize> {
        let now = self.at;
        for axis in (0..self.shape.len()).rev() {
            self.place[axis] += 1;
            self.at += self.strides[axis];
            if self.place[axis] < self.shape[axis] {
                break;
            }
            self.at -= self.place[axis] * self.strides[axis];
            self.place[axis] = 0;
        }
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_joined_where_every_operand_allows_it() {
        let (shape, [a, b]) = join_axes(&[2, 3, 1, 4], [&[12, 4, 4, 1], &[0, 0, 0, 1]]);
        assert_eq!((shape, a, b), (vec![6, 4], vec![4, 1], vec![0, 1]));
        let (shape, [a]) = join_axes(&[2, 3, 4], [&[12, 4, 1]]);
        assert_eq!((shape, a), (vec![24], vec![1]));
        let (shape, [a]) = join_axes(&[1, 1], [&[5, 5]]);
        assert_eq!((shape, a), (vec![1], vec![0]));
        let (shape, [a]) = join_axes(&[], [&[]]);
        assert_eq!((shape, a), (vec![1], vec![0]));
    }

    #[test]
    fn rows_start_where_the_strides_say() {
        let all: Vec<usize> = Rows::from(0, &[2, 3], &[100, 10]).take(6).collect();
        assert_eq!(all, [0, 10, 20, 100, 110, 120]);
        let rest: Vec<usize> = Rows::from(2, &[2, 3], &[100, 10]).take(4).collect();
        assert_eq!(rest, all[2..]);
    }
}
