//! The tape: what was computed, in order, and how to go back.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::{Rc, Weak};

use gobelin_kernels::cuda::elementwise::Zip;

use crate::ops;
use crate::parameter::Parameter;
use crate::profile;
use crate::tensor::Tensor;
use crate::var::Var;

/// From the gradient of an op's output to those of its inputs.
pub type Rule = Box<dyn Fn(Step) -> Vec<Option<Var>>>;

/// From the gradients of an op's outputs, none of those that nothing depends on, to those of its inputs.
pub(crate) type ManyRule = Box<dyn Fn(Step<Vec<Option<Var>>>) -> Vec<Option<Var>>>;

/// An op's rule, by the number of its outputs.
enum AnyRule {
    One(Rule),
    /// Its outputs are the nodes behind it, as many as told.
    Many(ManyRule, usize),
}

/// Records the ops of one step and differentiates them.
///
/// A tape belongs to one step. It holds every saved value; tracked [`Var`]s only refer to it, so there are no cycles
/// and dropping the tape frees what is left. The order of recording is an order in which every op comes after its
/// inputs, so going back is one loop.
pub struct Tape(Rc<Inner>);

#[derive(Default)]
struct Inner {
    nodes: RefCell<Vec<Node>>,
    /// Off while first-order gradients are computed: rules then record nothing.
    paused: Cell<bool>,
    /// Where the parameters' present values lie.
    parameters: RefCell<HashMap<(*const (), u64), usize>>,
    /// The parameters' cells stay alive with the tape, so that an address names one parameter.
    kept: RefCell<Vec<Parameter>>,
}

struct Node {
    op: &'static str,
    /// The node of each input, `None` for constants.
    inputs: Vec<Option<usize>>,
    state: State,
}

enum State {
    /// A leaf: nothing to go back to.
    Leaf,
    /// One of several outputs, whose gradient waits for the op's rule.
    Output,
    Recorded(AnyRule),
    /// First-order gradients went through and freed what was saved.
    Used,
}

/// Where a tracked value lies.
#[derive(Clone)]
pub(crate) struct Place {
    tape: Weak<Inner>,
    node: usize,
}

impl Place {
    pub(crate) fn tape(&self) -> Option<Tape> {
        self.tape.upgrade().map(Tape)
    }
}

/// What a backward rule gets.
pub struct Step<'a, G = Var> {
    /// The gradient of the op's output, of the output's shape; of several outputs, that of each.
    pub gradient: G,
    needs: &'a [bool],
    place: &'a Place,
    recording: bool,
}

impl<G> Step<'_, G> {
    /// Whether the gradient of input number `input` is wanted.
    pub fn needs(&self, input: usize) -> bool {
        self.needs[input]
    }

    /// Whether nobody will differentiate the result: a fused kernel may stand in for the composed rule.
    pub fn is_final(&self) -> bool {
        !self.recording
    }
}

impl Step<'_> {
    /// The op's own output as a tracked value, from the tensor the rule saved.
    pub fn output(&self, saved: &Tensor) -> Var {
        if self.recording { Var::at(saved.clone(), self.place.clone()) } else { Var::constant(saved.clone()) }
    }
}

