//! The style loss: which features come together, wherever they lie.
//!
//! The Gram matrix `G = F F^T` of a layer holds the inner products of its `N` maps over their `M = H W` pixels. With `A`
//! that of the style picture, `E_l = sum (G - A)^2 / (4 N_l^2 M_l^2)`, and the loss is the sum of `w_l E_l`, mean over
//! pictures. A style picture of another size has an `M` of its own, so `G` and `A` are divided by `2 N M` each before
//! they are compared.
//!
//! What it is for: style transfer and texture synthesis; as a term of restoration, where it wants texture like that of
//! the target without saying where.
//!
//! When it fails: order larger than the receptive field of the deepest layer is lost, so a large picture comes out in
//! patches; then: coarse to fine, or a style picture of fitting scale. It is a fourth power of features: weights that
//! worked for one network are far off for another. The divisors differ among sources by powers of ten, and with them the
//! weights; which one a paper's weight belongs to is what [`Gram`] and [`MapSize`] say.
//!
//! Shapes: `pred` (N, H, W, 3), `style` (N or 1, any H, any W, 3) in the range the network was told. Defaults: `conv1_1`
//! to `conv5_1` before their ReLU, 1/5 each.
//! Source: Gatys, Ecker and Bethge 2016, equations 3 to 5.

use gobelin_autograd::{Var, ops};

use crate::catalogue::{Call, CallError, LossEntry, OptionKind, OptionSpec, TensorSpec};
use crate::features::Features;
use crate::layers::{self, IMAGES, LAYER_WEIGHTS, Layers, NORMALISATION, POOL, layers_option};

/// What Gram matrices are divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gram {
    /// Nothing: `E_l` as the paper has it.
    #[default]
    None,
    /// `H W`, and the squared differences by `N^2`: the paper's authors' code.
    Hw,
    /// `C H W` (Johnson et al. 2016, equation 3), which is the same number as [`Gram::Hw`].
    Chw,
}

/// What the paper's `M_l` is, for [`Gram::None`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapSize {
    /// Rows by columns: the paper's.
    #[default]
    Hw,
    /// Channels by rows by columns.
    Chw,
}

/// Which layers count, and what their Gram matrices are divided by.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// The layers.
    pub layers: Layers,
    /// What Gram matrices are divided by.
    pub gram: Gram,
    /// What `M_l` is.
    pub map_size: MapSize,
}

/// The paper's layers.
pub(crate) const LAYERS: &str = "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1";

impl Default for Style {
    fn default() -> Self {
        let names: Vec<&str> = LAYERS.split(',').collect();
        Self { layers: Layers::alike(&names, 0.2), gram: Gram::None, map_size: MapSize::Hw }
    }
}

impl Style {
    /// The loss, of shape `[]`.
    ///
    /// # Panics
    /// If `style` has neither one picture nor as many as `pred`.
    #[track_caller]
    pub fn loss(&self, features: &dyn Features, pred: &Var, style: &Var) -> Var {
        let names = self.layers.names();
        let grams = self.grams(&features.at(style, &names));
        self.of_maps(&features.at(pred, &names), &grams)
    }

    /// The divided Gram matrices of maps, in the order of the layers: of a style picture once and for all.
    ///
    /// # Panics
    /// If a map is no batch of pictures.
    #[track_caller]
    pub fn grams(&self, maps: &[Var]) -> Vec<Var> {
        let divided = |map: &Var| {
            let gram = ops::gram(map);
            let (channels, pixels) = (map.shape()[3] as f32, (map.shape()[1] * map.shape()[2]) as f32);
            let divisor = match (self.gram, self.map_size) {
                (Gram::None, MapSize::Hw) => 2.0 * channels * pixels,
                (Gram::None, MapSize::Chw) => 2.0 * channels * channels * pixels,
                (Gram::Hw | Gram::Chw, _) => channels * pixels,
            };
            ops::scale(&gram, 1.0 / divisor)
        };
        maps.iter().map(divided).collect()
    }

    /// The loss from the maps of pictures and the style's [`Style::grams`].
    ///
    /// # Panics
    /// If there is not one of each a layer, or their shapes do not fit.
    #[track_caller]
    pub fn of_maps(&self, maps: &[Var], style: &[Var]) -> Var {
        let count = self.layers.names().len();
        assert!(count > 0 && maps.len() == count && style.len() == count, "style: one map for each layer");
        let terms = self.layers.weights().zip(self.grams(maps).iter().zip(style)).map(|(weight, (gram, style))| {
            let (pictures, styles) = (gram.shape()[0], style.shape()[0]);
            assert!(styles == 1 || styles == pictures, "style: {styles} style pictures for {pictures}");
            let squares = ops::sum(&ops::square(&ops::sub(gram, style)));
            ops::scale(&squares, weight / pictures as f32)
        });
        terms.reduce(|sum, term| ops::add(&sum, &term)).expect("a layer")
    }

