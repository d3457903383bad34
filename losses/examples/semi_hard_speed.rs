//! Times one forward and backward pass of the semi-hard triplet loss on the embeddings of a file, for
//! tests/speed/semi_hard.py: `semi_hard_speed EMBEDDINGS.bin LABELS.bin DIMENSIONS`, raw little-endian f32 and i64.

use gobelin_losses::metrics::Vectors;
use gobelin_losses::mining::{Labels, TripletBatch};
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, embeddings, labels, dimensions] = arguments.as_slice() else {
        eprintln!("expected three arguments: EMBEDDINGS.bin LABELS.bin DIMENSIONS");
        std::process::exit(2);
    };
    let read = |path: &String| std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let values: Vec<f32> =
        read(embeddings).chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let labels: Vec<i64> =
        read(labels).chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect();
    let labels = Labels::new(&labels, 0);
    let embeddings = Vectors::new(&values, dimensions.parse().expect("DIMENSIONS is a number"));
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..33 {
        let start = Instant::now();
        let mined = TripletBatch::default().mine(embeddings, &labels);
        let gradient = mined.gradient(embeddings);
        times.push(start.elapsed().as_secs_f64() * 1e3);
        last = Some((mined.loss, mined.counted, gradient[0]));
    }
    // The first runs wait for memory from the system.
    let mut warm = times.split_off(3);
    warm.sort_by(f64::total_cmp);
    let (loss, counted, _) = last.expect("there were runs");
    println!("{{\"median_ms\": {:.3}, \"loss\": {loss}, \"counted\": {counted}}}", warm[warm.len() / 2]);
}
