"""Writes tests/reference/metrics: every metric, from the library that has it, or from a plain program where none has."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import linalg, ndimage, stats
from scipy.spatial import distance
from skimage import measure
from skimage import metrics as skimage_metrics
from sklearn import metrics as sklearn_metrics
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.model_selection import KFold

from pixel_losses import ms_ssim, noisy, smooth, ssim
from recorder import Recorder, agree, integers, normal, uniform


class MetricRecorder(Recorder):
    """Cases with several named numbers each, and no gradients."""

    def metric(self, metric, name, values, tensors, options=None):
        values = {key: np.asarray(value, dtype=np.float64).tolist() for key, value in values.items()}
        self.index.append({"metric": metric, "case": name, "options": {k: str(v) for k, v in (options or {}).items()},
                           "tensors": {key: self.store(metric, f"{name}/{key}", value) for key, value in tensors.items()},
                           "values": values})


def pictures(recorder):
    for name, shape in {"odd": (2, 3, 13, 19), "one-channel": (1, 1, 24, 16), "small": (1, 2, 5, 9), "one-pixel": (1, 1, 1, 1)}.items():
        target = smooth(*shape, key=("metric", name))
        for data_range in [1.0, 255.0]:
            pair = {"pred": noisy(target, ("metric", name)) * data_range, "target": target * data_range}
            x, y = pair["pred"].double(), pair["target"].double()
            case, options = f"{name}-{data_range:.0f}", {"data-range": data_range}
            ratios = [skimage_metrics.peak_signal_noise_ratio(b.numpy(), a.numpy(), data_range=data_range) for a, b in zip(x, y)]
            recorder.metric("psnr", case, {"psnr": ratios}, pair, options)
            index = ssim(x, y, data_range)
            if min(shape[2:]) >= 11:
                # skimage's own mean leaves out a border of 5, which is the windows wholly inside.
                library = [skimage_metrics.structural_similarity(
                    a.numpy(), b.numpy(), data_range=data_range, channel_axis=0, gaussian_weights=True, sigma=1.5,
                    use_sample_covariance=False) for a, b in zip(x, y)]
                agree(index, library, "ssim")
            recorder.metric("ssim", case, {"ssim": index}, pair, options)
            recorder.metric("ms-ssim", case, {"ms-ssim": ms_ssim(x, y, data_range)}, pair, options)


def masks():
    """Pairs of masks of lines, blobs and noise."""
    roads = torch.zeros(23, 31)
    roads[5], roads[16], roads[:, 9], roads[:, 22] = 1, 1, 1, 1
    moved = torch.roll(roads, (1, 2), (0, 1))
    moved[10:13, :15] = 0
    blobs = (F.avg_pool2d(normal(1, 1, 30, 25, key="blobs"), 5, 1, 2)[0, 0] > 0.02).float()
    return {"roads": (moved, roads), "blobs": (torch.roll(blobs, 1, 0), blobs),
            "noise": ((uniform(9, 14, key="n") < 0.45).float(), (uniform(9, 14, key="m") < 0.45).float()),
            "empty-pred": (torch.zeros(6, 7), torch.eye(7)[:6]), "empty-target": (torch.eye(7)[:6], torch.zeros(6, 7)),
            "both-empty": (torch.zeros(3, 4), torch.zeros(3, 4)), "full": (torch.ones(4, 3), torch.ones(4, 3)),
            "one-pixel": (torch.ones(1, 1), torch.zeros(1, 1))}


def tolerant_quality(pred, target, tolerance):
    reach = lambda mask: ndimage.distance_transform_edt(~mask) <= tolerance if mask.any() else np.zeros_like(mask)
    hits, found = (pred & reach(target)).sum(), (target & reach(pred)).sum()
    share = lambda part, whole: part / whole if whole else 1.0
    return {"completeness": share(found, target.sum()), "correctness": share(hits, pred.sum()),
            "quality": share(hits, pred.sum() + target.sum() - found)}


def betti(mask):
    """Pieces from scikit-image, holes from its Euler number of the same connectivity."""
    pieces = measure.label(mask, connectivity=2).max()
    return pieces, pieces - measure.euler_number(mask, connectivity=2)


def rand_v(pred, target):
    pred, target = pred[target != 0], target[target != 0]
    table = sklearn_metrics.cluster.contingency_matrix(target, pred).astype(np.float64)
    together, actual, predicted = (table**2).sum(), (table.sum(1) ** 2).sum(), (table.sum(0) ** 2).sum()
    return {"split": together / actual, "merge": together / predicted, "rand-v": together / (0.5 * actual + 0.5 * predicted)}


def segmentations(recorder):
    for name, (pred, target) in masks().items():
        tensors = {"pred": pred.to(torch.uint8), "target": target.to(torch.uint8)}
        p, t = pred.numpy() > 0, target.numpy() > 0
        recorder.metric("iou", name, {"iou": sklearn_metrics.jaccard_score(t.ravel(), p.ravel(), zero_division=1.0)}, tensors)
        recorder.metric("dice", name, {"dice": sklearn_metrics.f1_score(t.ravel(), p.ravel(), zero_division=1.0)}, tensors)
        for tolerance in [0, 2, 3.5]:
            recorder.metric("tolerant-quality", f"{name}-{tolerance}", tolerant_quality(p, t, tolerance), tensors,
                            {"tolerance": tolerance})
        (pieces, holes), (true_pieces, true_holes) = betti(p), betti(t)
        recorder.metric("betti", name, {"betti-0-error": abs(pieces - true_pieces), "betti-1-error": abs(holes - true_holes),
                                        "pred": [pieces, holes], "target": [true_pieces, true_holes]}, tensors)
        regions = {key: torch.from_numpy(measure.label(~mask, connectivity=1).astype(np.int32)) for key, mask in
                   {"pred": p, "target": t}.items()}
        if (regions["target"] > 0).any():
            found = rand_v(regions["pred"].numpy().ravel(), regions["target"].numpy().ravel())
            recorder.metric("rand-v", name, found, regions)
            with_library(regions, found["rand-v"])
    classes = {"pred": integers(0, 5, 11, 7, key="pred"), "target": integers(0, 4, 11, 7, key="target")}
    classes["target"].view(-1)[::4] = 255
    keep = classes["target"] != 255
    p, t = classes["pred"][keep].numpy(), classes["target"][keep].numpy()
    options = {"classes": 6, "ignore-index": 255}
    recorder.metric("iou", "classes", {"iou": sklearn_metrics.jaccard_score(t, p, average="macro")}, classes, options)
    recorder.metric("dice", "classes", {"dice": sklearn_metrics.f1_score(t, p, average="macro")}, classes, options)


def with_library(regions, found):
    """skimage's adapted Rand error leaves out the pairs of a pixel with itself: a difference of at most pixels / pairs."""
    error, _, _ = skimage_metrics.adapted_rand_error(regions["target"].numpy(), regions["pred"].numpy(), ignore_labels=(0,))
    if np.isfinite(error) and regions["target"].numel() > 100:
        assert abs(1 - error - found) < 0.05, (error, found)


