//! How well pictures are painted that the network was never trained on.

use std::sync::Arc;

use gobelin_datasets::{DataError, Dataset, HeldOut, HeldOutOptions, Picture};

use crate::degrade::tensor;
use crate::network::Network;
use crate::objective::Objective;

/// How far pictures are from what they should become, the mean over pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distances {
    /// From their content, as the objective measures it, without its weight.
    pub content: f64,
    /// From the style, likewise: the distance of Gram matrices.
    pub style: f64,
}

/// Held-out pictures to paint, and the style.
pub struct Gallery {
    contents: Vec<Picture>,
    style: Picture,
}

impl Gallery {
    /// Looks at the central squares of `count` pictures, or of all there are, resized to `size` pixels a side; shows `style` beside
    /// them.
    ///
    /// # Errors
    /// If the pictures cannot be read.
    pub fn new(
        data: Arc<dyn Dataset>,
        count: usize,
        size: usize,
        style: &Picture,
    ) -> Result<Self, DataError> {
        let mut contents = Vec::new();
        for batch in HeldOut::new(data, HeldOutOptions { count, batch: 1, size, channels: 3 }) {
            contents.push(Picture::from_signed(size, size, 3, &batch?.pixels));
        }
        Ok(Self { contents, style: style.resize(size, size) })
    }

    /// How far the painted pictures are.
    pub fn distances(&self, network: &Network, objective: &Objective, exact: bool) -> Distances {
        self.mean(objective, |content| network.make(content, exact))
    }

    /// How far the pictures are before they are painted.
    pub fn before(&self, objective: &Objective) -> Distances {
        self.mean(objective, Clone::clone)
    }

    fn mean(&self, objective: &Objective, paint: impl Fn(&Picture) -> Picture) -> Distances {
        let mut sum = Distances::default();
        for content in &self.contents {
            let made = tensor(&paint(content)).into();
            let [content, style, _] = objective.losses(&made, &tensor(content)).terms;
            sum.content += content.get();
            sum.style += style.get();
        }
        let count = self.count() as f64;
        Distances { content: sum.content / count, style: sum.style / count }
    }

    /// How many pictures it looks at.
    pub fn count(&self) -> usize {
        self.contents.len()
    }

    /// A row for each of the first pictures: itself, painted, and the style.
    pub fn rows(&self, network: &Network, exact: bool, count: usize) -> Vec<Vec<Picture>> {
        let row = |content: &Picture| vec![content.clone(), network.make(content, exact), self.style.clone()];
        self.contents.iter().take(count).map(row).collect()
    }
}
