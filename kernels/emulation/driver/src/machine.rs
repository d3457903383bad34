//! All that there is: cards, contexts on them, and what was made in those. One call at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cudarc::driver::sys::CUresult::{self, *};
use gobelin_emulation::library::Library;

use crate::codes;
use crate::context::{self, Context};
use crate::graphs::Graphs;
use crate::modules::Modules;
use crate::settings::Settings;
use crate::streams::{Event, Stream};

/// What a call comes to.
pub type Outcome<T = ()> = Result<T, CUresult>;

/// The machine.
pub struct Machine {
    pub settings: Settings,
    pub is_initialised: bool,
    library: Option<Arc<Library>>,
    /// The primary context of each card, while somebody holds it.
    pub primary: Vec<Option<u64>>,
    pub contexts: HashMap<u64, Context>,
    pub streams: HashMap<u64, Stream>,
    pub events: HashMap<u64, Event>,
    pub modules: Modules,
    pub graphs: Graphs,
    /// How often each call was made.
    made: HashMap<String, u64>,
    /// What the launch that is being made will fail with on the card.
    pub launch_fault: Option<CUresult>,
    handles: u64,
}

impl Machine {
    pub fn new(settings: Settings) -> Self {
        let primary = vec![None; settings.cards];
        Self {
            settings,
            is_initialised: false,
            library: None,
            primary,
            contexts: HashMap::new(),
            streams: HashMap::new(),
            events: HashMap::new(),
            modules: Modules::default(),
            graphs: Graphs::default(),
            made: HashMap::new(),
            launch_fault: None,
            handles: 0x6000,
        }
    }

    /// A handle that nothing had before.
    pub fn handle(&mut self) -> u64 {
        self.handles += 16;
        self.handles
    }

    /// The kernels.
    pub fn library(&mut self) -> Outcome<Arc<Library>> {
        if self.library.is_none() {
            self.library = Library::get();
        }
        self.library.clone().ok_or(CUDA_ERROR_NOT_SUPPORTED)
    }

    /// The current context of this thread.
    pub fn current(&mut self) -> Outcome<&mut Context> {
        if !self.is_initialised {
            return Err(CUDA_ERROR_NOT_INITIALIZED);
        }
        let handle = context::current();
        if handle == 0 {
            return Err(CUDA_ERROR_INVALID_CONTEXT);
        }
        let context = self.contexts.get_mut(&handle).ok_or(CUDA_ERROR_CONTEXT_IS_DESTROYED)?;
        context.lost.map_or(Ok(context), Err)
    }

    /// Counts a call; the code that it is made to fail with.
    fn fault(&mut self, call: &str) -> Option<CUresult> {
        let made = self.made.entry(call.to_owned()).or_default();
        *made += 1;
        let code = self.settings.fault(call, *made)?;
        if !codes::is_fatal(code) {
            return Some(code);
        }
        if ["cuLaunchKernel", "cuGraphLaunch"].contains(&call) {
            self.launch_fault = Some(code);
            return None;
        }
        if let Ok(context) = self.current() {
            context.lost = Some(code);
        }
        Some(code)
    }

    /// Whether a call was made of what is no more: a driver does not look, and reads memory that it gave back. Where calls are
    /// made to fail, what comes after them is no matter.
    fn is_of_nothing(&self, code: CUresult) -> bool {
        let codes = [CUDA_ERROR_INVALID_HANDLE, CUDA_ERROR_INVALID_CONTEXT, CUDA_ERROR_CONTEXT_IS_DESTROYED];
        self.settings.faults.is_empty() && codes.contains(&code)
    }

    /// Makes a call.
    pub fn answer(&mut self, call: &str, work: impl FnOnce(&mut Self) -> Outcome) -> CUresult {
        if let Some(code) = self.fault(call) {
            return code;
        }
        let code = work(self).err().unwrap_or(CUDA_SUCCESS);
        self.launch_fault = None;
        code
    }
}

/// Makes a call of this process's machine, which ends where a real one may.
pub fn answer(call: &str, work: impl FnOnce(&mut Machine) -> Outcome) -> CUresult {
    static MACHINE: OnceLock<Mutex<Machine>> = OnceLock::new();
    let machine = MACHINE.get_or_init(|| Mutex::new(Machine::new(Settings::get())));
    let mut machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
    let code = machine.answer(call, work);
    if machine.is_of_nothing(code) {
        eprintln!("emulated card: {call}: {code:?}: it was given what is no more");
        std::process::abort();
    }
    code
}

/// Writes an answer.
pub fn put<T>(place: *mut T, value: T) -> Outcome {
    if place.is_null() {
        return Err(CUDA_ERROR_INVALID_VALUE);
    }
    // SAFETY: the caller gave the place for it.
    unsafe { place.write(value) };
    Ok(())
}