impl Default for Tape {
    fn default() -> Self {
        Self::new()
    }
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self(Rc::default())
    }

    /// Starts tracking a value.
    pub fn leaf(&self, tensor: Tensor) -> Var {
        let node = self.push(Node { op: "leaf", inputs: Vec::new(), state: State::Leaf });
        Var::at(tensor, self.place(node))
    }

    /// Tracks a parameter's present value; the same value asked for twice is one leaf.
    pub fn parameter(&self, parameter: &Parameter) -> Var {
        let known = self.0.parameters.borrow().get(&parameter.key()).copied();
        let node = known.unwrap_or_else(|| {
            let node = self.push(Node { op: "parameter", inputs: Vec::new(), state: State::Leaf });
            self.0.parameters.borrow_mut().insert(parameter.key(), node);
            self.0.kept.borrow_mut().push(parameter.clone());
            node
        });
        Var::at(parameter.value(), self.place(node))
    }

    /// How many values the tape tracks.
    pub fn len(&self) -> usize {
        self.0.nodes.borrow().len()
    }

    /// Whether nothing was tracked yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The gradients of a scalar with respect to `inputs`: zeros for what it does not depend on.
    ///
    /// What was saved for the ops on the way is freed as soon as it has been used, so each op can be gone through
    /// once. Ops that lead to none of `inputs` are not visited.
    ///
    /// # Panics
    /// If `loss` is not one value, or an op on the way was already gone through.
    #[track_caller]
    pub fn gradients(&self, loss: &Var, inputs: &[&Var]) -> Vec<Tensor> {
        let _resume = Pause::start(&self.0.paused);
        self.go_back(loss, inputs, false).into_iter().map(Var::into_tensor).collect()
    }

    /// The gradients of a scalar with respect to parameters, in their order.
    ///
    /// # Panics
    /// As [`Tape::gradients`].
    #[track_caller]
    pub fn parameter_gradients(&self, loss: &Var, parameters: &[Parameter]) -> Vec<Tensor> {
        let leaves: Vec<Var> = parameters.iter().map(|parameter| self.parameter(parameter)).collect();
        self.gradients(loss, &leaves.iter().collect::<Vec<_>>())
    }

    /// As [`Tape::gradients`], but tracked: the gradients can be part of a loss and be differentiated again. Nothing
    /// is freed.
    ///
    /// # Panics
    /// As [`Tape::gradients`].
    #[track_caller]
    pub fn differentiable_gradients(&self, loss: &Var, inputs: &[&Var]) -> Vec<Var> {
        self.go_back(loss, inputs, true)
    }

    #[track_caller]
    fn go_back(&self, loss: &Var, inputs: &[&Var], recording: bool) -> Vec<Var> {
        assert!(
            loss.tensor().len() == 1,
            "gradients: the loss has shape {:?}, expected one value",
            loss.shape()
        );
        let zeros = |input: &Var| Var::constant(input.tensor().full_beside(input.shape(), 0.0));
        let Some(last) = self.node_of(loss) else { return inputs.iter().map(|input| zeros(input)).collect() };
        let wanted: Vec<Option<usize>> = inputs.iter().map(|input| self.node_of(input)).collect();
        let leads = self.leads_to(&wanted, last);
        let backward = profile::set_backward(true);
        let mut gradients: Vec<Option<Var>> = vec![None; last + 1];
        gradients[last] = Some(Var::constant(loss.tensor().full_beside(loss.shape(), 1.0)));
        for node in (0..=last).rev() {
            let outputs = self.outputs(node);
            let mut found = outputs.filter(|&output| output <= last && gradients[output].is_some());
            let Some(first) = found.next().filter(|_| leads[node]) else { continue };
            let shape = gradients[first].as_ref().map(|gradient| gradient.shape().to_vec());
            let Some((rule, op, sources)) = self.take_rule(node, recording) else { continue };
            // A value asked for keeps its gradient; any other is handed on, so that its memory can be used again.
            let mut hand_on = |node: usize| {
                let slot = gradients.get_mut(node)?;
                if wanted.contains(&Some(node)) { slot.clone() } else { slot.take() }
            };
            let needs: Vec<bool> = sources.iter().map(|s| s.is_some_and(|s| leads[s])).collect();
            let (needs, place) = (&*needs, &self.place(node));
            let results = match &rule {
                AnyRule::One(rule) => {
                    rule(Step { gradient: hand_on(node).expect("found above"), needs, place, recording })
                }
                AnyRule::Many(rule, count) => {
                    let gradient = (node + 1..=node + count).map(hand_on).collect();
                    rule(Step { gradient, needs, place, recording })
                }
            };
            profile::charge(op, std::iter::empty(), &shape.expect("found above"));
            assert!(results.len() == sources.len(), "{op}: its rule gave {} gradients", results.len());
            if recording {
                self.0.nodes.borrow_mut()[node].state = State::Recorded(rule);
            } else {
                drop(rule);
            }
            for ((result, source), _) in
                results.into_iter().zip(sources).zip(needs).filter(|(_, need)| **need)
            {
                let (Some(result), Some(source)) = (result, source) else { continue };
                let slot = &mut gradients[source];
                *slot = Some(match slot.take() {
                    None => result,
                    Some(sum) if recording => ops::add(&sum, &result),
                    Some(sum) => {
                        let sum = sum.into_tensor().zip_into_as(result.tensor(), Zip::Add, |a, b| a + b);
                        profile::charge("accumulate", [sum.shape(), result.shape()].into_iter(), sum.shape());
                        Var::constant(sum)
                    }
                });
            }
        }
        profile::set_backward(backward);
        let of = |(input, node): (&&Var, &Option<usize>)| {
            let found = node.filter(|&n| n <= last).and_then(|n| gradients[n].clone());
            found.unwrap_or_else(|| zeros(input))
        };
        inputs.iter().zip(&wanted).map(of).collect()
    }

    /// For each node up to `last`, whether any wanted node lies behind it (or it is one itself).
    fn leads_to(&self, wanted: &[Option<usize>], last: usize) -> Vec<bool> {
        let nodes = self.0.nodes.borrow();
        let mut leads = vec![false; last + 1];
        for node in wanted.iter().flatten().filter(|&&n| n <= last) {
            leads[*node] = true;
        }
        for (node, entry) in nodes[..=last].iter().enumerate() {
            leads[node] = leads[node] || entry.inputs.iter().flatten().any(|&input| leads[input]);
        }
        leads
    }

    /// The nodes whose gradients a node's rule takes: its own, or those behind it.
    fn outputs(&self, node: usize) -> Range<usize> {
        match self.0.nodes.borrow()[node].state {
            State::Recorded(AnyRule::Many(_, count)) => node + 1..node + 1 + count,
            _ => node..node + 1,
        }
    }

    /// A node's rule (`None` for leaves and outputs), name and inputs. The rule is out of the tape while it runs, since it may record.
    #[track_caller]
    fn take_rule(&self, node: usize, recording: bool) -> Option<(AnyRule, &'static str, Vec<Option<usize>>)> {
        let mut nodes = self.0.nodes.borrow_mut();
        let entry = &mut nodes[node];
        match std::mem::replace(&mut entry.state, State::Used) {
            State::Recorded(rule) => Some((rule, entry.op, entry.inputs.clone())),
            state @ (State::Leaf | State::Output) => {
                entry.state = state;
                None
            }
            State::Used => panic!(
                "gradients: `{}` was gone through before and its saved values are freed; take all gradients in one \
                 call{}",
                entry.op,
                if recording { "" } else { ", or the first with differentiable_gradients" }
            ),
        }
    }

    /// Where a value lies on this tape.
    ///
    /// # Panics
    /// If another tape tracks it.
    #[track_caller]
    fn node_of(&self, var: &Var) -> Option<usize> {
        let place = var.place()?;
        assert!(
            Weak::ptr_eq(&place.tape, &Rc::downgrade(&self.0)),
            "gradients: a value of shape {:?} is tracked by another tape (or by one already dropped)",
            var.shape()
        );
        Some(place.node)
    }

    fn place(&self, node: usize) -> Place {
        Place { tape: Rc::downgrade(&self.0), node }
    }

    fn push(&self, node: Node) -> usize {
        let mut nodes = self.0.nodes.borrow_mut();
        nodes.push(node);
        nodes.len() - 1
    }

    /// Puts an op on the tape of its tracked inputs, if there is one and it is recording.
    pub(crate) fn record(op: &'static str, inputs: &[&Var], rule: impl FnOnce() -> Rule) -> Option<Place> {
        let (tape, node) = Self::put(op, inputs, || AnyRule::One(rule()))?;
        Some(tape.place(node))
    }

    /// The same for an op of several outputs: the place of each.
    pub(crate) fn record_many(
        op: &'static str,
        inputs: &[&Var],
        outputs: usize,
        rule: impl FnOnce() -> ManyRule,
    ) -> Option<Vec<Place>> {
        let (tape, node) = Self::put(op, inputs, || AnyRule::Many(rule(), outputs))?;
        let place = |_| tape.place(tape.push(Node { op, inputs: vec![Some(node)], state: State::Output }));
        Some((0..outputs).map(place).collect())
    }

    fn put(op: &'static str, inputs: &[&Var], rule: impl FnOnce() -> AnyRule) -> Option<(Self, usize)> {
        let mut tapes = inputs.iter().filter_map(|input| input.place()).map(|place| &place.tape);
        let first = tapes.next()?;
        assert!(
            tapes.all(|tape| Weak::ptr_eq(first, tape)),
            "{op}: its inputs are tracked by different tapes"
        );
        let inner =
            first.upgrade().unwrap_or_else(|| panic!("{op}: the tape that tracks its inputs was dropped"));
        if inner.paused.get() {
            return None;
        }
        let tape = Self(inner);
        let inputs = inputs.iter().map(|input| input.place().map(|place| place.node)).collect();
        let node = tape.push(Node { op, inputs, state: State::Recorded(rule()) });
        Some((tape, node))
    }
}

