"""cross-entropy, pixel-weight-cross-entropy, bce, focal, dice, tversky, lovasz, cldice."""

import torch
import torch.nn.functional as F
from kornia.losses import tversky_loss
from scipy import ndimage
from torchvision.ops import sigmoid_focal_loss

from recorder import agree, integers, normal, reduce, uniform

CLASS_SHAPES = {"vectors": (5, 3), "one-element": (1, 2, 1, 1), "odd": (2, 4, 7, 5), "wide": (1, 3, 3, 11)}
MASK_SHAPES = {"one-element": (1, 1, 1, 1), "odd": (2, 1, 7, 5), "wide": (1, 3, 3, 11)}


def huge(*shape, key):
    """Logits of +-1e4."""
    return torch.where(uniform(*shape, key=key) < 0.5, -1e4, 1e4)


def mask(*shape, key):
    return integers(0, 2, *shape, key=key).to(torch.uint8)


def per_pixel(logits, target, class_weight, ignore, smoothing):
    """Cross-entropy of each pixel, and what it counts in the mean's divisor."""
    counted = target != ignore
    safe = torch.where(counted, target, 0)
    log_p = F.log_softmax(logits, 1)
    weight = torch.ones(logits.shape[1], dtype=logits.dtype) if class_weight is None else class_weight
    own = weight[safe]
    true = -log_p.gather(1, safe.unsqueeze(1)).squeeze(1) * own
    spread = -(log_p * weight.view(1, -1, *[1] * (logits.dim() - 2))).mean(1)
    value = (1 - smoothing) * true + smoothing * spread
    return torch.where(counted, value, 0.0), torch.where(counted, own, 0.0)


def cross_entropy(logits, target, class_weight=None, weight=None, ignore=-100, smoothing=0.0, reduction="mean"):
    value, divisor = per_pixel(logits, target, class_weight, ignore, smoothing)
    if weight is not None:
        value, divisor = value * weight, divisor * weight
    if reduction == "mean":
        total = divisor.sum()
        return value.sum() / total if total > 0 else 0.0 * value.sum()
    return reduce(value, reduction)


def cross_entropies(recorder):
    for name, (count, classes, *size) in CLASS_SHAPES.items():
        key = ("ce", name)
        logits, target = normal(count, classes, *size, key=key, scale=2.0), integers(0, classes, count, *size, key=key)
        weights, ignored = uniform(classes, key=key) + 0.2, target.clone()
        ignored.view(-1)[::3] = 255
        pixel = uniform(count, *size, key=("pixel", name)) * 5
        for case, options, class_weight, labels in [
            ("plain", {}, None, target), ("weighted", {}, weights, target),
            ("ignore", {"ignore-index": 255}, weights, ignored),
            ("smoothing", {"label-smoothing": 0.1, "ignore-index": 255}, weights, ignored),
            ("sum", {"reduction": "sum"}, weights, target), ("none", {"reduction": "none"}, None, target),
        ]:
            arguments = {"ignore": options.get("ignore-index", -100), "smoothing": options.get("label-smoothing", 0.0),
                         "reduction": options.get("reduction", "mean")}
            tensors = {"logits": logits, "target": labels, "class_weight": class_weight}
            value = recorder.case("cross-entropy", f"{name}-{case}", lambda **t: cross_entropy(**t, **arguments), tensors,
                                  options, ["logits"])
            if (labels != 255).any():
                library = F.cross_entropy(logits.double(), labels, None if class_weight is None else class_weight.double(),
                                          ignore_index=arguments["ignore"], label_smoothing=arguments["smoothing"],
                                          reduction=arguments["reduction"])
                agree(value.detach(), library, "cross-entropy")
            recorder.case("pixel-weight-cross-entropy", f"{name}-{case}", lambda **t: cross_entropy(**t, **arguments),
                          tensors | {"weight": pixel}, options, ["logits"])
    target = integers(0, 3, 2, 3, 3, key="edge")
    edge = {"logits": huge(2, 3, 3, 3, key="edge"), "target": target}
    recorder.case("cross-entropy", "huge", lambda **t: cross_entropy(**t), edge)
    edge = {"logits": normal(2, 3, 3, 3, key="edge"), "target": torch.full_like(target, 255)}
    recorder.case("cross-entropy", "all-ignored", lambda **t: cross_entropy(**t, ignore=255), edge, {"ignore-index": 255})
    edge = {"logits": normal(2, 3, 3, 3, key="edge"), "target": target, "weight": torch.zeros(2, 3, 3)}
    recorder.case("pixel-weight-cross-entropy", "no-weight", lambda **t: cross_entropy(**t), edge, {}, ["logits"])


