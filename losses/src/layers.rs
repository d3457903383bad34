//! Layers of VGG-19 by name, for the losses that compare pictures by their features.

use crate::catalogue::{Call, CallError, OptionKind, OptionSpec};

/// Layers by name, each with a weight.
///
/// `conv4_2` is the second convolution of the fourth block before its ReLU, `relu4_2` the one after it, `pool4` what the
/// block ends in.
#[derive(Clone, Debug, PartialEq)]
pub struct Layers(Vec<(String, f32)>);

impl Layers {
    /// Layers with weights.
    pub fn new<'a>(layers: impl IntoIterator<Item = (&'a str, f32)>) -> Self {
        Self(layers.into_iter().map(|(name, weight)| (name.to_owned(), weight)).collect())
    }

    /// Layers that share one weight.
    pub fn alike(names: &[&str], weight: f32) -> Self {
        Self::new(names.iter().map(|name| (*name, weight)))
    }

    /// Their names, in order.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Their weights, in order.
    pub fn weights(&self) -> impl Iterator<Item = f32> {
        self.0.iter().map(|(_, weight)| *weight)
    }

    /// The options `layers` and `layer-weights`; without weights each layer gets `weight`, given their number.
    pub(crate) fn of_call(call: &Call<'_>, weight: impl Fn(usize) -> f32) -> Result<Self, CallError> {
        let names = call.words("layers");
        let weights = call.numbers("layer-weights").unwrap_or_else(|| vec![weight(names.len()); names.len()]);
        if weights.len() != names.len() {
            return Err(CallError::Value {
                name: "layer-weights".into(),
                found: call.word("layer-weights").into(),
                expected: format!("{} numbers, one for each of {}", names.len(), names.join(",")),
            });
        }
        Ok(Self::new(names.into_iter().zip(weights)))
    }
}

/// Convolutions of each block of VGG-19.
const DEPTHS: [usize; 5] = [2, 2, 4, 4, 4];

/// Checks that VGG-19 has the layers of an option, and that the pictures `tensors` of a call reach them.
pub(crate) fn check(call: &Call<'_>, option: &str, tensors: &[&str]) -> Result<(), CallError> {
    for name in call.words(option) {
        let side = smallest_side(name).ok_or_else(|| CallError::Value {
            name: option.into(),
            found: name.into(),
            expected: "VGG-19's layers: convB_L (before its ReLU), reluB_L (after it) or poolB, such as relu2_2".into(),
        })?;
        for tensor in tensors {
            let shape = call.shape(tensor);
            if shape[2..].iter().any(|&length| length < side) {
                let expected = format!("pictures of at least {side}x{side} pixels, as {name} needs");
                return Err(CallError::tensor(tensor, format!("pictures of {}x{}", shape[2], shape[3]), expected));
            }
        }
    }
    Ok(())
}

/// The one layer of an option.
pub(crate) fn only(call: &Call<'_>, option: &str) -> Result<String, CallError> {
    match call.words(option)[..] {
        [name] => Ok(name.into()),
        _ => Err(CallError::Value {
            name: option.into(),
            found: call.word(option).into(),
            expected: "one layer of VGG-19".into(),
        }),
    }
}

/// Rows and columns of the smallest pictures that reach a layer of VGG-19; `None` where it has no such layer.
fn smallest_side(name: &str) -> Option<usize> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|number| number.to_string() == text);
    if let Some(block) = name.strip_prefix("pool") {
        return number(block).filter(|block| (1..=5).contains(block)).map(|block| 1 << block);
    }
    let (block, layer) = name.strip_prefix("conv").or_else(|| name.strip_prefix("relu"))?.split_once('_')?;
    let (block, layer) = (number(block)?, number(layer)?);
    let depth = *DEPTHS.get(block.checked_sub(1)?)?;
    (1..=depth).contains(&layer).then(|| 1 << (block - 1))
}

/// `layers`, with a loss's own default.
pub(crate) const fn layers_option(default: &'static str) -> OptionSpec {
    OptionSpec {
        name: "layers",
        kind: OptionKind::Words,
        default,
        help: "layers of VGG-19: convB_L (before its ReLU), reluB_L (after it), poolB",
    }
}

/// `layer-weights`.
pub(crate) const LAYER_WEIGHTS: OptionSpec = OptionSpec {
    name: "layer-weights",
    kind: OptionKind::Numbers,
    default: "default",
    help: "a weight for each layer",
};

/// What the given network was told about its pictures: read by whoever makes the network for a call.
pub(crate) const IMAGES: OptionSpec = OptionSpec {
    name: "images",
    kind: OptionKind::Choice(&["unit", "signed", "normalised"]),
    default: "unit",
    help: "pictures in [0, 1] or [-1, 1] are normalised inside; or they are normalised already",
};

/// How the given network pools: read by whoever makes the network for a call.
pub(crate) const POOL: OptionSpec = OptionSpec {
    name: "pool",
    kind: OptionKind::Choice(&["max", "average"]),
    default: "max",
    help: "what ends a block of VGG-19",
};

/// What the given network's weights were trained on: read by whoever makes the network for a call.
pub(crate) const NORMALISATION: OptionSpec = OptionSpec {
    name: "normalisation",
    kind: OptionKind::Choice(&["imagenet", "caffe"]),
    default: "imagenet",
    help: "RGB less ImageNet's mean by its deviation, or Caffe's BGR of 0 to 255 less its mean",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_those_of_vgg19() {
        let known = [("conv1_1", 1), ("relu2_2", 2), ("pool2", 4), ("conv3_4", 4), ("relu5_4", 16), ("pool5", 32)];
        for (name, side) in known {
            assert_eq!(smallest_side(name), Some(side), "{name}");
        }
        for name in ["conv1_3", "conv0_1", "conv6_1", "pool0", "pool6", "relu3", "relu3_04", "conv+1_1", "features.3", ""] {
            assert_eq!(smallest_side(name), None, "{name}");
        }
    }
}
