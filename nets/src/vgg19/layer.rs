//! VGG-19's layers by name.

use std::fmt;
use std::str::FromStr;

/// Channels and convolutions of each block (Simonyan and Zisserman 2015, table 1, configuration E).
pub(super) const BLOCKS: [(usize, usize); 5] = [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)];

/// A layer of VGG-19's convolutional part: `conv3_4` is the output of the fourth convolution of block 3 before its ReLU,
/// `relu3_4` the one after it, `pool3` that of the pooling that ends the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layer(
    /// torchvision's number: `features.N`.
    usize,
);

/// What a layer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Convolution,
    Relu,
    Pool,
}

/// A name that no layer has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no layer `{0}` in VGG-19; expected convB_L (before its ReLU), reluB_L (after it) or poolB: blocks B 1 to 5 with \
     convolutions L 1 to 2, 2, 4, 4 and 4, such as relu2_2 or conv4_2"
)]
pub struct UnknownLayer(pub String);

impl Layer {
    /// All of them, from the pictures on.
    pub fn all() -> impl Iterator<Item = Self> {
        let count: usize = BLOCKS.iter().map(|(_, depth)| 2 * depth + 1).sum();
        (0..count).map(Self)
    }

    /// torchvision's number of the layer: `features.N`.
    pub fn index(self) -> usize {
        self.0
    }

    /// Rows and columns the smallest pictures have that reach this layer with at least one pixel.
    pub fn smallest_side(self) -> usize {
        let (block, _, role) = self.place();
        1 << (block - 1 + usize::from(role == Role::Pool))
    }

    /// The block from 1 on, the convolution within it from 1 on (meaningless for a pool), and what the layer does.
    pub(super) fn place(self) -> (usize, usize, Role) {
        let mut within = self.0;
        for (block, (_, depth)) in BLOCKS.iter().enumerate() {
            if within <= 2 * depth {
                let role = match within {
                    _ if within == 2 * depth => Role::Pool,
                    _ if within % 2 == 0 => Role::Convolution,
                    _ => Role::Relu,
                };
                return (block + 1, within / 2 + 1, role);
            }
            within -= 2 * depth + 1;
        }
        unreachable!("layers are only made by `all`")
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            (block, _, Role::Pool) => write!(f, "pool{block}"),
            (block, number, Role::Convolution) => write!(f, "conv{block}_{number}"),
            (block, number, Role::Relu) => write!(f, "relu{block}_{number}"),
        }
    }
}

impl FromStr for Layer {
    type Err = UnknownLayer;

    fn from_str(name: &str) -> Result<Self, UnknownLayer> {
        Self::all().find(|layer| layer.to_string() == name).ok_or_else(|| UnknownLayer(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_torchvisions_numbers() {
        let known = [
            ("conv1_1", 0),
            ("relu1_2", 3),
            ("pool1", 4),
            ("relu2_2", 8),
            ("relu3_4", 17),
            ("pool3", 18),
            ("conv4_2", 21),
            ("relu5_1", 29),
            ("relu5_4", 35),
            ("pool5", 36),
        ];
        for (name, number) in known {
            let layer: Layer = name.parse().unwrap();
            assert_eq!((layer.index(), layer.to_string().as_str()), (number, name));
        }
        assert_eq!(Layer::all().count(), 37);
    }

    #[test]
    fn pictures_must_reach_a_layer() {
        let side = |name: &str| name.parse::<Layer>().unwrap().smallest_side();
        assert_eq!((side("relu1_2"), side("pool1"), side("conv2_1"), side("pool5")), (1, 2, 2, 32));
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["conv1_3", "relu6_1", "pool0", "features.3", ""] {
            let message = name.parse::<Layer>().unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("no layer `{name}` in VGG-19; expected convB_L")),
                "{message}"
            );
        }
    }
}
