//! What every trainer must hold, as a check for its tests.

use crate::cli;
use crate::state::State;
use crate::trainer::{Recipe, StepReport, Trainer};
use gobelin_autograd::{Device, attempt};

/// A trainer as the shell's words make it, its name first.
///
/// # Panics
/// If they are a wrong call, or its data cannot be read.
#[track_caller]
pub fn made<R: Recipe>(words: &str) -> R::Trainer {
    let matches = cli::command::<R>().get_matches_from(words.split_whitespace());
    let (mut run, mut own, given) = cli::options::<R>(&matches).expect("a right call");
    own.settle(&mut run, &given).expect("flags that go together");
    own.build(&run).expect("data that can be read")
}

fn state_of(trainer: &impl Trainer) -> State {
    let mut state = State::new();
    trainer.save(&mut state);
    state
}

#[track_caller]
fn must_equal(found: &State, expected: &State, when: &str) {
    if let Some(name) = found.first_difference(expected) {
        panic!("{when}, the state's entry {name} differs");
    }
}

/// Trains for `steps` steps, once in one go and once stopped, loaded into a new
/// trainer and resumed before every step, and draws samples on the way; both
/// must end in the same state, bit for bit.
///
/// # Panics
/// With the name of the first entry that differs: [`Trainer::save`] forgets
/// something a step depends on, or samples change the state.
#[track_caller]
pub fn check_resume<T: Trainer>(make: impl Fn() -> T, steps: u64) {
    let mut whole = make();
    let mut parts = make();
    must_equal(&state_of(&parts), &state_of(&whole), "made twice");
    for step in 1..=steps {
        let before = state_of(&parts);
        parts = make();
        parts.load(&before).expect("a trainer loads what it saved");
        must_equal(&state_of(&parts), &before, "saved and loaded");
        for trainer in [&mut whole, &mut parts] {
            stepped(trainer, step);
        }
        let after = state_of(&parts);
        parts.samples().expect("samples are drawn");
        parts.evaluate().expect("metrics are computed");
        must_equal(&state_of(&parts), &after, "after samples and metrics");
        must_equal(&after, &state_of(&whole), &format!("resumed before step {step}"));
    }
}

#[track_caller]
fn on<T: Trainer>(card: &Device, make: impl Fn() -> T) -> T {
    let mut trainer = make();
    assert!(trainer.to_device(card), "it does not compute on a card");
    trainer
}

/// A step that succeeds, also on a card.
#[track_caller]
fn stepped(trainer: &mut impl Trainer, step: u64) -> StepReport {
    let told = attempt(|| trainer.step(step)).unwrap_or_else(|error| panic!("step {step}: {error}"));
    told.expect("the step succeeds")
}

/// Trains for `steps` steps on a card, where a step is recorded and replayed, and beside it with a trainer that is made anew before
/// each step, and so does it op by op. Then the first is taken back to before its second step, and goes on. All must tell the same, and
/// come to the same state, bit for bit.
///
/// # Panics
/// With the number or the entry that differs, or if the trainer cannot compute on a card or replays nothing.
#[track_caller]
pub fn check_replay<T: Trainer>(make: impl Fn() -> T, card: &Device, steps: u64) {
    let (mut replaying, nodes) = (on(card, &make), card.replayed_nodes());
    let mut known: Vec<(State, StepReport)> = Vec::new();
    for step in 1..=steps {
        let before = state_of(&replaying);
        let mut eager = on(card, &make);
        eager.load(&before).expect("a trainer loads what it saved");
        let (found, expected) = (stepped(&mut replaying, step), stepped(&mut eager, step));
        must_tell_the_same(&found, &expected, &format!("replayed at step {step}"));
        must_equal(&state_of(&replaying), &state_of(&eager), &format!("replayed at step {step}"));
        known.push((before, expected));
    }
    assert!(card.replayed_nodes() > nodes, "nothing was replayed in {steps} steps");
    replaying.load(&known[1].0).expect("a trainer loads what it saved");
    for (step, (before, expected)) in (1..=steps).zip(&known).skip(1) {
        must_equal(&state_of(&replaying), before, &format!("taken back, before step {step}"));
        let found = stepped(&mut replaying, step);
        must_tell_the_same(&found, expected, &format!("taken back, at step {step}"));
    }
}

#[track_caller]
fn must_tell_the_same(found: &StepReport, expected: &StepReport, when: &str) {
    for ((name, found), (_, expected)) in found.scalars().zip(expected.scalars()) {
        assert!(found.to_bits() == expected.to_bits(), "{when}, {name} is {found}, done op by op {expected}");
    }
}

/// Trains for `steps` steps on the host and on a card, which must tell the same to `tolerance` of each number (or of 1, if that is
/// more). The card's state goes on on the host, and a state of the host on the card.
///
/// # Panics
/// With the number that differs, or if the trainer cannot compute on a card.
#[track_caller]
pub fn check_device<T: Trainer>(make: impl Fn() -> T, card: &Device, steps: u64, tolerance: f64) {
    let on_card = || on(card, &make);
    let must_agree = |found: &StepReport, expected: &StepReport, when: &str| {
        for ((name, found), (_, expected)) in found.scalars().zip(expected.scalars()) {
            let near = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
            assert!(near, "{when}, {name} is {found} on the card and {expected} on the host");
        }
    };
    let (mut host, mut device) = (make(), on_card());
    for step in 1..=steps {
        let (found, expected) = (stepped(&mut device, step), stepped(&mut host, step));
        must_agree(&found, &expected, &format!("at step {step}"));
    }
    device.samples().expect("samples are drawn");
    device.evaluate().expect("metrics are computed");
    let saved = state_of(&device);
    let (mut host, mut again) = (make(), on_card());
    for trainer in [&mut host, &mut again] {
        trainer.load(&saved).expect("a trainer loads what it saved");
        must_equal(&state_of(trainer), &saved, "saved and loaded");
    }
    let step = steps + 1;
    let [expected, found, other] = [&mut device, &mut again, &mut host].map(|trainer| stepped(trainer, step));
    must_equal(&state_of(&again), &state_of(&device), "resumed on the card");
    must_agree(&found, &expected, "resumed on the card");
    must_agree(&expected, &other, "resumed on the host");
}
