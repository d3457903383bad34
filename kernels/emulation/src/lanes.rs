//! The two orders in which a card does work, and the freedom it has between them.
//!
//! One lane does its work as soon as it is called, the other as late as it may: when something waits for it. Which one is late
//! depends on the [`Order`], so a host buffer that is changed too early, a batch that is read before it has arrived, or one that
//! arrives while the last is still read give wrong results in one of them.

use std::collections::{HashMap, VecDeque};

use gobelin_kernels::cuda::driver::{Event, Lane};
use gobelin_kernels::cuda::{Error, Result};

use crate::Order;

/// What a lane does; `W` is work that the card knows how to do.
enum Step<W> {
    Work(W),
    /// The event is reached for the time with this number.
    Mark(u64, u64),
    /// What comes next waits until it is.
    Follow(u64, u64),
}

pub struct Lanes<W> {
    order: Order,
    steps: [VecDeque<Step<W>>; 2],
    /// How often each event was marked, in which lane last, and how often it was reached.
    marked: HashMap<u64, (u64, usize)>,
    reached: HashMap<u64, u64>,
    events: u64,
    /// What went wrong first.
    trouble: Option<Error>,
}

fn index(lane: Lane) -> usize {
    match lane {
        Lane::Work => 0,
        Lane::Uploads => 1,
    }
}

impl<W> Lanes<W> {
    pub fn new(order: Order) -> Self {
        let steps = [VecDeque::new(), VecDeque::new()];
        Self { order, steps, marked: HashMap::new(), reached: HashMap::new(), events: 0, trouble: None }
    }

    pub fn event(&mut self) -> Event {
        self.events += 1;
        Event(self.events)
    }

    pub fn drop_event(&mut self, event: Event) {
        self.marked.remove(&event.0);
        self.reached.remove(&event.0);
    }

    /// Adds work. An error is that of any work that was done by then.
    pub fn add(&mut self, lane: Lane, work: W, run: &dyn Fn(W) -> Result<()>) -> Result<()> {
        self.push(lane, Step::Work(work), run)
    }

    pub fn mark(&mut self, event: Event, lane: Lane, run: &dyn Fn(W) -> Result<()>) -> Result<()> {
        let times = self.marked.get(&event.0).map_or(0, |marked| marked.0) + 1;
        self.marked.insert(event.0, (times, index(lane)));
        self.push(lane, Step::Mark(event.0, times), run)
    }

    pub fn follow(&mut self, event: Event, lane: Lane, run: &dyn Fn(W) -> Result<()>) -> Result<()> {
        let Some(&(times, _)) = self.marked.get(&event.0) else { return self.answer() };
        self.push(lane, Step::Follow(event.0, times), run)
    }

    fn push(&mut self, lane: Lane, step: Step<W>, run: &dyn Fn(W) -> Result<()>) -> Result<()> {
        self.steps[index(lane)].push_back(step);
        let late = if self.order == Order::Forwards { Lane::Uploads } else { Lane::Work };
        if lane != late {
            self.advance(index(lane), None, run);
        }
        self.answer()
    }

    /// Does all that a lane has to do.
    pub fn settle(&mut self, lane: Lane, run: &dyn Fn(W) -> Result<()>) -> Result<()> {
        self.advance(index(lane), None, run);
        self.answer()
    }

    /// Does all that there is to do; what goes wrong is told by the next call.
    pub fn finish(&mut self, run: &dyn Fn(W) -> Result<()>) {
        self.advance(0, None, run);
        self.advance(1, None, run);
    }

    /// Until an event is reached, if it was marked.
    pub fn wait(&mut self, event: Event, run: &dyn Fn(W) -> Result<()>) -> Result<()> {
        if let Some(&(times, lane)) = self.marked.get(&event.0) {
            self.advance(lane, Some((event.0, times)), run);
        }
        self.answer()
    }

    /// Does a lane's steps, all or until an event was reached so many times. What it waits for is done first: it was called
    /// before.
    fn advance(&mut self, lane: usize, until: Option<(u64, u64)>, run: &dyn Fn(W) -> Result<()>) {
        while until.is_none_or(|(event, times)| !self.is_reached(event, times)) {
            let Some(step) = self.steps[lane].pop_front() else { return };
            match step {
                Step::Work(work) => {
                    if self.trouble.is_none() {
                        self.trouble = run(work).err();
                    }
                }
                Step::Mark(event, times) => drop(self.reached.insert(event, times)),
                Step::Follow(event, times) if self.is_reached(event, times) => {}
                Step::Follow(event, times) => self.advance(1 - lane, Some((event, times)), run),
            }
        }
    }

    fn is_reached(&self, event: u64, times: u64) -> bool {
        self.reached.get(&event).is_some_and(|&reached| reached >= times)
    }

    /// What went wrong, once.
    fn answer(&mut self) -> Result<()> {
        self.trouble.take().map_or(Ok(()), Err)
    }
}