def weight_map(labels, w0=10.0, sigma=5.0, class_weight=(1.0, 1.0)):
    """Ronneberger et al. 2015, equation 2, of one label image: distances to the nearest pixel of the two nearest objects, 0
    inside an object; with fewer than two objects the second distance is infinite and the term 0."""
    labels = labels.numpy()
    distances = [ndimage.distance_transform_edt(labels != label) for label in sorted(set(labels.ravel()) - {0})]
    weights = torch.tensor(class_weight, dtype=torch.float64)[torch.from_numpy((labels != 0).astype("int64"))]
    if len(distances) < 2:
        return weights
    nearest = torch.sort(torch.stack([torch.from_numpy(d) for d in distances]), dim=0).values
    return weights + w0 * torch.exp(-((nearest[0] + nearest[1]) ** 2) / (2 * sigma**2))


def weight_maps(recorder):
    """U-Net's weight map is no loss, and has a folder of its own."""
    labels = torch.zeros(19, 27, dtype=torch.uint8)
    labels[2:7, 3:9], labels[5:14, 11:15], labels[16:18, 1:26], labels[9, 8] = 1, 2, 3, 7
    one = torch.where(labels == 2, labels, 0)
    for name, image, options, arguments in [
        ("four-objects", labels, {}, {}),
        ("narrow", labels, {"w0": 4, "sigma": 1.5}, {"w0": 4.0, "sigma": 1.5}),
        ("one-object", one, {}, {}), ("no-object", torch.zeros(3, 5, dtype=torch.uint8), {}, {}),
    ]:
        recorder.case("unet", name, lambda labels: weight_map(labels, **arguments), {"labels": image}, options)


def bce(logits, target, pos_weight=1.0, weight=None):
    value = -(pos_weight * target * F.logsigmoid(logits) + (1 - target) * F.logsigmoid(-logits))
    return value if weight is None else value * weight


def focal(logits, target, alpha=0.25, gamma=2.0):
    """(1 - p_t)^gamma is taken from the logarithm of 1 - p_t, so that no power of 0 spoils a gradient."""
    log_other = -(target * F.softplus(logits) + (1 - target) * F.softplus(-logits))
    value = torch.exp(gamma * log_other) * bce(logits, target)
    return value if alpha is None else (alpha * target + (1 - alpha) * (1 - target)) * value


def binary(recorder):
    for name, shape in MASK_SHAPES.items():
        key = ("binary", name)
        logits, target = normal(*shape, key=key, scale=2.0), mask(*shape, key=key).float()
        tensors, pixel = {"logits": logits, "target": target}, uniform(*shape, key=key) * 3
        for reduction in ["mean", "sum", "none"]:
            options = {"reduction": reduction}
            recorder.case("bce", f"{name}-{reduction}", lambda logits, target: reduce(bce(logits, target), reduction),
                          tensors, options, ["logits"])
            value = recorder.case("focal", f"{name}-{reduction}", lambda logits, target: reduce(focal(logits, target), reduction),
                                  tensors, options, ["logits"])
            agree(value.detach(), sigmoid_focal_loss(logits.double(), target.double(), reduction=reduction), "focal")
        recorder.case("bce", f"{name}-pos-weight", lambda logits, target: bce(logits, target, 3.5).mean(), tensors,
                      {"pos-weight": 3.5}, ["logits"])
        recorder.case("bce", f"{name}-weight", lambda logits, target, weight: bce(logits, target, 2.0, weight).mean(),
                      tensors | {"weight": pixel}, {"pos-weight": 2}, ["logits"])
        for case, options in {"gamma-0": {"gamma": 0}, "gamma-half": {"gamma": 0.5, "alpha": 0.6},
                              "no-alpha": {"gamma": 3, "alpha": "none"}}.items():
            alpha = options.get("alpha", 0.25)
            arguments = {"gamma": options["gamma"], "alpha": None if alpha == "none" else alpha}
            recorder.case("focal", f"{name}-{case}", lambda logits, target: focal(logits, target, **arguments).mean(),
                          tensors, options, ["logits"])
    soft = {"logits": normal(3, 4, key="soft"), "target": uniform(3, 4, key="soft")}
    recorder.case("bce", "soft-target", lambda logits, target: bce(logits, target).mean(), soft, {}, ["logits"])
    edge = {"logits": huge(2, 1, 5, 3, key="b"), "target": mask(2, 1, 5, 3, key="b").float()}
    for loss, function in {"bce": bce, "focal": focal}.items():
        recorder.case(loss, "huge", lambda logits, target: function(logits, target).mean(), edge, {}, ["logits"])


def split(logits, target, ignore=-100):
    """Probabilities and truth as (N, C, pixels), and which pixels count. A target of the logits' shape is one mask a
    channel (sigmoid); one without the channel axis holds class indices (softmax)."""
    shape = (*logits.shape[:2], -1)
    if target.shape == logits.shape:
        return torch.sigmoid(logits).reshape(shape), target.to(logits.dtype).reshape(shape), torch.tensor(True)
    counted = (target != ignore).reshape(shape[0], 1, -1)
    truth = F.one_hot(torch.where(target != ignore, target, 0).reshape(shape[0], -1), shape[1]).movedim(-1, 1)
    return torch.softmax(logits, 1).reshape(shape), truth.to(logits.dtype), counted


