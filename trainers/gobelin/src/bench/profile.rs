//! The table of where a workload's step spends its time.

use std::fmt::Write;
use std::time::{Duration, Instant};

use gobelin_autograd::profile;
use gobelin_kernels::pool_statistics;

/// Runs a step for `seconds` and tells each op's part of it, in falling order: milliseconds a step, share, calls a step, the
/// gigabytes it moves at least and the billions of operations it makes by the definition, both a second.
pub fn table(workload: &str, mut step: Box<dyn FnMut()>, seconds: f64) -> String {
    for _ in 0..super::measure::WARM_UP {
        step();
    }
    profile::begin();
    let begun = Instant::now();
    let mut steps = 0;
    while steps == 0 || begun.elapsed().as_secs_f64() < seconds {
        step();
        steps += 1;
    }
    let rows = profile::end();
    let pool = pool_statistics();
    let total: Duration = rows.iter().map(|row| row.time).sum();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(steps);
    let mut text = format!("{workload}: {:.1} ms a step, {steps} steps\n", milliseconds(total));
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    let _ = writeln!(
        text,
        "buffers: {:.0} MB used at most, {:.0} MB between steps, {:.0} MB of the pool unused then",
        megabytes(pool.most_used),
        megabytes(pool.used),
        megabytes(pool.unused)
    );
    text += "      ms  share  calls    GB/s  GFLOP/s  op\n";
    for row in rows {
        let seconds = row.time.as_secs_f64();
        let _ = writeln!(
            text,
            "{:8.2} {:5.1}% {:6.1} {:7.1} {:8.1}  {}{} {}",
            milliseconds(row.time),
            100.0 * seconds / total.as_secs_f64(),
            row.calls as f64 / f64::from(steps),
            row.bytes as f64 / seconds / 1e9,
            row.operations as f64 / seconds / 1e9,
            row.op,
            if row.backward { "'" } else { "" },
            row.shapes
        );
    }
    text
}
