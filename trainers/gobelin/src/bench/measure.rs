//! The row of a workload.

use std::time::{Duration, Instant};

use gobelin_autograd::{Device, DeviceError};
use serde::Serialize;

use super::setup::Setup;

/// Steps before the first timed one: they fill the buffer pool and the caches.
pub const WARM_UP: usize = 3;
/// Steps timed at least, however long they take; of a small workload one.
const FEWEST: usize = 3;

#[derive(Serialize)]
struct Row<'a> {
    workload: String,
    mode: &'static str,
    device: &'a str,
    threads: usize,
    median_ms: f64,
    min_ms: f64,
    steps: usize,
    /// Of the process so far; missing where the system does not tell.
    peak_rss_mb: Option<u64>,
    /// Of a graphics card: what the pool has taken from it at most, more than tensors used at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_device_mb: Option<usize>,
    /// Kernels and copies of a step that a graphics card does in recordings, without being told of each; 0 with `--eager`.
    #[serde(skip_serializing_if = "Option::is_none")]
    graph_nodes: Option<u64>,
    /// What the graphics card calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<&'a str>,
}

/// Times a step for `seconds` and tells how long it takes, as a line of JSON. A step is done when what it asked of a card is.
///
/// # Errors
/// If the card fails.
pub fn row(
    workload: &str,
    setup: &Setup,
    mut step: Box<dyn FnMut()>,
    seconds: f64,
) -> Result<String, DeviceError> {
    for _ in 0..setup.pick(WARM_UP, 1) {
        step();
    }
    setup.synchronise()?;
    let replayed = || setup.card.as_ref().map(Device::replayed_nodes);
    let (mut times, mut before) = (Vec::new(), replayed());
    let begun = Instant::now();
    while times.len() < setup.pick(FEWEST, 1) || begun.elapsed().as_secs_f64() < seconds {
        before = replayed();
        let start = Instant::now();
        step();
        setup.synchronise()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let row = Row {
        workload: setup.pick(workload.to_owned(), format!("{workload} (small)")),
        mode: if setup.is_eager { "gobelin eager" } else { "gobelin" },
        device: &setup.place,
        threads: rayon::current_num_threads(),
        median_ms: milliseconds(median(&times)),
        min_ms: milliseconds(times[0]),
        steps: times.len(),
        peak_rss_mb: std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(peak_rss_mb),
        peak_device_mb: setup.card.as_ref().map(|card| card.most_memory() >> 20),
        graph_nodes: replayed().zip(before).map(|(now, before)| now - before),
        card: setup.card.as_ref().map(Device::name),
    };
    Ok(serde_json::to_string(&row).expect("a row of plain values"))
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
