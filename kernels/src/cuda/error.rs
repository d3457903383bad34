//! What can go wrong on a device, each in one line.

/// A call to a device that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no driver.
    #[error("no CUDA driver (libcuda) on this machine: install NVIDIA's driver, or use --device cpu")]
    NoDriver,
    /// There is no compiler, and the kernels of this card are not in the cache.
    #[error(
        "no CUDA compiler (libnvrtc) on this machine: install CUDA's NVRTC library (`pip install nvidia-cuda-nvrtc` and \
         its folder in LD_LIBRARY_PATH will do), or use --device cpu"
    )]
    NoCompiler,
    /// There is no card of this number.
    #[error("no graphics card {asked}: this machine has {found}; use a smaller number or --device cpu")]
    NoCard {
        /// The number that was asked for.
        asked: usize,
        /// How many there are.
        found: usize,
    },
    /// The card lacks the tensor cores that the kernels are written for.
    #[error(
        "graphics card {name} has compute capability {}.{}, but at least 8.0 is needed: use --device cpu",
        capability[0], capability[1]
    )]
    OldCard {
        /// What the card calls itself.
        name: String,
        /// Its compute capability.
        capability: [i32; 2],
    },
    /// The driver lacks calls that are made of it.
    #[error(
        "the driver knows CUDA {driver}, but at least {needed} is needed: install a newer driver, or use --device cpu"
    )]
    AncientDriver {
        /// The newest CUDA the driver knows.
        driver: String,
        /// The oldest that serves.
        needed: String,
    },
    /// The driver lacks a call that its version has.
    #[error(
        "the driver has no {call}, although it knows CUDA {driver}: install it anew, or use --device cpu"
    )]
    BrokenDriver {
        /// The call.
        call: &'static str,
        /// The newest CUDA the driver knows.
        driver: String,
    },
    /// The driver cannot load what the compiler made.
    #[error(
        "the driver (CUDA {driver}) does not take code of NVRTC {compiler}: install a newer driver or an older NVRTC"
    )]
    OldDriver {
        /// The newest CUDA the driver knows.
        driver: String,
        /// The compiler's version.
        compiler: String,
    },
    /// No memory is left.
    #[error(
        "out of memory on the graphics card: {}{free} of {total} MiB are free: use smaller batches or pictures, or \
         --device cpu",
        more(*asked)
    )]
    OutOfMemory {
        /// What was asked for, in MiB; 0 where that is not known.
        asked: usize,
        /// What is free, in MiB.
        free: usize,
        /// What the card has, in MiB.
        total: usize,
    },
    /// More values than the kernels' 32-bit places can name.
    #[error(
        "a tensor of {length} values is too large for a graphics card's kernels, which take 2147483647 at most: use smaller \
         batches or pictures, or --device cpu"
    )]
    TooLarge {
        /// How many were asked for.
        length: usize,
    },
    /// The card no longer answers: what it held is lost.
    #[error("the graphics card was lost ({0}): see whether nvidia-smi still finds it")]
    Lost(String),
    /// A kernel file did not compile.
    #[error("{file} does not compile for {architecture}: {message}")]
    Compiler {
        /// The file.
        file: &'static str,
        /// The card's architecture.
        architecture: String,
        /// The compiler's first message.
        message: String,
    },
    /// The compiler is older than the card.
    #[error(
        "NVRTC {compiler} does not know this graphics card ({architecture}): install a newer NVRTC, or use --device cpu"
    )]
    OldCompiler {
        /// The compiler's version.
        compiler: String,
        /// The card's architecture.
        architecture: String,
    },
    /// A call that waits for the device, or brings it what may differ from one time to the next.
    #[error(
        "{call}: not possible while a step is recorded; what the host gives to a recorded step must be among its inputs, and what \
         it reads among its results"
    )]
    Recorded {
        /// What was tried.
        call: String,
    },
    /// Any other call that failed.
    #[error("{call}: {message}")]
    Call {
        /// What was tried.
        call: String,
        /// What the driver said.
        message: String,
    },
}

fn more(asked: usize) -> String {
    if asked == 0 { String::new() } else { format!("{asked} MiB more were asked for, ") }
}

/// The result of a call to a device.
pub type Result<T> = std::result::Result<T, Error>;