def tversky(logits, target, alpha=0.3, beta=0.7, smooth=1.0, per_sample=False, ignore=-100, reduction="mean"):
    """1 - (I + smooth) / (I + alpha FP + beta FN + smooth) of each class, summed over pixels and (unless per sample) pictures."""
    p, t, counted = split(logits, target, ignore)
    axes = (2,) if per_sample else (0, 2)
    total = lambda x: torch.where(counted, x, 0.0).sum(axes)
    hit, false, missed = total(p * t), total(p * (1 - t)), total((1 - p) * t)
    divisor = hit + alpha * false + beta * missed + smooth
    index = torch.where(divisor > 0, (hit + smooth) / torch.where(divisor > 0, divisor, 1.0), 1.0)
    return reduce(1 - index, reduction)


def dice(logits, target, smooth=1.0, **options):
    """1 - (2 I + smooth) / (P + T + smooth): Tversky with both factors 1/2 and half the smooth term."""
    return tversky(logits, target, 0.5, 0.5, smooth / 2, **options)


def overlaps(recorder):
    for name, (count, classes, *size) in CLASS_SHAPES.items():
        key = ("overlap", name)
        logits, target = normal(count, classes, *size, key=key, scale=2.0), integers(0, classes, count, *size, key=key)
        masks, ignored = mask(count, classes, *size, key=key), target.clone()
        ignored.view(-1)[::3] = 255
        for case, options, labels in [
            ("softmax", {}, target), ("sigmoid", {}, masks), ("smooth", {"smooth": 0}, target),
            ("per-sample", {"per-sample": "true"}, target), ("ignore", {"ignore-index": 255}, ignored),
            ("none", {"reduction": "none"}, masks), ("sum", {"reduction": "sum"}, target),
        ]:
            arguments = {"smooth": options.get("smooth", 1.0), "per_sample": "per-sample" in options,
                         "ignore": options.get("ignore-index", -100), "reduction": options.get("reduction", "mean")}
            tensors = {"logits": logits, "target": labels}
            recorder.case("dice", f"{name}-{case}", lambda logits, target: dice(logits, target, **arguments), tensors,
                          options, ["logits"])
            recorder.case("tversky", f"{name}-{case}", lambda logits, target: tversky(logits, target, **arguments),
                          tensors, options, ["logits"])
            if case == "softmax" and name == "odd":
                recorder.case("tversky", "alpha-beta", lambda logits, target: tversky(logits, target, 0.8, 0.4), tensors,
                              {"alpha": 0.8, "beta": 0.4}, ["logits"])
                with_library(logits.double(), target)
    logits, shape = normal(2, 1, 4, 5, key="edge"), (2, 1, 4, 5)
    edges = {"empty-mask": (logits, torch.zeros(shape)), "full-mask": (logits, torch.ones(shape)),
             "huge": (huge(*shape, key="o"), mask(*shape, key="o").float())}
    for name, (logits, target) in edges.items():
        for loss, function in {"dice": dice, "tversky": tversky}.items():
            recorder.case(loss, name, lambda logits, target: function(logits, target),
                          {"logits": logits, "target": target}, {}, ["logits"])


def with_library(logits, target):
    """kornia sums over each picture, adds its eps to the divisor alone, and averages over pictures and classes."""
    ours = tversky(logits, target, 0.3, 0.7, smooth=0.0, per_sample=True, reduction="none")
    agree(ours.mean(), tversky_loss(logits, target, 0.3, 0.7).mean(), "tversky", 1e-4)


def lovasz_gradient(sorted_truth):
    """The discrete derivative of the Jaccard loss along the errors' order (Berman et al. 2018, algorithm 1)."""
    total = sorted_truth.sum()
    intersection = total - sorted_truth.cumsum(0)
    union = total + (1 - sorted_truth).cumsum(0)
    jaccard = 1 - intersection / union
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])


def extension(errors, truth):
    order = torch.argsort(errors, descending=True, stable=True)
    return errors[order], lovasz_gradient(truth[order])


def lovasz_hinge(logits, target):
    """relu(1 - margin) weighted, each channel on its own, mean over channels."""
    values = []
    for channel in range(logits.shape[1]):
        x, t = logits[:, channel].flatten(), target[:, channel].flatten().to(logits.dtype)
        errors, weights = extension(1 - x * (2 * t - 1), t)
        values.append((F.relu(errors) * weights).sum())
    return torch.stack(values).mean()


