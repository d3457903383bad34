//! Mining asks for bounded memory. Alone in its process, because it reads the process's peak.
#![cfg(target_os = "linux")]

use gobelin_losses::metrics::Vectors;
use gobelin_losses::mining::{Choice, Fallback, Labels, Mining, Reduce, TripletBatch};

/// The peak of resident memory, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("the process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn all_minings_of_4096_embeddings_stay_under_300_megabytes() {
    let (count, dimensions) = (4096, 128);
    let values: Vec<f32> =
        (0..count * dimensions).map(|i| ((i * 7919 % 10007) as f32).sin() * 0.125).collect();
    let before = peak();
    // Two identities: 17 billion triplets, the worst case.
    for identities in [2, 1024] {
        let labels: Vec<i64> = (0..count as i64).map(|i| i % identities).collect();
        let labels = Labels::new(&labels, 0);
        for mining in [
            Mining::All { reduce: Reduce::Active },
            Mining::Chosen(Choice::Hard),
            Mining::Chosen(Choice::SemiHard { fallback: Fallback::Hardest }),
            Mining::Chosen(Choice::DistanceWeighted { nearest: 0.5, farthest: 1.4 }),
        ] {
            let embeddings = Vectors::new(&values, dimensions);
            let mined = TripletBatch { mining, ..TripletBatch::default() }.mine(embeddings, &labels);
            assert!(mined.counted > 0, "{mining:?}");
            assert_eq!(mined.gradient(embeddings).len(), values.len());
        }
    }
    let more = peak() - before;
    assert!(more < 300_000_000, "{} MB above the embeddings", more / 1_000_000);
}
