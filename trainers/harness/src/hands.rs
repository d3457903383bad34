//! What steps take of the host, and how it is on its way before they do.

use gobelin_autograd::{Ahead, Bundle, Device, Tensor};
use gobelin_datasets::{Batch, Loader};

use crate::error::Failure;
use crate::state::{State, StateError};

/// Deals what steps take: batches of data, and what else the host draws for them.
pub trait Dealer {
    /// What a step takes.
    type Hand: Bundle;

    /// The next hand.
    ///
    /// # Errors
    /// Data that cannot be read any more.
    fn deal(&mut self) -> Result<Self::Hand, Failure>;

    /// Stores everything that later hands depend on.
    fn save(&self, state: &mut State);

    /// Takes the state that [`Dealer::save`] stored.
    ///
    /// # Errors
    /// An entry is missing or has another shape.
    fn load(&mut self, state: &State) -> Result<(), StateError>;
}

/// All their hands.
impl<D: Dealer, const N: usize> Dealer for [D; N] {
    type Hand = [D::Hand; N];

    fn deal(&mut self) -> Result<Self::Hand, Failure> {
        let hands: Vec<D::Hand> = self.iter_mut().map(Dealer::deal).collect::<Result<_, _>>()?;
        Ok(hands.try_into().unwrap_or_else(|_| unreachable!("as many as dealers")))
    }

    fn save(&self, state: &mut State) {
        for dealer in self {
            dealer.save(state);
        }
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.iter_mut().try_for_each(|dealer| dealer.load(state))
    }
}

/// Deals a loader's pictures, `(N, H, W, C)`.
pub struct Pictures {
    loader: Loader,
    batch: Batch,
    /// Where the loader's position is stored.
    entry: String,
}

impl Pictures {
    /// From where the loader is; its position is stored under the name `entry`.
    pub fn new(loader: Loader, entry: impl Into<String>) -> Self {
        Self { loader, batch: Batch::default(), entry: entry.into() }
    }

    /// The loader.
    pub fn loader(&self) -> &Loader {
        &self.loader
    }
}

impl Dealer for Pictures {
    type Hand = Tensor;

    fn deal(&mut self) -> Result<Tensor, Failure> {
        self.loader.fill(&mut self.batch)?;
        let Batch { size, channels, .. } = self.batch;
        Ok(Tensor::new(&[self.batch.len(), size, size, channels], &self.batch.pixels))
    }

    fn save(&self, state: &mut State) {
        state.put_integer(&self.entry, self.loader.position() as i64);
    }

    fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.loader.seek(state.integer(&self.entry)? as u64);
        Ok(())
    }
}

/// A dealer's hands, one after another. On a graphics card, the next can be dealt and sent while the card is busy with the last:
/// between what a step asks of the card and what it reads of it.
///
/// ```
/// # use gobelin_autograd::Tensor;
/// # use gobelin_harness::{Dealer, Failure, Hands, State, StateError};
/// struct Numbers(i64);
///
/// impl Dealer for Numbers {
///     type Hand = Tensor;
///     fn deal(&mut self) -> Result<Tensor, Failure> {
///         self.0 += 1;
///         Ok(Tensor::scalar(self.0 as f32))
///     }
///     fn save(&self, state: &mut State) {
///         state.put_integer("number", self.0);
///     }
///     fn load(&mut self, state: &State) -> Result<(), StateError> {
///         self.0 = state.integer("number")?;
///         Ok(())
///     }
/// }
///
/// let mut hands = Hands::new(Numbers(0));
/// // A step:
/// let hand = hands.take()?;
/// // ... what is worked out with it is asked for here ...
/// hands.deal_ahead();
/// // ... and read here.
/// assert_eq!(hand.item(), 1.0);
/// # Ok::<(), Failure>(())
/// ```
pub struct Hands<D: Dealer> {
    dealer: D,
    /// None on the host.
    ahead: Option<Ahead<D::Hand>>,
    dealt: Option<Dealt>,
}

/// A hand that was dealt ahead.
struct Dealt {
    /// The dealer's state before.
    before: State,
    /// Whether it was sent.
    sent: Result<(), Failure>,
}

impl<D: Dealer> Hands<D> {
    /// For steps on the host, where each hand is dealt when it is taken.
    pub fn new(dealer: D) -> Self {
        Self { dealer, ahead: None, dealt: None }
    }

