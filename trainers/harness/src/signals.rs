//! Being asked to stop: by Ctrl-C, or by a system that shuts down.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a run that was stopped and saved, as shells expect it
/// after Ctrl-C, so that a script does not go on as if it had finished.
pub const STOPPED: u8 = 130;

/// Whether the run has been asked to stop after its present step.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Nobody has asked yet.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Asks the run to finish its step, save, and end.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether that was asked.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ctrl-C, SIGTERM and SIGHUP ask for the stop; a second one kills. To be
    /// called once in a process.
    pub fn listen(&self) {
        let stop = self.clone();
        ctrlc::set_handler(move || {
            if stop.0.swap(true, Ordering::Relaxed) {
                process::exit(i32::from(STOPPED));
            }
            crate::progress::tell("stopping: finishing this step, then saving; once more to kill");
        })
        .expect("signals are listened to once");
    }
}
