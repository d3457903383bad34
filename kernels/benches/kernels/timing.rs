//! How long something takes, for every bench.

use std::time::{Duration, Instant};

/// Bytes that drive everything else out of the caches.
pub const EVICTING: usize = 96 << 20;

/// The shortest of the runs that fit into `seconds`, at least three.
pub fn best(seconds: f64, mut before: impl FnMut(), mut run: impl FnMut()) -> Duration {
    let (start, mut best, mut runs) = (Instant::now(), Duration::MAX, 0);
    while runs < 3 || start.elapsed().as_secs_f64() < seconds {
        before();
        let begin = Instant::now();
        run();
        best = best.min(begin.elapsed());
        runs += 1;
    }
    best
}
