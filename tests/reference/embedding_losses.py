"""contrastive, triplet, triplet-batch."""

import torch
import torch.nn.functional as F
from pytorch_metric_learning import distances, losses, miners, reducers

from recorder import agree, integers, normal, reduce, root


def squared_distance(a, b):
    return ((a - b) ** 2).sum(-1)


def contrastive(a, b, same, margin=1.0, half=False, reduction="mean"):
    d2 = squared_distance(a, b)
    value = torch.where(same != 0, d2, F.relu(margin - root(d2)) ** 2)
    return reduce(value * (0.5 if half else 1.0), reduction)


def triplet(anchor, positive, negative, margin=0.2, squared=True, soft=False, reduction="mean"):
    length = (lambda d: d) if squared else root
    difference = length(squared_distance(anchor, positive)) - length(squared_distance(anchor, negative))
    return reduce(F.softplus(difference) if soft else F.relu(difference + margin), reduction)


def triplet_batch(embeddings, labels, mining="semi-hard", margin=0.2, squared=True, fallback="skip", reduction="active"):
    """The loss from all N^3 triplets written out. Distance-weighted mining is not here: where more than one negative
    may be drawn, its value is a matter of luck."""
    d = squared_distance(embeddings.unsqueeze(1), embeddings.unsqueeze(0))
    d = d if squared else root(d)
    count = len(labels)
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    positive, negative = same & ~torch.eye(count, dtype=torch.bool), ~same
    zero = 0.0 * embeddings.sum()
    if mining == "all":
        valid = positive.unsqueeze(2) & negative.unsqueeze(1)
        value = F.relu(d.unsqueeze(2) - d.unsqueeze(1) + margin)[valid]
        counted = (value > 0).sum() if reduction == "active" else len(value)
        return value.sum() / counted if counted > 0 else zero
    values = []
    for a in range(count):
        near, far = d[a][negative[a]], d[a][positive[a]]
        if len(near) == 0 or len(far) == 0:
            continue
        if mining == "hard":
            values.append(F.relu(far.max() - near.min() + margin))
            continue
        for d_ap in far:
            band = near[(near > d_ap) & (near < d_ap + margin)]
            if len(band) > 0:
                values.append(d_ap - band.min() + margin)
            elif fallback != "skip":
                values.append(F.relu(d_ap - (near.min() if fallback == "hardest" else near.max()) + margin))
    return torch.stack(values).mean() if values else zero


def pairs(recorder):
    for name, (count, size) in {"one-element": (1, 1), "odd": (7, 5), "wide": (3, 33)}.items():
        tensors = {"a": normal(count, size, key=("c", 1), scale=0.5), "b": normal(count, size, key=("c", 2), scale=0.5),
                   "same": integers(0, 2, count, key="c").to(torch.uint8)}
        for case, options, arguments in [("plain", {}, {}), ("half", {"half": "true"}, {"half": True}),
                                         ("margin", {"margin": 2.5}, {"margin": 2.5}),
                                         ("sum", {"reduction": "sum"}, {"reduction": "sum"}),
                                         ("none", {"reduction": "none"}, {"reduction": "none"})]:
            recorder.case("contrastive", f"{name}-{case}", lambda **t: contrastive(**t, **arguments), tensors, options)
    point = normal(4, 3, key="point")
    recorder.case("contrastive", "identical", contrastive,
                  {"a": point, "b": point.clone(), "same": torch.tensor([0, 1, 0, 1])})


def triplets(recorder):
    for name, (count, size) in {"one-element": (1, 1), "odd": (7, 5), "wide": (3, 33)}.items():
        scale = 1 / size**0.5
        tensors = {key: normal(count, size, key=("t", key), scale=scale) for key in ["anchor", "positive", "negative"]}
        for case, options, arguments in [
            ("plain", {}, {}), ("plain-l2", {"squared": "false"}, {"squared": False}),
            ("margin", {"margin": 1.5}, {"margin": 1.5}), ("soft", {"soft-margin": "true"}, {"soft": True}),
            ("soft-l2", {"soft-margin": "true", "squared": "false"}, {"soft": True, "squared": False}),
            ("sum", {"reduction": "sum"}, {"reduction": "sum"}), ("none", {"reduction": "none"}, {"reduction": "none"}),
        ]:
            value = recorder.case("triplet", f"{name}-{case}", lambda **t: triplet(**t, **arguments), tensors, options)
            if case == "plain-l2":
                library = F.triplet_margin_loss(*[x.double() for x in tensors.values()], margin=0.2, eps=0.0)
                agree(value.detach(), library, "triplet")
    point = normal(4, 3, key="point")
    for squared in ["true", "false"]:
        recorder.case("triplet", f"identical-{squared}", lambda **t: triplet(**t, squared=squared == "true"),
                      {"anchor": point, "positive": point.clone(), "negative": point.clone()}, {"squared": squared})


