"""gan-minmax, gan-ns, gan-ls, gan-wgan, gan-hinge."""

import torch
import torch.nn.functional as F

from recorder import normal


def discriminator(loss, real, fake, smoothing=0.0, a=0.0, b=1.0):
    """What the discriminator, or critic, minimises. `smoothing` takes the real pictures' target from 1 to 1 - smoothing."""
    if loss in ["gan-minmax", "gan-ns"]:
        on_real = -(1 - smoothing) * F.logsigmoid(real) - smoothing * F.logsigmoid(-real)
        return on_real.mean() - F.logsigmoid(-fake).mean()
    if loss == "gan-ls":
        return 0.5 * ((real - (b - smoothing)) ** 2).mean() + 0.5 * ((fake - a) ** 2).mean()
    if loss == "gan-wgan":
        return fake.mean() - real.mean()
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator(loss, fake, c=1.0):
    """What the generator minimises."""
    return {
        "gan-minmax": lambda: F.logsigmoid(-fake).mean(), "gan-ns": lambda: -F.logsigmoid(fake).mean(),
        "gan-ls": lambda: 0.5 * ((fake - c) ** 2).mean(), "gan-wgan": lambda: -fake.mean(),
        "gan-hinge": lambda: -fake.mean(),
    }[loss]()


def record(recorder):
    for loss in ["gan-minmax", "gan-ns", "gan-ls", "gan-wgan", "gan-hinge"]:
        for name, shape in {"one-element": (1, 1), "batch": (7,), "patches": (2, 1, 5, 3)}.items():
            real, fake = normal(*shape, key=(loss, "r"), scale=2.0), normal(*shape, key=(loss, "f"), scale=2.0)
            both = {"real": real, "fake": fake}
            recorder.case(loss, f"{name}-d", lambda real, fake: discriminator(loss, real, fake), both, {"side": "d"})
            recorder.case(loss, f"{name}-g", lambda fake: generator(loss, fake), {"fake": fake}, {"side": "g"})
            if loss in ["gan-minmax", "gan-ns", "gan-ls"]:
                recorder.case(loss, f"{name}-smoothing", lambda real, fake: discriminator(loss, real, fake, 0.1), both,
                              {"side": "d", "label-smoothing": 0.1})
        sizes = {"real": normal(5, 1, key=(loss, 5)), "fake": normal(3, 1, key=(loss, 3))}
        recorder.case(loss, "other-size", lambda real, fake: discriminator(loss, real, fake), sizes, {"side": "d"})
        huge = torch.tensor([[1e4], [-1e4], [1e4]])
        recorder.case(loss, "huge-d", lambda real, fake: discriminator(loss, real, fake), {"real": huge, "fake": huge.clone()},
                      {"side": "d"})
        recorder.case(loss, "huge-g", lambda fake: generator(loss, fake), {"fake": huge}, {"side": "g"})
    both = {"real": normal(4, 1, key="ls"), "fake": normal(4, 1, key="lsf")}
    recorder.case("gan-ls", "targets-d", lambda real, fake: discriminator("gan-ls", real, fake, 0.0, -1.0, 0.9), both,
                  {"side": "d", "a": -1, "b": 0.9})
    recorder.case("gan-ls", "targets-g", lambda fake: generator("gan-ls", fake, 0.25), {"fake": both["fake"]},
                  {"side": "g", "c": 0.25})
