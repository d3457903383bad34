//! The orders in which a card does work, one a lane, and the freedom it has between them.
//!
//! Some lanes do their work as soon as it is called, the others as late as they may: when something waits for it. Which ones are
//! late depends on the [`Order`], so a host buffer that is changed too early, a batch that is read before it has arrived, or one
//! that arrives while the last is still read give wrong results in one of them.

use std::collections::{HashMap, VecDeque};

use crate::Order;

/// What a lane does; `W` is work that the card knows how to do.
enum Step<W> {
    Work(W),
    /// The event is reached for the time with this number.
    Mark(u64, u64),
    /// What comes next waits until it is, by the lane in which it is marked.
    Follow(u64, u64, usize),
}

/// What is still to be done in each lane. Lanes have numbers from 0 on; the even ones are those in which kernels run.
pub struct Lanes<W, E> {
    order: Order,
    steps: Vec<VecDeque<Step<W>>>,
    /// How often each event was marked, in which lane last, and how often it was reached.
    marked: HashMap<u64, (u64, usize)>,
    reached: HashMap<u64, u64>,
    events: u64,
    /// What went wrong first.
    trouble: Option<E>,
}

/// Does work.
pub type Run<'a, W, E> = &'a dyn Fn(W) -> Result<(), E>;

impl<W, E> Lanes<W, E> {
    /// Lanes with nothing to do.
    pub fn new(order: Order) -> Self {
        Self {
            order,
            steps: Vec::new(),
            marked: HashMap::new(),
            reached: HashMap::new(),
            events: 0,
            trouble: None,
        }
    }

    /// An event that is nowhere yet.
    pub fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    /// Forgets an event.
    pub fn drop_event(&mut self, event: u64) {
        self.marked.remove(&event);
        self.reached.remove(&event);
    }

    /// Adds work.
    ///
    /// # Errors
    /// That of any work that was done by then, here and in all that follows.
    pub fn add(&mut self, lane: usize, work: W, run: Run<W, E>) -> Result<(), E> {
        self.push(lane, Step::Work(work), run)
    }

    /// The event is now behind what the lane has to do.
    ///
    /// # Errors
    /// As [`Lanes::add`].
    pub fn mark(&mut self, event: u64, lane: usize, run: Run<W, E>) -> Result<(), E> {
        let times = self.marked.get(&event).map_or(0, |marked| marked.0) + 1;
        self.marked.insert(event, (times, lane));
        self.push(lane, Step::Mark(event, times), run)
    }

    /// What the lane is given from now on is done after the event, if it is anywhere.
    ///
    /// # Errors
    /// As [`Lanes::add`].
    pub fn follow(&mut self, event: u64, lane: usize, run: Run<W, E>) -> Result<(), E> {
        let Some(&(times, marked_in)) = self.marked.get(&event) else { return self.answer() };
        self.push(lane, Step::Follow(event, times, marked_in), run)
    }

    fn push(&mut self, lane: usize, step: Step<W>, run: Run<W, E>) -> Result<(), E> {
        while self.steps.len() <= lane {
            self.steps.push(VecDeque::new());
        }
        self.steps[lane].push_back(step);
        let is_late = lane.is_multiple_of(2) == (self.order == Order::Backwards);
        if !is_late {
            self.advance(lane, None, run);
        }
        self.answer()
    }

    /// Does all that a lane has to do.
    ///
    /// # Errors
    /// As [`Lanes::add`].
    pub fn settle(&mut self, lane: usize, run: Run<W, E>) -> Result<(), E> {
        self.advance(lane, None, run);
        self.answer()
    }

    /// Does all that there is to do; what goes wrong is told by the next call.
    pub fn finish(&mut self, run: Run<W, E>) {
        for lane in 0..self.steps.len() {
            self.advance(lane, None, run);
        }
    }

    /// Until an event is reached, if it was marked.
    ///
    /// # Errors
    /// As [`Lanes::add`].
    pub fn wait(&mut self, event: u64, run: Run<W, E>) -> Result<(), E> {
        if let Some(&(times, lane)) = self.marked.get(&event) {
            self.advance(lane, Some((event, times)), run);
        }
        self.answer()
    }

    /// Does a lane's steps, all or until an event was reached so many times. What it waits for is done first: it was called
    /// before.
    fn advance(&mut self, lane: usize, until: Option<(u64, u64)>, run: Run<W, E>) {
        while until.is_none_or(|(event, times)| !self.is_reached(event, times)) {
            let Some(step) = self.steps.get_mut(lane).and_then(VecDeque::pop_front) else { return };
            match step {
                Step::Work(work) => {
                    if self.trouble.is_none() {
                        self.trouble = run(work).err();
                    }
                }
                Step::Mark(event, times) => drop(self.reached.insert(event, times)),
                Step::Follow(event, times, _) if self.is_reached(event, times) => {}
                Step::Follow(event, times, lane) => self.advance(lane, Some((event, times)), run),
            }
        }
    }

    fn is_reached(&self, event: u64, times: u64) -> bool {
        self.reached.get(&event).is_some_and(|&reached| reached >= times)
    }

    /// What went wrong, once.
    ///
    /// # Errors
    /// That.
    pub fn answer(&mut self) -> Result<(), E> {
        self.trouble.take().map_or(Ok(()), Err)
    }
}
