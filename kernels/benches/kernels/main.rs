//! Times every convolution that the trainers run, and products of matrices, against the FMA peak measured in the
//! same run and against matrixmultiply.
//!
//!     cargo bench -p gobelin-kernels -- [NAMES...] [--seconds S] [--threads T] [--variant NAME] [--cold]
//!
//! A name picks the rows whose label contains it: `gan`, `facenet.4`, `weight`, `"vgg.2_2 forward"`, `gemm`. Each
//! row gives the operations of the definition, the time they would take at the peak, and for each variant its best
//! time and the operations of the definition it did per second, also as a share of the peak: a variant that multiplies less
//! than the definition can exceed 100%. `--variant chosen` times that one alone, to alternate two builds quickly.
//! With `--cold` the third-level cache holds something else before each run, as in a training step.
//!
//! To compare a new kernel with the others, add it to the table in `variants.rs`.

mod peak;
mod shapes;
mod timing;
mod variants;

use timing::{EVICTING, best};
use variants::{Direction, Problem, Variant};

/// What the command line asks for.
struct Options {
    names: Vec<String>,
    seconds: f64,
    threads: usize,
    /// Only the variant of this name.
    variant: Option<String>,
    cold: bool,
}

fn options() -> Result<Options, String> {
    let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut options =
        Options { names: Vec::new(), seconds: 0.3, threads: available, variant: None, cold: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = |what: &str| arguments.next().ok_or(format!("{argument} needs {what}"));
        match argument.as_str() {
            // Cargo adds it.
            "--bench" => {}
            "--cold" => options.cold = true,
            "--seconds" => {
                let text = value("a number of seconds")?;
                options.seconds = text.parse().map_err(|_| format!("--seconds: {text} is no number"))?;
            }
            "--threads" => {
                let text = value("a number of threads")?;
                options.threads =
                    text.parse().map_err(|_| format!("--threads: {text} is no whole number"))?;
            }
            "--variant" => {
                let name = value("a variant's name")?;
                let known: Vec<_> = variants::VARIANTS.iter().map(|variant| variant.name).collect();
                if !known.contains(&name.as_str()) {
                    return Err(format!("--variant: {name} is none of {}", known.join(", ")));
                }
                options.variant = Some(name);
            }
            flag if flag.starts_with("--") => {
                return Err(format!("{flag}: known are --seconds, --threads, --variant and --cold"));
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
    // matrixmultiply reads its number of threads from the environment when it starts, so this process starts again.
    let threads = options.threads.to_string();
    if std::env::var("MATMUL_NUM_THREADS").as_ref() != Ok(&threads) {
        let program = std::env::current_exe().expect("the path of this program");
        let mut again = std::process::Command::new(program);
        again.args(std::env::args().skip(1)).env("MATMUL_NUM_THREADS", threads);
        let status = again.status().expect("this program can be started");
        std::process::exit(status.code().unwrap_or(1));
    }
    // As the trainers do, this thread computes with the others.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).use_current_thread();
    pool.build_global().expect("threads");
    let peak = peak::measure(options.threads);
    println!("{} threads, FMA peak {peak:.1} GFLOP/s", options.threads);
    let wanted = |label: &str| {
        options.names.is_empty() || options.names.iter().any(|name| label.contains(name.as_str()))
    };

    let timed = |variant: &&Variant| options.variant.as_ref().is_none_or(|name| name == variant.name);
    print!("{:34}{:>10}{:>10}", "", "GFLOP", "floor ms");
    for variant in variants::VARIANTS.iter().filter(timed) {
        print!("{:>18} ms{:>9}{:>6}", variant.name, "GFLOP/s", "%");
    }
    println!();
    let mut other = vec![0u8; if options.cold { EVICTING } else { 0 }];
    let mut row = |label: &str, operations: usize, problem: &mut Problem, columns: &[Variant]| {
        let work = operations as f64 * 1e-9;
        print!("{label:34}{work:>10.3}{:>10.3}", work / peak * 1e3);
        for variant in columns.iter().filter(timed) {
            let time = best(
                options.seconds,
                || other.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1)),
                || (variant.run)(problem),
            )
            .as_secs_f64();
            print!("{:>21.3}{:>9.0}{:>5.0}%", time * 1e3, work / time, work / time / peak * 100.0);
        }
        println!();
    };
    for (m, n, k) in shapes::PRODUCTS {
        let label = format!("gemm {m} x {n} x {k}");
        if wanted(&label) {
            let mut problem = Problem::product(m, n, k);
            row(&label, 2 * m * n * k, &mut problem, variants::PRODUCTS);
        }
    }
    for (name, shape) in shapes::convolutions() {
        for direction in [Direction::Forward, Direction::Input, Direction::Weight] {
            let label = format!("{name} {}", direction.name());
            if wanted(&label) {
                let mut problem = Problem::convolution(shape, direction);
                row(&label, shape.operations(), &mut problem, variants::VARIANTS);
            }
        }
    }
}
