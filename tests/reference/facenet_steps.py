"""Ten updates of FaceNet's small net in PyTorch: the losses that the facenet trainer must give from the same weights and
batches.

    pip install torch
    python tests/reference/facenet_steps.py        # writes facenet_steps.json beside this file

Everything that goes in is made by `uniform`, an integer hash both sides compute, so only the losses are stored. Minings are
written down plainly, pair by pair. `chunks` is how often the batch is cut: each part has batch norms of its own, as in the
trainer's two passes.

Rounding moves which triplets are mined, too. Seeds are chosen by stable.py.
"""
import torch
import torch.nn.functional as F

from nets import FaceNetSmall
from stable import case, moved, uniform, write

WIDTH, DIMENSIONS, SIZE, PEOPLE, FACES, MARGIN, UPDATES = 4, 16, 32, 4, 3, 0.2, 10


def set_weights(net, seed, rounding):
    """Filters uniform with He's deviation, the linear layer's with 1 / inputs, scales of norms 1 +- 0.1, the rest 0; each
    filter weight moved by up to `rounding`."""
    for n, (name, p) in enumerate(net.named_parameters()):
        with torch.no_grad():
            numbers = uniform(seed + n, *p.shape)
            if p.dim() == 4:
                p.copy_(moved(numbers * (6 / p[0].numel()) ** 0.5, seed + n + 500, rounding))
            elif p.dim() == 2:
                p.copy_(numbers * (3 / p.shape[1]) ** 0.5)
            elif name.endswith("weight"):
                p.copy_(1 + 0.1 * numbers)
            else:
                p.zero_()


def distances(e, squared):
    d = (e[:, None] - e[None]).square().sum(-1)
    # The root's derivative is infinite at 0, where a picture is compared with itself.
    return d if squared else (d + torch.eye(len(e)).to(d)).sqrt()


def losses_of(mining, e, labels, squared):
    """The loss of each triplet mined."""
    d, n = distances(e, squared), len(labels)
    same = [[i != j and labels[i] == labels[j] for j in range(n)] for i in range(n)]
    negatives = [[j for j in range(n) if labels[i] != labels[j]] for i in range(n)]
    found = []
    for a in range(n):
        positives = [p for p in range(n) if same[a][p]]
        if mining == "batch-hard":
            found.append(max(d[a, p] for p in positives) - min(d[a, m] for m in negatives[a]) + MARGIN)
            continue
        for p in positives:
            if mining == "batch-all":
                found += [d[a, p] - d[a, m] + MARGIN for m in negatives[a]]
            else:
                band = [d[a, m] for m in negatives[a] if d[a, p] < d[a, m] < d[a, p] + MARGIN]
                found += [d[a, p] - min(band) + MARGIN] if band else []
    return F.relu(torch.stack(found))


def run(mining, optimiser, rate, squared, chunks, seed, rounding=0):
    net = FaceNetSmall(WIDTH, DIMENSIONS)
    set_weights(net, seed, rounding)
    optimiser = {"adam": torch.optim.Adam, "adagrad": torch.optim.Adagrad}[optimiser](net.parameters(), rate)
    labels = [i // FACES for i in range(PEOPLE * FACES)]
    record = []
    for update in range(UPDATES):
        # The batch is given in channels-last order, as the trainer's loader gives it.
        x = uniform(seed + 5000 + update, len(labels), SIZE, SIZE, 3).permute(0, 3, 1, 2)
        embedded = torch.empty(len(labels), DIMENSIONS)
        for first in range(chunks):
            embedded[first::chunks] = net(x[first::chunks])
        each = losses_of(mining, embedded, labels, squared)
        # Over the triplets with a loss, where all are taken; else over those that were chosen.
        loss = each.sum() / (each > 0).sum() if mining == "batch-all" else each.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        record.append(loss.item())
    return {"losses": record}


def held(**options):
    seed, losses = case(options, lambda seed, rounding: run(seed=seed, **options, rounding=rounding))
    return {**options, "seed": seed, **losses}


def main():
    torch.set_num_threads(1)
    adam, adagrad = dict(optimiser="adam", rate=1e-3), dict(optimiser="adagrad", rate=1e-3)
    cases = [
        held(mining="semi-hard", **adam, squared=True, chunks=1),
        held(mining="semi-hard", **adam, squared=True, chunks=2),
        held(mining="semi-hard", **adagrad, squared=True, chunks=1),
        held(mining="batch-hard", **adam, squared=False, chunks=1),
        held(mining="batch-all", **adam, squared=True, chunks=1),
    ]
    sizes = dict(width=WIDTH, dimensions=DIMENSIONS, size=SIZE, people=PEOPLE, faces=FACES, margin=MARGIN)
    write(__file__, {**sizes, "cases": cases})


if __name__ == "__main__":
    main()
