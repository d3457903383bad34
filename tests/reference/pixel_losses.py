"""mse, mae, huber, charbonnier, ssim, ms-ssim, tv, cycle, identity."""

import piq
import torch
import torch.nn.functional as F

from recorder import agree, normal, reduce, root, uniform

SHAPES = {"one-element": (1, 1, 1, 1), "odd": (2, 3, 7, 5), "wide": (1, 1, 3, 17)}


def elementwise(recorder):
    losses = {
        "mse": (lambda p, t: (p - t) ** 2, {}),
        "mae": (lambda p, t: (p - t).abs(), {}),
        "huber": (lambda p, t: F.huber_loss(p, t, reduction="none"), {}),
        "charbonnier": (lambda p, t: ((p - t) ** 2 + 1e-3**2).sqrt(), {}),
    }
    for loss, (each, _) in losses.items():
        for name, shape in SHAPES.items():
            for reduction in ["mean"] if name != "odd" else ["mean", "sum", "none"]:
                tensors = {"pred": normal(*shape, key=(loss, "p")), "target": normal(*shape, key=(loss, "t"))}
                recorder.case(loss, f"{name}-{reduction}", lambda pred, target: reduce(each(pred, target), reduction),
                              tensors, {} if reduction == "mean" else {"reduction": reduction})
        same = normal(2, 3, 4, 3, key="same")
        recorder.case(loss, "equal", lambda pred, target: each(pred, target).mean(),
                      {"pred": same, "target": same.clone()})
    tensors = {"pred": normal(3, 5, key="h", scale=2.0), "target": normal(3, 5, key="ht")}
    recorder.case("huber", "delta", lambda pred, target: F.huber_loss(pred, target, delta=0.3), tensors,
                  {"delta": 0.3})
    recorder.case("charbonnier", "eps", lambda pred, target: ((pred - target) ** 2 + 0.1**2).sqrt().mean(), tensors,
                  {"eps": 0.1})


def window(length):
    """The 11 Gaussian weights of deviation 1.5; a side shorter than 11 gets a window of its own length."""
    length = min(11, length)
    at = torch.arange(length, dtype=torch.float64) - (length - 1) / 2
    weights = torch.exp(-(at**2) / (2 * 1.5**2))
    return weights / weights.sum()


def blur(x):
    channels, (height, width) = x.shape[1], x.shape[-2:]
    kernel = torch.outer(window(height), window(width)).expand(channels, 1, -1, -1)
    return F.conv2d(x, kernel, groups=channels)


