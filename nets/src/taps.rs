//! Looking into a net while it runs.

use std::cell::RefCell;

use gobelin_autograd::Var;

/// What modules inside a net gave, by the names PyTorch has for them (`model.10`), which begin those of their tensors.
///
/// A pass with taps ([`crate::Pass::tapping`]) fills them.
#[derive(Default)]
pub struct Taps {
    wanted: Vec<String>,
    /// The name of the module that is running.
    path: RefCell<String>,
    /// Every module that ran, in the order they ended.
    seen: RefCell<Vec<String>>,
    found: RefCell<Vec<(String, Var)>>,
}

impl Taps {
    /// Will keep what the modules of these names give.
    pub fn new(wanted: impl IntoIterator<Item = String>) -> Self {
        Self { wanted: wanted.into_iter().collect(), ..Self::default() }
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// What was kept, in the order of running.
    pub fn found(&self) -> Vec<(String, Var)> {
        self.found.borrow().clone()
    }

    /// The names of all modules that ran, in order.
    pub fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    /// The first name that was wanted and no module had.
    pub fn missing(&self) -> Option<&str> {
        let seen = self.seen.borrow();
        self.wanted.iter().find(|name| !seen.contains(name)).map(String::as_str)
    }

    /// Runs a module that is called `name` inside the one that is running.
    pub(crate) fn run(&self, name: &str, module: impl FnOnce() -> Var) -> Var {
        let outside = self.path.borrow().clone();
        *self.path.borrow_mut() = crate::module::join(&outside, name);
        let output = module();
        let path = self.path.replace(outside);
        if self.wanted.contains(&path) {
            self.found.borrow_mut().push((path.clone(), output.clone()));
        }
        self.seen.borrow_mut().push(path);
        output
    }
}
