//! What every trainer must hold, as a check for its tests.

use crate::state::State;
use crate::trainer::Trainer;

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
            trainer.step(step).expect("the step succeeds");
        }
        let after = state_of(&parts);
        parts.samples().expect("samples are drawn");
        parts.evaluate().expect("metrics are computed");
        must_equal(&state_of(&parts), &after, "after samples and metrics");
        must_equal(&after, &state_of(&whole), &format!("resumed before step {step}"));
    }
}
