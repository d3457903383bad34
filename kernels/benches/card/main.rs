//! Times every convolution that the trainers run, and products of matrices, on a graphics card.
//!
//!     cargo bench -p gobelin-kernels --bench card -- [NAMES...]
//!
//! A name picks the rows whose label contains it. Each row gives the operations of the definition and, for TF32 and for single
//! precision, the time of one launch (the best of five recordings of twenty) and the operations per second. Where there is no
//! card, it says so.

#[path = "../kernels/shapes.rs"]
mod shapes;

use std::process::ExitCode;
use std::time::Instant;

use gobelin_kernels::cuda::conv::{self, Conv2d, Epilogue};
use gobelin_kernels::cuda::gemm::{Gemm, gemm};
use gobelin_kernels::cuda::{Device, DeviceBuffer, Error, Precision, Result};

const LAUNCHES: u32 = 20;

/// Seconds of one launch of what `work` launches.
fn time(device: &Device, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    // Once by itself: kernels must be loaded before they are recorded.
    work()?;
    let (graph, ()) = device.record(|| (0..LAUNCHES).try_for_each(|_| work()))?;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        device.synchronise()?;
        let begin = Instant::now();
        graph.replay()?;
        device.synchronise()?;
        best = best.min(begin.elapsed().as_secs_f64() / f64::from(LAUNCHES));
    }
    Ok(best)
}

fn row(label: &str, operations: f64, mut seconds: impl FnMut(Precision) -> Result<f64>) -> Result<()> {
    let [tf32, f32] = [seconds(Precision::Tf32)?, seconds(Precision::F32)?];
    let rate = |seconds: f64| operations / seconds / 1e12;
    println!(
        "{label:<36}{:>10.2}{:>12.1}{:>9.2}{:>12.1}{:>9.2}",
        operations / 1e9,
        tf32 * 1e6,
        rate(tf32),
        f32 * 1e6,
        rate(f32)
    );
    Ok(())
}

fn buffer(device: &Device, count: usize) -> Result<DeviceBuffer> {
    let values: Vec<f32> = (0..count).map(|i| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5).collect();
    DeviceBuffer::from_slice(device, &values)
}

fn convolution(device: &Device, name: &str, c: &Conv2d, asked: &dyn Fn(&str) -> bool) -> Result<()> {
    let mut x = buffer(device, c.input_len())?;
    let mut w = buffer(device, c.weight_len())?;
    let mut y = buffer(device, c.output_len())?;
    let operations = c.operations() as f64;
    let label = format!("{name} forward");
    if asked(&label) {
        row(&label, operations, |p| {
            time(device, || conv::forward(c, p, &x, &w, Epilogue::default(), &mut y))
        })?;
    }
    let label = format!("{name} input");
    if asked(&label) {
        row(&label, operations, |p| time(device, || conv::input_gradient(c, p, &y, &w, &mut x)))?;
    }
    let label = format!("{name} weight");
    if asked(&label) {
        row(&label, operations, |p| time(device, || conv::weight_gradient(c, p, &x, &y, &mut w)))?;
    }
    Ok(())
}

fn run() -> Result<()> {
    let device = Device::card(0)?;
    println!("{}", device.name());
    // Cargo adds a flag.
    let names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with("--")).collect();
    let asked = |label: &str| names.is_empty() || names.iter().any(|name| label.contains(name.as_str()));
    println!("{:<36}{:>10}{:>12}{:>9}{:>12}{:>9}", "", "Gop", "TF32: us", "Top/s", "f32: us", "Top/s");
    for (m, n, k) in shapes::PRODUCTS {
        let label = format!("gemm {m} {n} {k}");
        if asked(&label) {
            let (a, b, mut c) = (buffer(&device, m * k)?, buffer(&device, k * n)?, buffer(&device, m * n)?);
            let shape = Gemm::new(m, n, k);
            row(&label, 2.0 * (m * n * k) as f64, |p| time(&device, || gemm(&shape, p, &a, &b, &mut c)))?;
        }
    }
    for (name, c) in shapes::convolutions() {
        convolution(&device, name, &c, &asked)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    println!("{error}");
    // A machine without a card is no failure: `cargo bench` runs this everywhere.
    if matches!(error, Error::NoDriver | Error::NoCard { .. }) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
