//! Connected components of a mask.

/// Which pixels are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Those that share a side.
    Four,
    /// Those that share a side or a corner.
    Eight,
}

/// The components of the set pixels of a mask of (H, W): a label for each pixel, 0 where the mask is not set, else
/// 1, 2, ... in the order in which the rows meet them; and how many components there are.
///
/// # Panics
/// If the mask is not of `width` times a whole number of rows.
#[track_caller]
pub fn connected_components(mask: &[bool], width: usize, connectivity: Connectivity) -> (Vec<u32>, u32) {
    assert!(width > 0 && mask.len().is_multiple_of(width), "connected_components: no whole rows of {width}");
    let height = mask.len() / width;
    let (mut labels, mut count, mut open) = (vec![0u32; mask.len()], 0, Vec::new());
    for start in 0..mask.len() {
        if !mask[start] || labels[start] != 0 {
            continue;
        }
        count += 1;
        labels[start] = count;
        open.push(start);
        while let Some(at) = open.pop() {
            let (y, x) = (at / width, at % width);
            for near_y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for near_x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let near = near_y * width + near_x;
                    let reachable = connectivity == Connectivity::Eight || near_y == y || near_x == x;
                    if reachable && mask[near] && labels[near] == 0 {
                        labels[near] = count;
                        open.push(near);
                    }
                }
            }
        }
    }
    (labels, count)
}
