//! Streams, what they capture, and events.

use std::thread::{self, ThreadId};

use cudarc::driver::sys::CUresult::*;
use cudarc::driver::sys::CUstreamCaptureMode;
use cudarc::driver::sys::CUstreamCaptureMode_enum::{
    CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_RELAXED, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
};

use crate::machine::{Machine, Outcome};
use crate::work::Work;

/// Work in the order of the calls.
pub struct Stream {
    pub context: u64,
    lane: usize,
    capture: Option<Capture>,
}

/// Work that is recorded instead.
struct Capture {
    mode: CUstreamCaptureMode,
    thread: ThreadId,
    work: Vec<Work>,
    /// Something was called that cannot be captured.
    is_spoilt: bool,
}

/// A place in a stream.
pub struct Event {
    pub context: u64,
    /// Its number among the lanes' events.
    number: u64,
    /// The stream that captured it last, if none was given it since.
    captured_by: Option<u64>,
}

impl Machine {
    pub fn make_stream(&mut self, flags: u32) -> Outcome<u64> {
        let handle = self.handle();
        let context = self.current()?;
        if flags > 1 {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        let stream = Stream { context: context.handle, lane: context.lanes_made, capture: None };
        context.lanes_made += 1;
        self.streams.insert(handle, stream);
        Ok(handle)
    }

    pub fn destroy_stream(&mut self, stream: u64) -> Outcome {
        let lane = self.stream(stream)?.lane;
        self.streams.remove(&stream);
        self.current()?.on_lanes(|lanes, run| lanes.settle(lane, run))
    }

    /// A stream of the current context.
    fn stream(&mut self, stream: u64) -> Outcome<&mut Stream> {
        let context = self.current()?.handle;
        let found = self.streams.get_mut(&stream).filter(|found| found.context == context);
        found.ok_or(CUDA_ERROR_INVALID_HANDLE)
    }

    /// Gives a stream something to do, or to record.
    pub fn enqueue(&mut self, stream: u64, work: Work) -> Outcome {
        let work = self.launch_fault.take().map_or(work, Work::Fault);
        let stream = self.stream(stream)?;
        let lane = stream.lane;
        match &mut stream.capture {
            Some(capture) if capture.is_spoilt => Err(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED),
            Some(capture) => {
                capture.work.push(work);
                Ok(())
            }
            None => self.current()?.on_lanes(|lanes, run| lanes.add(lane, work, run)),
        }
    }

    pub fn synchronise(&mut self, stream: u64) -> Outcome {
        self.must_not_capture_in(stream)?;
        let lane = self.stream(stream)?.lane;
        self.current()?.on_lanes(|lanes, run| lanes.settle(lane, run))
    }

    /// For what a stream cannot do while it captures: that spoils the capture.
    pub fn must_not_capture_in(&mut self, stream: u64) -> Outcome {
        let Some(capture) = &mut self.stream(stream)?.capture else { return Ok(()) };
        capture.is_spoilt = true;
        Err(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)
    }

    /// For calls that may wait for the card: captures that are not relaxed do not take them, and are spoilt.
    pub fn must_not_capture(&mut self) -> Outcome {
        let here = thread::current().id();
        let mut outcome = Ok(());
        for capture in self.streams.values_mut().filter_map(|stream| stream.capture.as_mut()) {
            let is_concerned = match capture.mode {
                CU_STREAM_CAPTURE_MODE_GLOBAL => true,
                CU_STREAM_CAPTURE_MODE_THREAD_LOCAL => capture.thread == here,
                CU_STREAM_CAPTURE_MODE_RELAXED => false,
            };
            if is_concerned {
                capture.is_spoilt = true;
                outcome = Err(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
            }
        }
        outcome
    }

    pub fn begin_capture(&mut self, stream: u64, mode: CUstreamCaptureMode) -> Outcome {
        let stream = self.stream(stream)?;
        if stream.capture.is_some() {
            return Err(CUDA_ERROR_ILLEGAL_STATE);
        }
        let thread = thread::current().id();
        stream.capture = Some(Capture { mode, thread, work: Vec::new(), is_spoilt: false });
        Ok(())
    }

    /// What was recorded.
    pub fn end_capture(&mut self, stream: u64) -> Outcome<Vec<Work>> {
        let stream = self.stream(stream)?;
        let capture = stream.capture.as_ref().ok_or(CUDA_ERROR_ILLEGAL_STATE)?;
        if capture.mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture.thread != thread::current().id() {
            return Err(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
        }
        let capture = stream.capture.take().expect("seen above");
        if capture.is_spoilt { Err(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED) } else { Ok(capture.work) }
    }

    pub fn make_event(&mut self) -> Outcome<u64> {
        let handle = self.handle();
        let context = self.current()?;
        let event = Event { context: context.handle, number: context.event(), captured_by: None };
        self.events.insert(handle, event);
        Ok(handle)
    }

    pub fn destroy_event(&mut self, event: u64) -> Outcome {
        let number = self.event(event)?.number;
        self.events.remove(&event);
        // What is under way may still mark it: as on a card, it goes when that is done.
        let context = self.current()?;
        context.finish()?;
        context.drop_event(number);
        Ok(())
    }

    /// An event of the current context.
    fn event(&mut self, event: u64) -> Outcome<&mut Event> {
        let context = self.current()?.handle;
        let found = self.events.get_mut(&event).filter(|found| found.context == context);
        found.ok_or(CUDA_ERROR_INVALID_HANDLE)
    }

    pub fn record(&mut self, event: u64, stream: u64) -> Outcome {
        let number = self.event(event)?.number;
        let found = self.stream(stream)?;
        let lane = found.lane;
        let captured_by = match &found.capture {
            Some(capture) if capture.is_spoilt => return Err(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED),
            Some(_) => Some(stream),
            None => None,
        };
        self.event(event)?.captured_by = captured_by;
        match captured_by {
            Some(_) => Ok(()),
            None => self.current()?.on_lanes(|lanes, run| lanes.mark(number, lane, run)),
        }
    }

    pub fn follow(&mut self, stream: u64, event: u64) -> Outcome {
        let Event { number, captured_by, .. } = *self.event(event)?;
        let found = self.stream(stream)?;
        let lane = found.lane;
        match (&mut found.capture, captured_by) {
            (Some(capture), _) if capture.is_spoilt => Err(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED),
            (Some(_), Some(other)) if other == stream => Ok(()),
            // What is not recorded is waited for by nothing that is.
            (Some(capture), None) => {
                capture.is_spoilt = true;
                Err(CUDA_ERROR_STREAM_CAPTURE_ISOLATION)
            }
            (_, Some(_)) => Err(CUDA_ERROR_NOT_SUPPORTED),
            (None, None) => self.current()?.on_lanes(|lanes, run| lanes.follow(number, lane, run)),
        }
    }

    pub fn wait(&mut self, event: u64) -> Outcome {
        let Event { number, captured_by, .. } = *self.event(event)?;
        if let Some(stream) = captured_by {
            if let Some(capture) = self.streams.get_mut(&stream).and_then(|found| found.capture.as_mut()) {
                capture.is_spoilt = true;
            }
            return Err(CUDA_ERROR_CAPTURED_EVENT);
        }
        self.current()?.on_lanes(|lanes, run| lanes.wait(number, run))
    }
}