def fold_accuracies(distances, same, folds):
    found = []
    for train, test in KFold(folds).split(distances):
        ends = np.sort(np.unique(distances[train]))
        thresholds = np.concatenate([[-np.inf], (ends[1:] + ends[:-1]) / 2, [np.inf]])
        right = [((distances[train] < threshold) == same[train]).sum() for threshold in thresholds]
        found.append(((distances[test] < thresholds[int(np.argmax(right))]) == same[test]).mean())
    return found


def val_at_far(distances, same, far):
    """From scikit-learn's whole ROC curve."""
    accepted, validated, _ = sklearn_metrics.roc_curve(same, -distances, drop_intermediate=False)
    return validated[accepted <= far].max()


def verifications(recorder):
    for name, count in {"few": 23, "many": 400}.items():
        same = integers(0, 2, count, key=name)
        distances = (normal(count, key=name).abs() + (1 - same) * 0.8).float()
        ties = (distances * 4).round() / 4
        for kind, d in {"continuous": distances, "ties": ties}.items():
            tensors, exact, labels = {"distances": d, "same": same.to(torch.uint8)}, d.double().numpy(), same.numpy().astype(bool)
            recorder.metric("verification-accuracy", f"{name}-{kind}", {"folds": fold_accuracies(exact, labels, 10)}, tensors)
            recorder.metric("auc", f"{name}-{kind}", {"auc": sklearn_metrics.roc_auc_score(labels, -exact)}, tensors)
            for far in [0.0, 1e-3, 0.1, 0.5]:
                recorder.metric("val-at-far", f"{name}-{kind}-{far}", {"val": val_at_far(exact, labels, far)}, tensors, {"far": far})