def lovasz_softmax(logits, target, classes="present", ignore=-100):
    keep = (target != ignore).flatten()
    p = torch.softmax(logits, 1).movedim(1, -1).flatten(0, -2)[keep]
    t, values = target.flatten()[keep], []
    for c in range(logits.shape[1]):
        truth = (t == c).to(logits.dtype)
        if len(t) == 0 or (classes == "present" and truth.sum() == 0):
            continue
        errors, weights = extension((truth - p[:, c]).abs(), truth)
        values.append((errors * weights).sum())
    return torch.stack(values).mean() if values else 0.0 * logits.sum()


def each_picture(function, logits, target):
    return torch.stack([function(logits[n:n + 1], target[n:n + 1]) for n in range(len(logits))]).mean()


def lovasz(recorder):
    for name, (count, classes, *size) in CLASS_SHAPES.items():
        key = ("lovasz", name)
        logits, target = normal(count, classes, *size, key=key, scale=2.0), integers(0, classes, count, *size, key=key)
        ignored = target.clone()
        ignored.view(-1)[::3] = 255
        index, masks = {"logits": logits, "target": target}, {"logits": logits, "target": mask(*logits.shape, key=key)}
        cases = [
            ("hinge", masks, {}, lovasz_hinge), ("softmax", index, {}, lovasz_softmax),
            ("hinge-per-sample", masks, {"per-sample": "true"}, lambda l, t: each_picture(lovasz_hinge, l, t)),
            ("softmax-per-sample", index, {"per-sample": "true"}, lambda l, t: each_picture(lovasz_softmax, l, t)),
            ("all-classes", index, {"classes": "all"}, lambda l, t: lovasz_softmax(l, t, "all")),
            ("ignore", {"logits": logits, "target": ignored}, {"ignore-index": 255},
             lambda l, t: lovasz_softmax(l, t, ignore=255)),
        ]
        for case, tensors, options, function in cases:
            recorder.case("lovasz", f"{name}-{case}", lambda logits, target: function(logits, target), tensors, options,
                          ["logits"])
    logits = normal(1, 1, 4, 5, key="edge")
    for name, target in {"empty-mask": torch.zeros(1, 1, 4, 5), "full-mask": torch.ones(1, 1, 4, 5)}.items():
        recorder.case("lovasz", name, lovasz_hinge, {"logits": logits, "target": target}, {}, ["logits"])
    empty = {"logits": normal(1, 2, 3, 3, key="e"), "target": torch.full((1, 3, 3), 255)}
    recorder.case("lovasz", "all-ignored", lambda logits, target: lovasz_softmax(logits, target, ignore=255), empty,
                  {"ignore-index": 255})


def erode(x):
    return torch.minimum(-F.max_pool2d(-x, (3, 1), 1, (1, 0)), -F.max_pool2d(-x, (1, 3), 1, (0, 1)))


def opened(x):
    return F.max_pool2d(erode(x), 3, 1, 1)


def skeleton(x, iterations):
    found = F.relu(x - opened(x))
    for _ in range(iterations):
        x = erode(x)
        delta = F.relu(x - opened(x))
        found = found + F.relu(delta - found * delta)
    return found


def cldice(logits, target, iterations=3, smooth=1.0, reduction="mean"):
    """Shit et al. 2021, algorithm 2, of each picture (its channels together)."""
    p, t = torch.sigmoid(logits), target.to(logits.dtype)
    sp, st = skeleton(p, iterations), skeleton(t, iterations)
    total = lambda x: x.flatten(1).sum(1)
    precision = (total(sp * t) + smooth) / (total(sp) + smooth)
    sensitivity = (total(st * p) + smooth) / (total(st) + smooth)
    return reduce(1 - 2 * precision * sensitivity / (precision + sensitivity), reduction)


def skeletons(recorder):
    target = torch.zeros(2, 1, 17, 23)
    target[:, :, 4:9], target[0, :, :, 10:13], target[1, :, 11:16, 3:20] = 1, 1, 1
    for name, t in {"roads": target, "empty-mask": torch.zeros(1, 1, 6, 9), "full-mask": torch.ones(1, 1, 6, 9),
                    "one-pixel": torch.ones(1, 1, 1, 1), "wide": mask(1, 1, 3, 13, key="wide").float()}.items():
        logits = (t * 2 - 1) * 2 + normal(*t.shape, key=("cl", name), scale=1.5)
        for case, options in {"plain": {}, "iterations": {"iterations": 1}, "smooth": {"smooth": 0.1},
                              "none": {"reduction": "none"}}.items():
            recorder.case("cldice", f"{name}-{case}", lambda logits, target: cldice(logits, target, **options),
                          {"logits": logits, "target": t}, options, ["logits"])


def record(recorder):
    cross_entropies(recorder)
    binary(recorder)
    overlaps(recorder)
    lovasz(recorder)
    skeletons(recorder)
