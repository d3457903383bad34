"""Ten updates of CycleGAN in PyTorch: the losses that the cyclegan trainer must give from the same weights and pictures.

    pip install torch
    python tests/reference/cyclegan_steps.py        # writes cyclegan_steps.json beside this file

Everything that goes in is made by `uniform`, an integer hash both sides compute, so only the losses are stored. The nets are
those of nets.py with their sizes cut down; the loop is that of the paper's section 4 and of the authors' code: both
generators first with the discriminators as constants, then both discriminators with halved losses, Adam, a learning rate
that is constant and then falls along a line. In place of the pool, whose choices are random, the discriminators see the
translations of step n at even steps and those of step n // 2 at odd ones.

Seeds are chosen by stable.py.
"""
import itertools

import torch
import torch.nn.functional as F

from nets import patch_discriminator, resnet_generator
from stable import case, moved, uniform, write

UPDATES, CONSTANT, DECAY = 10, 4, 8
LAMBDA = 10.0


def set_weights(net, seed, rounding):
    """Filters uniform in +-0.1, biases 0; each weight moved by up to `rounding`."""
    for n, p in enumerate(net.parameters()):
        with torch.no_grad():
            if p.dim() == 4:
                p.copy_(moved(0.1 * uniform(seed + n, *p.shape), seed + n + 500, rounding))
            else:
                p.zero_()


FOOL = {
    "ls": lambda s: ((s - 1) ** 2).mean(),
    "ns": lambda s: F.softplus(-s).mean(),
    "hinge": lambda s: -s.mean(),
}
TELL = {
    "ls": lambda r, f: 0.5 * (((r - 1) ** 2).mean() + (f**2).mean()),
    "ns": lambda r, f: 0.5 * (F.softplus(-r).mean() + F.softplus(f).mean()),
    "hinge": lambda r, f: 0.5 * (F.relu(1 - r).mean() + F.relu(1 + f).mean()),
}


def run(seed, loss, size, width, blocks, layers, upsample, batch, identity, rounding=0):
    to_b, to_a = (resnet_generator(blocks, width, 3, upsample) for _ in range(2))
    of_a, of_b = (patch_discriminator(width, 3, layers) for _ in range(2))
    for number, net in enumerate((to_b, to_a, of_a, of_b)):
        set_weights(net, seed + 1000 * (number + 1), rounding)
    adam = lambda *nets: torch.optim.Adam(itertools.chain(*(n.parameters() for n in nets)), 2e-4, (0.5, 0.999))
    og, od = adam(to_b, to_a), adam(of_a, of_b)
    fool, tell = FOOL[loss], TELL[loss]
    # Channels last, as the trainer's loader gives pictures.
    picture = lambda n: uniform(seed + n, batch, size, size, 3).permute(0, 3, 1, 2)
    names = ["loss", "adversarial_a", "adversarial_b", "cycle_a", "cycle_b", "identity_a", "identity_b", "judged_a", "judged_b"]
    record, made = {name: [] for name in names}, []
    for step in range(UPDATES):
        for optimiser in (og, od):
            optimiser.param_groups[0]["lr"] = 2e-4 * (1 - max(0, step - CONSTANT) / DECAY)
        a, b = picture(50_000 + step), picture(70_000 + step)
        told = {}
        fake_b, fake_a = to_b(a), to_a(b)
        if identity:
            told["identity_a"] = identity * LAMBDA * F.l1_loss(to_a(a), a)
            told["identity_b"] = identity * LAMBDA * F.l1_loss(to_b(b), b)
        told["adversarial_a"], told["adversarial_b"] = fool(of_a(fake_a)), fool(of_b(fake_b))
        told["cycle_a"], told["cycle_b"] = LAMBDA * F.l1_loss(to_a(fake_b), a), LAMBDA * F.l1_loss(to_b(fake_a), b)
        og.zero_grad()
        total = sum(told.values())
        total.backward()
        og.step()
        made.append((fake_a.detach(), fake_b.detach()))
        old_a, old_b = made[step if step % 2 == 0 else step // 2]
        od.zero_grad()
        told["judged_a"], told["judged_b"] = tell(of_a(a), of_a(old_a)), tell(of_b(b), of_b(old_b))
        (told["judged_a"] + told["judged_b"]).backward()
        od.step()
        told["loss"] = total
        for name, value in told.items():
            record[name].append(value.item())
    return {name: values for name, values in record.items() if values}


def held(**options):
    seed, losses = case(options, lambda seed, rounding: run(seed, **options, rounding=rounding))
    return {"seed": seed, **options, "record": losses}


def main():
    torch.set_num_threads(1)
    small = dict(size=32, width=4, blocks=2, layers=3, upsample="deconv", batch=1)
    cases = [
        held(loss="ls", identity=0.0, **small),
        held(loss="ls", identity=0.5, **{**small, "batch": 2, "size": 40}),
        held(loss="ns", identity=0.0, **{**small, "upsample": "resize", "blocks": 1, "layers": 2}),
        held(loss="hinge", identity=0.5, **{**small, "layers": 1}),
    ]
    write(__file__, cases)


if __name__ == "__main__":
    main()