def retrievals(recorder):
    for name, (count, size, classes) in {"few": (9, 3, 4), "many": (90, 12, 11)}.items():
        labels, embeddings = integers(0, classes, count, key=("r", name)), normal(count, size, key=("r", name))
        far = distance.squareform(distance.pdist(embeddings.double().numpy()))
        nearest, precisions = [], []
        for i in range(count):
            others = np.arange(count) != i
            right = (labels == labels[i]).numpy()[others]
            if right.any():
                nearest.append(right[np.argmin(far[i][others])])
                precisions.append(sklearn_metrics.average_precision_score(right, -far[i][others]))
        recorder.metric("retrieval", name, {"precision-at-1": np.mean(nearest), "mean-average-precision": np.mean(precisions),
                                            "queries": len(nearest)}, {"embeddings": embeddings, "labels": labels})


def frechet(a, b):
    root = linalg.sqrtm(np.cov(a.T) @ np.cov(b.T))
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(np.cov(a.T) + np.cov(b.T)) - 2 * np.real(np.trace(root))


def frechet_singular(a, b):
    """For fewer vectors than dimensions, where sqrtm fails: the trace of the root is the nuclear norm of the product of
    the centred vectors."""
    centre = lambda x: (x - x.mean(0)) / np.sqrt(len(x) - 1)
    a0, b0 = centre(a), centre(b)
    nuclear = np.linalg.svd(a0 @ b0.T, compute_uv=False).sum()
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + (a0**2).sum() + (b0**2).sum() - 2 * nuclear


def unbiased_discrepancy(a, b):
    kernel = lambda x, y: polynomial_kernel(x, y, degree=3, gamma=1 / x.shape[1], coef0=1)
    within = lambda x: (kernel(x, x).sum() - np.trace(kernel(x, x))) / (len(x) * (len(x) - 1))
    return within(a) + within(b) - 2 * kernel(a, b).mean()


def distributions(recorder):
    for name, (n, m, size) in {"many": (60, 70, 5), "singular": (6, 8, 20), "equal-sizes": (31, 31, 3), "one-dimension": (9, 5, 1)}.items():
        real, fake = normal(n, size, key=("d", name)), normal(m, size, key=("e", name), scale=1.3) + 0.4
        a, b = real.double().numpy(), fake.double().numpy()
        pair = {"real": real, "fake": fake}
        found = frechet_singular(a, b)
        if name == "many":
            agree(found, frechet(a, b), "frechet")
        recorder.metric("frechet-distance", name, {"distance": found}, pair)
        recorder.metric("kernel-distance", name, {"distance": unbiased_discrepancy(a, b)}, pair)
        along = F.normalize(normal(20, size, key=("along", name)), dim=1)
        sliced = np.mean([stats.wasserstein_distance(a @ u, b @ u) for u in along.double().numpy()])
        recorder.metric("sliced-wasserstein", name, {"distance": sliced}, pair | {"directions": along})
        recorder.metric("mean-pairwise-distance", name, {"distance": distance.pdist(a).mean()}, {"real": real})


def halve(picture):
    """The reduction of Karras et al.'s pyramid: a binomial blur, mirrored at the border, then every second pixel."""
    binomial = np.array([1, 4, 6, 4, 1]) / 16
    blurred = ndimage.convolve(picture, np.outer(binomial, binomial), mode="mirror")
    return blurred[::2, ::2]


def pyramids(recorder):
    """Pictures whose coarsest level is 7x7 have one patch there, the level itself: the program's random places have no say.
    `coarsest-...` are these patches normalised, channels last; the distance itself is that of sliced-wasserstein."""
    for name, (count, channels, side) in {"one-level": (6, 3, 7), "two-levels": (5, 2, 14), "odd": (4, 1, 13)}.items():
        tensors = {key: uniform(count, channels, side, side, key=(name, key)) for key in ["real", "fake"]}
        for key in ["real", "fake"]:
            level = tensors[key].double().numpy()
            if side > 7:
                level = np.stack([[halve(plane) for plane in picture] for picture in level])
            level = (level - level.mean((0, 2, 3), keepdims=True)) / level.std((0, 2, 3), keepdims=True)
            tensors[f"coarsest-{key}"] = torch.from_numpy(level.transpose(0, 2, 3, 1).reshape(count, -1)).float()
        recorder.metric("pyramid-wasserstein", name, {}, tensors)


if __name__ == "__main__":
    recorder = MetricRecorder("metrics")
    for group in [pictures, segmentations, verifications, retrievals, distributions, pyramids]:
        group(recorder)
    recorder.write()