    /// The options of [`OPTIONS`], where tensor `style` goes with `pred`.
    pub(crate) fn of_call(call: &Call<'_>) -> Result<Self, CallError> {
        layers::check(call, "layers", &["pred", "style"])?;
        let (pictures, styles) = (call.shape("pred")[0], call.shape("style")[0]);
        if styles != 1 && styles != pictures {
            let expected = format!("one, or {pictures} as in `pred`");
            return Err(CallError::tensor("style", format!("{styles} pictures"), expected));
        }
        Ok(Self {
            layers: Layers::of_call(call, |count| 1.0 / count as f32)?,
            gram: match call.word("gram") {
                "hw" => Gram::Hw,
                "chw" => Gram::Chw,
                _ => Gram::None,
            },
            map_size: if call.word("map-size") == "chw" { MapSize::Chw } else { MapSize::Hw },
        })
    }
}

pub(crate) const GRAM: OptionSpec = OptionSpec {
    name: "gram",
    kind: OptionKind::Choice(&["none", "hw", "chw"]),
    default: "none",
    help: "what Gram matrices are divided by: none is the paper's E_l, hw Gatys' code, chw Johnson's",
};

pub(crate) const MAP_SIZE: OptionSpec = OptionSpec {
    name: "map-size",
    kind: OptionKind::Choice(&["hw", "chw"]),
    default: "hw",
    help: "what M is in E_l: rows by columns, or channels by rows by columns",
};

pub(crate) const ENTRY: LossEntry = LossEntry {
    name: "style",
    about: "style: sum over layers of w sum (G - A)^2 / (4 N^2 M^2), G and A the Gram matrices of VGG-19's maps",
    paper: "Gatys et al. 2016, equations 3 to 5",
    tensors: &[TensorSpec::float("pred", "(N, 3, H, W)"), TensorSpec::float("style", "(K, 3, Y, X)")],
    options: &[layers_option(LAYERS), LAYER_WEIGHTS, GRAM, MAP_SIZE, IMAGES, POOL, NORMALISATION],
    vgg: true,
    run: |call| {
        let loss = Style::of_call(call)?;
        Ok(loss.loss(call.features("style")?, &call.var("pred"), &call.var("style")).into())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbers, toy_features};
    use gobelin_autograd::Tensor;
    use gobelin_autograd::check::GradientCheck;

    fn toy(gram: Gram, map_size: MapSize) -> Style {
        Style { layers: Layers::new([("relu1_1", 1.0), ("relu2_1", 3.0)]), gram, map_size }
    }

    #[test]
    fn gradients_also_of_a_style_of_another_size() {
        let pred = numbers(&[2, 4, 5, 3], 1);
        for (style, gram) in [(&[2, 4, 5, 3], Gram::None), (&[1, 6, 4, 3], Gram::Hw)] {
            let inputs = [pred.clone(), numbers(style, 2)];
            GradientCheck::default()
                .with_tolerance(5e-3)
                .assert(&inputs, |x| toy(gram, MapSize::Hw).loss(&toy_features(), &x[0], &x[1]));
        }
    }

    #[test]
    fn the_papers_equation() {
        // Two maps of three pixels, channels last.
        let [f, p]: [Var; 2] = [[1.0, 2.0, -1.0, 0.5, 3.0, 1.0], [2.0, 0.0, 1.0, 1.0, 0.0, -1.0]]
            .map(|values| Tensor::new(&[1, 1, 3, 2], values).into());
        let gram = |v: [f32; 6], i: usize, j: usize| (0..3).map(|k| v[2 * k + i] * v[2 * k + j]).sum::<f32>();
        let (f_values, p_values) = ([1.0, 2.0, -1.0, 0.5, 3.0, 1.0], [2.0, 0.0, 1.0, 1.0, 0.0, -1.0]);
        let pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let squares: f32 = pairs.iter().map(|&(i, j)| (gram(f_values, i, j) - gram(p_values, i, j)).powi(2)).sum();
        for (divisor, expected) in [
            ((Gram::None, MapSize::Hw), squares / (4.0 * 4.0 * 9.0)),
            ((Gram::None, MapSize::Chw), squares / (4.0 * 4.0 * 36.0)),
            ((Gram::Hw, MapSize::Hw), squares / 9.0 / 4.0),
            ((Gram::Chw, MapSize::Hw), squares / 36.0),
        ] {
            let loss = Style { layers: Layers::new([("relu1_1", 1.0)]), gram: divisor.0, map_size: divisor.1 };
            let found = loss.of_maps(std::slice::from_ref(&f), &loss.grams(std::slice::from_ref(&p))).item();
            assert!((found - expected).abs() < 1e-5 * expected, "{divisor:?}: {found}, expected {expected}");
        }
    }

    #[test]
    #[should_panic(expected = "style: 2 style pictures for 3")]
    fn styles_that_do_not_fit_are_named() {
        let (pred, style) = (numbers(&[3, 4, 4, 3], 1).into(), numbers(&[2, 4, 4, 3], 2).into());
        let _ = toy(Gram::None, MapSize::Hw).loss(&toy_features(), &pred, &style);
    }
}