    /// For steps on a graphics card, from now on.
    pub fn to_device(&mut self, card: &Device) {
        self.ahead = Some(Ahead::new(card));
    }

    /// Who deals. What it has dealt may be a hand further than what was taken.
    pub fn dealer(&self) -> &D {
        &self.dealer
    }

    /// Who deals, to deal by another way.
    ///
    /// # Panics
    /// If a hand was dealt ahead and not taken.
    #[track_caller]
    pub fn dealer_mut(&mut self) -> &mut D {
        assert!(self.dealt.is_none(), "hands: one is dealt that was not taken");
        &mut self.dealer
    }

    /// The next hand: the one that was dealt ahead, or dealt now.
    ///
    /// # Errors
    /// As [`Dealer::deal`], whenever it was dealt.
    pub fn take(&mut self) -> Result<D::Hand, Failure> {
        if let Some(Dealt { sent, .. }) = self.dealt.take() {
            sent?;
            return Ok(self.ahead.as_mut().and_then(Ahead::take).expect("it was sent"));
        }
        self.dealer.deal()
    }

    /// On a graphics card, deals the next hand and sends it off, while the card does what it was asked before. On the host, nothing. What
    /// goes wrong is told when the hand is wanted.
    pub fn deal_ahead(&mut self) {
        let (Some(ahead), None) = (&mut self.ahead, &self.dealt) else { return };
        let mut before = State::new();
        self.dealer.save(&mut before);
        let sent = self.dealer.deal().map(|hand| ahead.send(hand));
        self.dealt = Some(Dealt { before, sent });
    }

    /// Stores what the hands that were not taken depend on.
    pub fn save(&self, state: &mut State) {
        match &self.dealt {
            Some(dealt) => state.put_all(dealt.before.clone()),
            None => self.dealer.save(state),
        }
    }

    /// Goes on as [`Hands::save`] stored; what was dealt ahead is forgotten.
    ///
    /// # Errors
    /// As [`Dealer::load`].
    pub fn load(&mut self, state: &State) -> Result<(), StateError> {
        self.dealt = None;
        if let Some(ahead) = &mut self.ahead {
            ahead.forget();
        }
        self.dealer.load(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts; what is after 3 cannot be read.
    struct Counts(i64);

    impl Dealer for Counts {
        type Hand = Tensor;

        fn deal(&mut self) -> Result<Tensor, Failure> {
            if self.0 == 3 {
                return Err("no more".into());
            }
            self.0 += 1;
            Ok(Tensor::new(&[2], [self.0 as f32; 2]))
        }

        fn save(&self, state: &mut State) {
            state.put_integer("count", self.0);
        }

        fn load(&mut self, state: &State) -> Result<(), StateError> {
            self.0 = state.integer("count")?;
            Ok(())
        }
    }

    fn saved(hands: &Hands<Counts>) -> State {
        let mut state = State::new();
        hands.save(&mut state);
        state
    }

    fn must_go_on_alike(mut hands: Hands<Counts>, is_ahead: bool) {
        for taken in 0..3 {
            assert_eq!(saved(&hands).integer("count").unwrap(), taken);
            let hand = hands.take().unwrap();
            assert_eq!(hand.data()[0], (taken + 1) as f32);
            hands.deal_ahead();
            hands.deal_ahead();
            assert_eq!(hands.dealer().0 - (taken + 1), i64::from(is_ahead && taken < 2));
        }
        // What could not be dealt ahead is told when it is wanted, and as often as it is.
        for _ in 0..2 {
            assert_eq!(saved(&hands).integer("count").unwrap(), 3);
            assert_eq!(hands.take().unwrap_err().to_string(), "no more");
            hands.deal_ahead();
        }
        let mut state = State::new();
        state.put_integer("count", 1);
        hands.load(&state).unwrap();
        assert_eq!(hands.take().unwrap().data(), [2.0; 2]);
        hands.deal_ahead();
        hands.load(&state).unwrap();
        assert_eq!(saved(&hands), state);
        assert_eq!(hands.take().unwrap().data(), [2.0; 2]);
    }

    #[test]
    fn hands_are_the_same_whenever_they_are_dealt() {
        must_go_on_alike(Hands::new(Counts(0)), false);
        let Some(card) = gobelin_emulation::asked_for() else { return };
        let mut hands = Hands::new(Counts(0));
        hands.to_device(&card);
        must_go_on_alike(hands, true);
    }
}
