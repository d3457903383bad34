//! Times the kernels that memory limits against the bandwidth measured in the same run.
//!
//!     cargo bench -p gobelin-kernels --bench passes -- [NAMES...] [--seconds S] [--threads T]
//!
//! A name picks the rows whose label contains it. Each row gives the megabytes that must be read, written or changed in place, each tensor
//! once; the time these take at the bandwidth of plain loops that do the same; and the best time of the kernel, twice: with nothing in the
//! caches, and right after itself, where what fits lies in them. What is written counts once, although a line is fetched
//! before it is written: plain writing pays for that too.
//!
//! To time another kernel, add it to the table in `cases.rs`.

mod bandwidth;
mod cases;
#[path = "../kernels/timing.rs"]
mod timing;

use bandwidth::Bandwidth;
use timing::best;

/// What the command line asks for.
struct Options {
    names: Vec<String>,
    seconds: f64,
    threads: usize,
}

fn options() -> Result<Options, String> {
    let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut options = Options { names: Vec::new(), seconds: 0.1, threads: available };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a number"));
        let bad = |text: &str| format!("{argument}: {text} is no such number");
        match argument.as_str() {
            // Cargo adds it.
            "--bench" => {}
            "--seconds" => {
                let text = value()?;
                options.seconds = text.parse().map_err(|_| bad(&text))?;
            }
            "--threads" => {
                let text = value()?;
                options.threads = text.parse().map_err(|_| bad(&text))?;
            }
            flag if flag.starts_with("--") => {
                return Err(format!("{flag}: known are --seconds and --threads"));
            }
            name => options.names.push(name.to_owned()),
        }
    }
    Ok(options)
}

fn main() {
    let options = options().unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(2);
    });
    // As the trainers do, this thread computes with the others.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).use_current_thread();
    pool.build_global().expect("threads");
    let Bandwidth { read, write, update } = bandwidth::measure();
    println!(
        "{} threads, GB/s: reading {read:.1}, writing {write:.1}, changing {update:.1}",
        options.threads
    );
    println!("{:42}{:>8}{:>10}{:>10}{:>7}{:>10}{:>7}", "", "MB", "floor ms", "cold ms", "%", "warm ms", "%");
    let other = vec![1u8; timing::EVICTING];
    for (name, case) in cases::CASES {
        if !options.names.is_empty() && !options.names.iter().any(|wanted| name.contains(wanted.as_str())) {
            continue;
        }
        let mut case = case();
        let megabytes = |floats: usize| floats as f64 * 4e-6;
        let floor =
            megabytes(case.read) / read + megabytes(case.written) / write + megabytes(case.updated) / update;
        let evict = || {
            std::hint::black_box(other.iter().step_by(64).map(|&byte| u32::from(byte)).sum::<u32>());
        };
        let cold = best(options.seconds, evict, &mut case.run).as_secs_f64() * 1e3;
        let warm = best(options.seconds, || (), &mut case.run).as_secs_f64() * 1e3;
        println!(
            "{name:42}{:>8.1}{floor:>10.3}{cold:>10.3}{:>6.0}%{warm:>10.3}{:>6.0}%",
            megabytes(case.read + case.written + case.updated),
            floor / cold * 100.0,
            floor / warm * 100.0,
        );
    }
}
