//! What the tests across crates share.

use std::path::{Path, PathBuf};

/// Numbers in [-1, 1) from an integer hash of the seed and each number's index: what `uniform` in
/// `tests/reference/gan_steps.py` gives, so that inputs need not be stored.
pub fn uniform(seed: u64, count: usize) -> Vec<f32> {
    const MASK: u64 = 0xffff_ffff;
    (0..count as u64)
        .map(|index| {
            let mut x = (index * 2_654_435_761 + seed * 40_503 + 12_345) & MASK;
            for _ in 0..2 {
                x ^= x >> 16;
                x = (x * 0x045d_9f3b) & MASK;
            }
            x ^= x >> 16;
            (x as f64 / 4_294_967_296.0) as f32 * 2.0 - 1.0
        })
        .collect()
}

/// A file of reference values beside the script that makes it.
pub fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reference").join(name)
}

/// A reference file of JSON.
///
/// # Panics
/// If it is missing or broken.
pub fn reference_json(name: &str) -> serde_json::Value {
    let path = reference(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
