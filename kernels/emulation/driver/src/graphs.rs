//! What was captured, and what is made of it to be launched.

use std::collections::HashMap;
use std::sync::Arc;

use cudarc::driver::sys::CUresult::*;

use crate::machine::{Machine, Outcome};
use crate::work::Work;

/// All that there are. Either is its work.
#[derive(Default)]
pub struct Graphs {
    graphs: HashMap<u64, Arc<Vec<Work>>>,
    executables: HashMap<u64, (u64, Arc<Vec<Work>>)>,
}

impl Graphs {
    pub fn drop_all_of(&mut self, context: u64) {
        self.executables.retain(|_, (of, _)| *of != context);
    }
}

impl Machine {
    pub fn make_graph(&mut self, work: Vec<Work>) -> u64 {
        let handle = self.handle();
        self.graphs.graphs.insert(handle, Arc::new(work));
        handle
    }

    pub fn instantiate(&mut self, graph: u64, flags: u64) -> Outcome<u64> {
        let (handle, context) = (self.handle(), self.current()?.handle);
        let work = self.graphs.graphs.get(&graph).ok_or(CUDA_ERROR_INVALID_VALUE)?;
        if flags != 0 {
            return Err(CUDA_ERROR_NOT_SUPPORTED);
        }
        self.graphs.executables.insert(handle, (context, Arc::clone(work)));
        Ok(handle)
    }

    pub fn launch_graph(&mut self, executable: u64, stream: u64) -> Outcome {
        let context = self.current()?.handle;
        let (of, work) = self.graphs.executables.get(&executable).ok_or(CUDA_ERROR_INVALID_VALUE)?;
        if *of != context {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        let work = Work::Replay(Arc::clone(work));
        self.enqueue(stream, work)
    }

    pub fn destroy_graph(&mut self, graph: u64) -> Outcome {
        self.graphs.graphs.remove(&graph).map(drop).ok_or(CUDA_ERROR_INVALID_VALUE)
    }

    pub fn destroy_executable(&mut self, executable: u64) -> Outcome {
        self.graphs.executables.remove(&executable).map(drop).ok_or(CUDA_ERROR_INVALID_VALUE)
    }
}
