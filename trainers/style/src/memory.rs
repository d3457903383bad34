//! What a size needs, told before anything is computed.
//!
//! Peak of resident memory against this estimate, `gobelin style --size S --scales 1 --steps 1 --history 1 --threads 2` (two cores of an
//! AMD EPYC, Zen 5, 25 November 2026):
//!
//! | size | pixels | measured, MB | estimate, MB |
//! |---|---|---|---|
//! | 192 | 192x144 | 218 | 215 |
//! | 512 | 512x384 | 658 | 690 |
//! | 1024 | 1024x768 | 2408 | 2351 |

use gobelin_nets::vgg19::Layer;

use crate::painter::Method;

/// What decides how much memory style transfer needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// Layers whose maps are compared.
    pub layers: Vec<Layer>,
    /// How the picture is changed.
    pub method: Method,
    /// Without Winograd.
    pub exact: bool,
}

/// Bytes of a value.
const VALUE: u64 = 4;

impl Need {
    /// Bytes for a picture of this size and one style picture of that, at the moment when most is in use.
    pub fn bytes(&self, picture: [usize; 2], style: [usize; 2]) -> u64 {
        let history = match self.method {
            // Each past step and its gradient's change, and what a step is computed from.
            Method::Lbfgs { history } => 2 * history as u64 + 8,
            Method::Adam { .. } => 6,
        };
        let values = 3 * (picture[0] * picture[1]) as u64 * VALUE;
        // Styles are looked at one after the other, before the picture, and leave only Gram matrices.
        let looking = self.maps(picture, true).max(self.maps(style, false));
        PROGRAM + self.filters() + looking + history * values
    }

    /// The maps of a pass: all that is kept to go back and the gradients on the way, or only those compared.
    fn maps(&self, [height, width]: [usize; 2], back: bool) -> u64 {
        let (mut kept, mut largest) = (0, 0);
        let last = self.last();
        for layer in Layer::all().take_while(|&layer| layer <= last) {
            let (block, role) = place(layer);
            if role != "conv" {
                continue;
            }
            let pixels = ((height >> (block - 1)) * (width >> (block - 1))) as u64;
            let bytes = pixels * channels(block) * VALUE;
            largest = bytes.max(largest);
            let compared = self.layers.contains(&layer);
            // A map that is compared before its ReLU is followed by another, after it.
            let copies = if compared && layer < last { 2 } else { 1 };
            kept += match (back, compared) {
                (true, _) => copies * bytes,
                (false, true) => bytes,
                (false, false) => 0,
            };
        }
        kept + largest * if back { GRADIENTS } else { 2 }
    }

    fn last(&self) -> Layer {
        *self.layers.iter().max().expect("a layer")
    }

    /// Filters as they are kept for both directions.
    fn filters(&self) -> u64 {
        let last = self.last();
        let mut inner = 3;
        let mut values = 0;
        for layer in Layer::all().take_while(|&layer| layer <= last) {
            let (block, role) = place(layer);
            if role == "conv" {
                let (filters, outer) = (inner * channels(block), channels(block));
                let copies = if self.exact {
                    2
                } else if filters > MOST_TRANSFORMED {
                    1
                } else {
                    PREPARED
                };
                (values, inner) = (values + 9 * filters * copies, outer);
            }
        }
        values * VALUE
    }
}

/// How many times the largest map is in use at once beside the maps kept: gradients, what Winograd's algorithm turns maps into,
/// and buffers that are kept for the next pass. 4 is nearest to the peaks measured above.
const GRADIENTS: u64 = 4;
/// Bytes of filters transformed for both directions, in bytes of weights.
const PREPARED: u64 = 8;
/// Channels in by channels out up to which filters are kept transformed.
const MOST_TRANSFORMED: u64 = 256 * 256;
/// The program itself.
const PROGRAM: u64 = 20_000_000;

/// The block of a layer, and what it does: `conv`, `relu` or `pool`.
fn place(layer: Layer) -> (usize, &'static str) {
    let name = layer.to_string();
    let role = ["conv", "relu", "pool"].into_iter().find(|role| name.starts_with(role)).expect("a role");
    (usize::from(name.as_bytes()[4] - b'0'), role)
}

/// Channels of a block's maps.
fn channels(block: usize) -> u64 {
    (32 << block).min(512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_was_measured() {
        let names = ["conv4_2", "conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"];
        let layers = names.map(|name| name.parse().unwrap()).to_vec();
        let need = Need { layers, method: Method::Lbfgs { history: 1 }, exact: false };
        for (side, megabytes) in [(192, 218.0), (512, 658.0), (1024, 2408.0)] {
            let found = need.bytes([side * 3 / 4, side], [side, side]) as f64 / 1e6;
            assert!((found / megabytes - 1.0).abs() < 0.05, "{side}: {found:.0} MB, measured {megabytes:.0}");
        }
    }
}