def clusters(labels, size, key, spread):
    """Unit embeddings: noise around a centre for each identity."""
    centres = normal(int(labels.max()) + 1, size, key=(key, "centre"))
    return F.normalize(centres[labels] + spread * normal(len(labels), size, key=(key, "noise")), dim=1)


def batches(recorder):
    variants = {
        "all-active": {"mining": "all"}, "all-valid": {"mining": "all", "reduce": "valid"}, "hard": {"mining": "hard"},
        "semi-hard": {"mining": "semi-hard"}, "semi-hard-hardest": {"mining": "semi-hard", "fallback": "hardest"},
        "semi-hard-largest": {"mining": "semi-hard", "fallback": "largest"},
    }
    sets = {
        "balanced": (torch.arange(15) % 5, 6, 0.8), "uneven": (torch.tensor([3, 3, 0, 3, 8, 8, 1, 3, 0, 8, 8]), 33, 1.0),
        "two": (torch.arange(9) // 5, 2, 1.5),
    }
    for name, (labels, size, spread) in sets.items():
        embeddings = clusters(labels, size, name, spread)
        for case, options in variants.items():
            for squared in [True, False]:
                for margin in [0.2, 1.0] if squared else [0.2]:
                    arguments = {"mining": options["mining"], "fallback": options.get("fallback", "skip"),
                                 "reduction": options.get("reduce", "active"), "squared": squared, "margin": margin}
                    given = options | ({} if squared else {"squared": "false"}) | ({} if margin == 0.2 else {"margin": margin})
                    tensors = {"embeddings": embeddings, "labels": labels}
                    value = recorder.case("triplet-batch", f"{name}-{case}{'' if squared else '-l2'}-{margin}",
                                          lambda **t: triplet_batch(**t, **arguments), tensors, given)
                    with_library(embeddings.double(), labels, arguments, value.detach())
    scaled = {"embeddings": 3 * clusters(sets["uneven"][0], 5, "scaled", 0.5), "labels": sets["uneven"][0]}
    point, labels = torch.full((6, 4), 0.5), torch.tensor([0, 0, 1, 1, 2, 2])
    edges = {
        "not-normalised": scaled, "identical": {"embeddings": point, "labels": labels},
        "one-identity": {"embeddings": normal(5, 3, key="one"), "labels": torch.full((5,), 4)},
        "no-positive": {"embeddings": normal(5, 3, key="no"), "labels": torch.arange(5)},
        "one-element": {"embeddings": normal(1, 1, key="single"), "labels": torch.zeros(1, dtype=torch.int64)},
    }
    for name, tensors in edges.items():
        for case, options in variants.items():
            for squared in [True, False]:
                arguments = {"mining": options["mining"], "fallback": options.get("fallback", "skip"),
                             "reduction": options.get("reduce", "active"), "squared": squared}
                recorder.case("triplet-batch", f"{name}-{case}{'' if squared else '-l2'}",
                              lambda **t: triplet_batch(**t, **arguments), tensors,
                              options | ({} if squared else {"squared": "false"}))
    # Two of one identity and one of another: each anchor has one negative to draw, so luck has no say.
    only = {"embeddings": clusters(torch.tensor([0, 0, 1]), 4, "only", 0.6), "labels": torch.tensor([0, 0, 1])}
    near = F.normalize(only["embeddings"] + 0.5, dim=1)
    recorder.case("triplet-batch", "distance-weighted", lambda **t: triplet_batch(**t, fallback="hardest", margin=0.9),
                  only | {"embeddings": near}, {"mining": "distance-weighted", "margin": 0.9})


def with_library(embeddings, labels, arguments, value):
    """pytorch-metric-learning agrees on all triplets and on batch-hard; its semi-hard averages over every negative of the
    band, and so is another loss."""
    power = 2 if arguments["squared"] else 1
    distance = distances.LpDistance(normalize_embeddings=False, p=2, power=power)
    mined = None
    if arguments["mining"] == "hard":
        # Its miner compares by plain distance; the order is the same.
        mined = miners.BatchHardMiner(distance=distances.LpDistance(normalize_embeddings=False))(embeddings, labels)
    elif arguments["mining"] == "semi-hard":
        return
    average = arguments["mining"] == "all" and arguments["reduction"] == "active"
    reducer = reducers.AvgNonZeroReducer() if average else reducers.MeanReducer()
    loss = losses.TripletMarginLoss(margin=arguments["margin"], distance=distance, reducer=reducer)
    library = loss(embeddings, labels, mined)
    agree(value, library, f"triplet-batch {arguments}", 1e-4)


def record(recorder):
    pairs(recorder)
    triplets(recorder)
    batches(recorder)