def similarity(x, y, data_range):
    """Means over the windows of the index, and of its contrast-structure factor alone: (N, C) each."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    structure = (2 * cov + c2) / (vx + vy + c2)
    index = (2 * mx * my + c1) / (mx**2 + my**2 + c1) * structure
    return index.mean((2, 3)), structure.mean((2, 3))


SCALE_WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]


def ssim(x, y, data_range=1.0):
    """The index of each picture."""
    return similarity(x, y, data_range)[0].mean(1)


def ms_ssim(x, y, data_range=1.0):
    """Wang et al. 2003: the contrast-structure factors of the finer scales, the whole index at the coarsest, each channel on its
    own; negative factors count as 0; pictures are halved by the mean of 2x2 pixels, an odd last row or column left out, and a side
    of one pixel stays."""
    product = 1.0
    for scale, weight in enumerate(SCALE_WEIGHTS):
        index, structure = similarity(x, y, data_range)
        factor = F.relu(index if scale == len(SCALE_WEIGHTS) - 1 else structure)
        product = product * torch.where(factor > 0, torch.where(factor > 0, factor, 1.0) ** weight, 0.0)
        size = [min(2, side) for side in x.shape[-2:]]
        x, y = F.avg_pool2d(x, size), F.avg_pool2d(y, size)
    return product.mean(1)


def noisy(target, key, scale=0.1):
    return (target + normal(*target.shape, key=key, scale=scale)).clamp(0, 1)


def structure_losses(recorder):
    for name, shape in {"square": (2, 3, 16, 16), "odd": (1, 1, 13, 19), "window": (1, 2, 11, 11),
                        "small": (1, 1, 5, 8), "one-pixel": (1, 3, 1, 1)}.items():
        target = uniform(*shape, key=("ssim", name))
        tensors = {"pred": noisy(target, ("ssim", name)), "target": target}
        value = recorder.case("ssim", name, lambda pred, target: (1 - ssim(pred, target)).mean(), tensors)
        if min(shape[2:]) >= 11:
            library = piq.ssim(tensors["pred"].double(), tensors["target"].double(), downsample=False)
            agree(1 - value, library, "ssim")
    tensors = {"pred": tensors_range(1), "target": tensors_range(2)}
    recorder.case("ssim", "data-range", lambda pred, target: (1 - ssim(pred, target, 255.0)).mean(), tensors,
                  {"data-range": 255})
    recorder.case("ssim", "none", lambda pred, target: 1 - ssim(pred, target, 255.0), tensors,
                  {"data-range": 255, "reduction": "none"})
    flat = {"pred": torch.full((1, 1, 12, 12), 0.25), "target": torch.full((1, 1, 12, 12), 0.75)}
    recorder.case("ssim", "constant", lambda pred, target: (1 - ssim(pred, target)).mean(), flat)
    recorder.case("ms-ssim", "constant", lambda pred, target: (1 - ms_ssim(pred, target)).mean(), flat)
    for name, shape in {"small": (2, 1, 24, 36), "odd": (1, 2, 35, 27), "one-pixel": (1, 3, 1, 1)}.items():
        target = smooth(*shape, key=("ms", name))
        tensors = {"pred": noisy(target, ("ms", name), 0.05), "target": target}
        recorder.case("ms-ssim", name, lambda pred, target: (1 - ms_ssim(pred, target)).mean(), tensors)
    target = smooth(2, 1, 24, 20, key="ms-range")
    wide = {"pred": noisy(target, "ms-range", 0.05) * 255, "target": target * 255}
    recorder.case("ms-ssim", "data-range", lambda pred, target: (1 - ms_ssim(pred, target, 255.0)).mean(), wide,
                  {"data-range": 255})
    recorder.case("ms-ssim", "none", lambda pred, target: 1 - ms_ssim(pred, target, 255.0), wide,
                  {"data-range": 255, "reduction": "none"})
    target = smooth(2, 1, 176, 192, key="library")
    pred = noisy(target, "library")
    agree(ms_ssim(pred.double(), target.double()).mean(), piq.multi_scale_ssim(pred.double(), target.double()), "ms-ssim")


def tensors_range(which):
    return uniform(2, 1, 14, 12, key=("range", which)) * 255


def smooth(*shape, key):
    """Pictures with something at every scale."""
    total = 0
    for scale in [1, 4, 16]:
        size = [max(1, side // scale) for side in shape[2:]]
        total = total + F.interpolate(uniform(*shape[:2], *size, key=(key, scale)), size=shape[2:], mode="nearest")
    return total / 3


def tv(x, kind):
    """A number a value; a pixel of the last column has no right neighbour, one of the last row none below."""
    right = F.pad(x[..., :, 1:] - x[..., :, :-1], (0, 1))
    below = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    return {"anisotropic": lambda: right.abs() + below.abs(), "isotropic": lambda: root(right**2 + below**2),
            "squared": lambda: right**2 + below**2}[kind]()


def variation(recorder):
    for kind in ["anisotropic", "isotropic", "squared"]:
        for name, shape in SHAPES.items():
            for reduction in ["mean", "sum"]:
                x = normal(*shape, key=("tv", kind))
                recorder.case("tv", f"{kind}-{name}-{reduction}", lambda pred: reduce(tv(pred, kind), reduction),
                              {"pred": x}, {"kind": kind, "reduction": reduction})
        flat = torch.full((1, 2, 4, 5), 0.3)
        recorder.case("tv", f"{kind}-constant", lambda pred: tv(pred, kind).mean(), {"pred": flat}, {"kind": kind})
    x = normal(*SHAPES["odd"], key=("tv", "none"))
    recorder.case("tv", "none", lambda pred: tv(pred, "squared"), {"pred": x}, {"kind": "squared", "reduction": "none"})


def consistency(recorder):
    for loss, factor in {"cycle": 1.0, "identity": 0.5}.items():
        for name, shape in SHAPES.items():
            tensors = {"pred": normal(*shape, key=(loss, 1)), "target": normal(*shape, key=(loss, 2))}
            recorder.case(loss, name, lambda pred, target: factor * 10 * (pred - target).abs().mean(), tensors)
            recorder.case(loss, f"{name}-lambda", lambda pred, target: factor * 3 * (pred - target).abs().mean(),
                          tensors, {"lambda": 3})


def record(recorder):
    elementwise(recorder)
    structure_losses(recorder)
    variation(recorder)
    consistency(recorder)
