"""perceptual, content, style, style-transfer, topology: the losses that look through VGG-19 (weights: see vgg.py)."""

import torch
import torch.nn.functional as F

from pixel_losses import tv
from recorder import integers, normal, uniform
from vgg import features

STYLE_LAYERS = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]
TOPOLOGY_LAYERS = ["relu1_2", "relu2_2", "relu3_4"]


def squares(x):
    """The sum of squares of each picture."""
    return (x**2).flatten(1).sum(1)


def perceptual(pred, target, layers=("relu2_2",), weights=None, images="unit", pool="max"):
    """Johnson et al. 2016, equation 2, of each picture, mean over pictures."""
    total = 0
    for weight, x, y in zip(weights or [1.0] * len(layers), features(pred, layers, images, pool),
                            features(target, layers, images, pool)):
        total = total + weight * squares(x - y) / x[0].numel()
    return total.mean()


def content_loss(pred, content, layer="conv4_2", half=True, normalise="none", images="unit", pool="max"):
    """Gatys et al. 2016, equation 1, of each picture, mean over pictures."""
    (x,), (y,) = features(pred, [layer], images, pool), features(content, [layer], images, pool)
    value = squares(x - y) * (0.5 if half else 1.0)
    return (value / x[0].numel() if normalise == "chw" else value).mean()


def gram_matrix(x):
    flat = x.flatten(2)
    return flat @ flat.mT


def style_loss(pred, style, layers=STYLE_LAYERS, weights=None, gram="none", map_size="hw", images="unit", pool="max"):
    """Gatys et al. 2016, equations 3 to 5, of each picture, mean over pictures. The style picture may have another size, and one style
    serves a batch. With gram=none both sums are those of the paper, M_l being H*W of each picture's own map: G and A are divided
    by 2 N_l M_l before they are compared, which for equal sizes is the paper's factor."""
    total = 0
    for weight, x, y in zip(weights or [1 / len(layers)] * len(layers), features(pred, layers, images, pool),
                            features(style, layers, images, pool)):
        g, a = gram_matrix(x), gram_matrix(y)
        (c, n_x), (c, n_y) = x.flatten(2).shape[1:], y.flatten(2).shape[1:]
        if gram == "none":
            scale = 2 * c * (c if map_size == "chw" else 1)
            value = squares(g / (scale * n_x) - a / (scale * n_y))
        elif gram == "hw":
            value = squares(g / n_x - a / n_y) / c**2
        else:
            value = squares(g / (c * n_x) - a / (c * n_y))
        total = total + weight * value
    return total.mean()


def style_transfer(pred, content, style, alpha=1.0, beta=1000.0, tv_weight=0.0, **images):
    variation = tv(pred, "anisotropic").sum() / len(pred)
    return alpha * content_loss(pred, content, **images) + beta * style_loss(pred, style, **images) + tv_weight * variation


def topology(logits, target, mu=0.1, layers=TOPOLOGY_LAYERS, images="unit"):
    """Mosinska et al. 2018, equations 2 and 3: mean binary cross-entropy, and the features' squared differences
    divided by their number; mean over pictures."""
    bce = -(target * F.logsigmoid(logits) + (1 - target) * F.logsigmoid(-logits)).mean()
    found = features(torch.sigmoid(logits).expand(-1, 3, -1, -1), layers, images)
    wanted = features(target.expand(-1, 3, -1, -1), layers, images)
    return bce + mu * sum((squares(x - y) / x[0].numel()).mean() for x, y in zip(found, wanted))