/// Stops recording until it is dropped, also by a panic.
struct Pause<'a>(&'a Cell<bool>, bool);

impl<'a> Pause<'a> {
    fn start(paused: &'a Cell<bool>) -> Self {
        Self(paused, paused.replace(true))
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_used_twice_adds_up() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::scalar(3.0));
        let y = ops::add(&ops::mul(&x, &x), &x);
        assert_eq!(tape.gradients(&y, &[&x])[0].item(), 7.0);
    }

    #[test]
    fn derivatives_of_any_order() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::scalar(2.0));
        let mut y = ops::mul(&ops::square(&x), &ops::square(&x));
        for expected in [32.0, 48.0, 48.0, 24.0, 0.0] {
            y = tape.differentiable_gradients(&y, &[&x]).remove(0);
            assert_eq!(y.item(), expected);
        }
    }

    #[test]
    fn what_is_not_asked_for_is_not_visited_and_stays() {
        let tape = Tape::new();
        let (x, w) = (tape.leaf(Tensor::scalar(2.0)), tape.leaf(Tensor::scalar(5.0)));
        let inner = ops::square(&x);
        let y = ops::mul(&inner, &w);
        assert_eq!(tape.gradients(&y, &[&w])[0].item(), 4.0);
        // `square` was not on the way to `w`, so another loss may still use it.
        assert_eq!(tape.gradients(&ops::scale(&inner, 3.0), &[&x])[0].item(), 12.0);
    }

    #[test]
    #[should_panic(expected = "`square` was gone through before")]
    fn going_back_twice_is_named() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::scalar(2.0));
        let y = ops::square(&x);
        tape.gradients(&y, &[&x]);
        tape.gradients(&y, &[&x]);
    }

    #[test]
    fn a_changed_parameter_is_a_new_leaf() {
        let tape = Tape::new();
        let weight = Parameter::new(Tensor::scalar(1.0));
        let before = tape.parameter(&weight);
        weight.update(|w| w[0] = 4.0);
        let y = ops::mul(&tape.parameter(&weight), &before);
        assert_eq!((y.item(), before.item()), (4.0, 1.0));
        assert_eq!(tape.parameter_gradients(&y, &[weight])[0].item(), 1.0);
    }

    #[test]
    fn saved_memory_is_freed_on_the_way_and_with_the_tape() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::full(&[1000], 2.0));
        let saved = ops::square(&x);
        let mut tensor = saved.tensor().clone();
        let y = ops::sum(&ops::mul(&saved, &saved));
        drop(saved);
        assert!(!tensor.is_unique());
        tape.gradients(&y, &[&x]);
        assert!(tensor.is_unique());
    }
}
