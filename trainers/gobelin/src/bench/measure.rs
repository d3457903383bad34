//! The row of a workload.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Steps before the first timed one: they fill the buffer pool and the caches.
pub const WARM_UP: usize = 3;
/// Steps timed at least, however long they take.
const FEWEST: usize = 3;

#[derive(Serialize)]
struct Row<'a> {
    workload: &'a str,
    mode: &'static str,
    device: &'static str,
    threads: usize,
    median_ms: f64,
    min_ms: f64,
    steps: usize,
    /// Of the process so far; missing where the system does not tell.
    peak_rss_mb: Option<u64>,
}

/// Times a step for `seconds` and tells how long it takes, as a line of JSON.
pub fn row(workload: &str, mut step: Box<dyn FnMut()>, seconds: f64) -> String {
    for _ in 0..WARM_UP {
        step();
    }
    let mut times = Vec::new();
    let begun = Instant::now();
    while times.len() < FEWEST || begun.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        step();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let row = Row {
        workload,
        mode: "gobelin",
        device: "cpu",
        threads: rayon::current_num_threads(),
        median_ms: milliseconds(median(&times)),
        min_ms: milliseconds(times[0]),
        steps: times.len(),
        peak_rss_mb: std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(peak_rss_mb),
    };
    serde_json::to_string(&row).expect("a row of plain values")
}

/// Of times in rising order; of an even number, the mean of the middle two.
fn median(times: &[Duration]) -> Duration {
    let middle = times.len() / 2;
    if times.len() % 2 == 1 { times[middle] } else { (times[middle - 1] + times[middle]) / 2 }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

/// The largest resident size so far, from Linux's account of a process.
fn peak_rss_mb(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let times = [1, 2, 4, 9].map(Duration::from_millis);
        assert_eq!(median(&times[..3]), times[1]);
        assert_eq!(milliseconds(median(&times)), 3.0);
        assert_eq!(milliseconds(Duration::from_nanos(1_234_567)), 1.23);
    }

    #[test]
    fn the_peak_is_read_from_the_systems_account() {
        assert_eq!(peak_rss_mb("VmPeak:\t  9999999 kB\nVmHWM:\t  372736 kB\nVmRSS:\t  1 kB\n"), Some(364));
        assert_eq!(peak_rss_mb("VmPeak:\t  9999999 kB\n"), None);
    }
}