def record(recorder):
    def case(loss, name, function, tensors, options=None, gradients=None):
        recorder.case(loss, name, function, tensors, options, gradients, vgg=True)

    def picture(*shape, key):
        return uniform(*shape, key=(key, "picture"))

    pair = {"pred": picture(2, 3, 12, 10, key=1), "target": picture(2, 3, 12, 10, key=2)}
    case("perceptual", "plain", lambda pred, target: perceptual(pred, target), pair)
    several = ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]
    case("perceptual", "layers", lambda pred, target: perceptual(pred, target, several, [1.0, 0.5, 0.25, 2.0]), pair,
         {"layers": ",".join(several), "layer-weights": "1,0.5,0.25,2"})
    case("perceptual", "average", lambda pred, target: perceptual(pred, target, ["conv3_4"], pool="average"), pair,
         {"layers": "conv3_4", "pool": "average"})
    for images in ["normalised", "signed"]:
        signed = {key: value * 2 - 1 for key, value in pair.items()}
        case("perceptual", images, lambda pred, target: perceptual(pred, target, images=images), signed, {"images": images})
    case("perceptual", "one-pixel", lambda pred, target: perceptual(pred, target, ["relu1_2"]),
         {"pred": picture(1, 3, 1, 1, key=3), "target": picture(1, 3, 1, 1, key=4)}, {"layers": "relu1_2"})
    case("perceptual", "equal", lambda pred, target: perceptual(pred, target),
         {"pred": pair["pred"], "target": pair["pred"].clone()})

    pair = {"pred": picture(1, 3, 17, 13, key=5), "content": picture(1, 3, 17, 13, key=6)}
    case("content", "plain", lambda pred, content: content_loss(pred, content), pair)
    case("content", "whole", lambda pred, content: content_loss(pred, content, half=False), pair, {"half": "false"})
    case("content", "chw", lambda pred, content: content_loss(pred, content, "relu3_3", normalise="chw"), pair,
         {"layer": "relu3_3", "normalise": "chw"})
    two = {"pred": picture(2, 3, 9, 8, key=7), "content": picture(2, 3, 9, 8, key=8)}
    case("content", "batch", lambda pred, content: content_loss(pred, content), two)

    signed = {key: value * 2 - 1 for key, value in two.items()}
    case("content", "signed-average", lambda pred, content: content_loss(pred, content, images="signed", pool="average"), signed,
         {"images": "signed", "pool": "average"})

    pair = {"pred": picture(1, 3, 16, 17, key=9), "style": picture(1, 3, 16, 17, key=10)}
    for gram in ["none", "hw", "chw"]:
        case("style", f"gram-{gram}", lambda pred, style: style_loss(pred, style, gram=gram), pair, {"gram": gram})
    case("style", "average", lambda pred, style: style_loss(pred, style, pool="average"), pair, {"pool": "average"})
    case("style", "map-size", lambda pred, style: style_loss(pred, style, map_size="chw"), pair, {"map-size": "chw"})
    case("style", "layers", lambda pred, style: style_loss(pred, style, ["relu1_2", "relu2_2"], [1.0, 3.0], "chw"), pair,
         {"layers": "relu1_2,relu2_2", "layer-weights": "1,3", "gram": "chw"})
    signed = {key: value * 2 - 1 for key, value in pair.items()}
    case("style", "signed", lambda pred, style: style_loss(pred, style, images="signed"), signed, {"images": "signed"})
    other = {"pred": picture(2, 3, 16, 17, key=11), "style": picture(1, 3, 20, 16, key=12)}
    case("style", "other-size", lambda pred, style: style_loss(pred, style), other)

    three = {"pred": picture(1, 3, 16, 19, key=13), "content": picture(1, 3, 16, 19, key=14),
             "style": picture(1, 3, 18, 16, key=15)}
    case("style-transfer", "plain", lambda **t: style_transfer(**t), three)
    case("style-transfer", "weights", lambda **t: style_transfer(**t, alpha=0.5, beta=1e4, tv_weight=0.3), three,
         {"alpha": 0.5, "beta": 10000, "tv-weight": 0.3})
    case("style-transfer", "average", lambda **t: style_transfer(**t, pool="average"), three, {"pool": "average"})

    signed = {key: value * 2 - 1 for key, value in three.items()}
    case("style-transfer", "signed", lambda **t: style_transfer(**t, images="signed"), signed, {"images": "signed"})

    for name, shape in {"odd": (2, 1, 13, 9), "wide": (1, 1, 8, 31)}.items():
        target = integers(0, 2, *shape, key=("topology", name)).float()
        pair = {"logits": normal(*shape, key=("topology", name)), "target": target}
        case("topology", name, lambda logits, target: topology(logits, target), pair, {}, ["logits"])
        case("topology", f"{name}-mu", lambda logits, target: topology(logits, target, 2.5, ["conv1_2", "relu2_1"]), pair,
             {"mu": 2.5, "layers": "conv1_2,relu2_1"}, ["logits"])
    for name, value in {"empty-mask": 0.0, "full-mask": 1.0}.items():
        pair = {"logits": normal(1, 1, 8, 8, key=name), "target": torch.full((1, 1, 8, 8), value)}
        case("topology", name, lambda logits, target: topology(logits, target), pair, {}, ["logits"])
