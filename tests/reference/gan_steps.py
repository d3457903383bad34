"""Twenty updates of each GAN loss in PyTorch: the losses that the gan trainer must give from the same weights, noise and
batches.

    pip install torch
    python tests/reference/gan_steps.py        # writes gan_steps.json beside this file

Everything that goes in is made by `uniform`, an integer hash both sides compute, so only the losses are stored. Nets are
those of PyTorch's DCGAN example with their sizes cut down; the loop is its loop, and for WGAN that of the paper's
algorithm 1.

The first steps of Adam and RMSprop are signs of gradients: where one gradient among thousands is zero to rounding, its
weight moves by a whole step either way, and twenty updates later PyTorch's own float32 losses are 1e-2 from its float64
ones. Such a run tests nothing, so each case takes the first seed whose float64 losses four float32 runs agree with to
3e-5, three of them from weights moved by one to three roundings. A clipped critic's hundred updates at 64 pixels have no such seed
among a hundred, so WGAN is held at 28 pixels alone, and there by one float32 run.
"""
import json
import pathlib

import torch
import torch.nn as nn
import torch.nn.functional as F

MASK = 0xFFFFFFFF


def uniform(seed, *shape):
    """Numbers in [-1, 1) from an integer hash of (seed, index), float32."""
    n = 1
    for s in shape:
        n *= s
    x = (torch.arange(n, dtype=torch.int64) * 2654435761 + seed * 40503 + 12345) & MASK
    for _ in range(2):
        x = x ^ (x >> 16)
        x = (x * 0x45D9F3B) & MASK
    x = x ^ (x >> 16)
    return ((x.double() / 2**32).float() * 2 - 1).reshape(shape).to(torch.get_default_dtype())


def generator(size, channels, width, noise):
    end = 7 if size == 28 else 4
    maps = [width << i for i in range((size // end).bit_length() - 1)][::-1]
    layers, c = [], noise
    for i, m in enumerate(maps):
        k, s, p = (end, 1, 0) if i == 0 else (4, 2, 1)
        layers += [nn.ConvTranspose2d(c, m, k, s, p, bias=False), nn.BatchNorm2d(m), nn.ReLU()]
        c = m
    return nn.Sequential(*layers, nn.ConvTranspose2d(c, channels, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(size, channels, width):
    end = 7 if size == 28 else 4
    maps = [width << i for i in range((size // end).bit_length() - 1)]
    layers, c = [], channels
    for i, m in enumerate(maps):
        layers += [nn.Conv2d(c, m, 4, 2, 1, bias=False)] + ([nn.BatchNorm2d(m)] if i else []) + [nn.LeakyReLU(0.2)]
        c = m
    return nn.Sequential(*layers, nn.Conv2d(c, 1, end, 1, 0, bias=False), nn.Flatten(0))


def set_weights(net, seed, rounding):
    """Filters uniform in +-0.1, scales of norms 1 +- 0.1, shifts 0; each filter weight moved by up to `rounding`."""
    for n, (name, p) in enumerate(net.named_parameters()):
        with torch.no_grad():
            if p.dim() == 4:
                p.copy_(0.1 * uniform(seed + n, *p.shape) * (1 + 6e-8 * rounding * uniform(seed + n + 500, *p.shape).sign()))
            elif name.endswith("weight"):
                p.copy_(1 + 0.1 * uniform(seed + n, *p.shape))
            else:
                p.zero_()


def losses(name, real, fake):
    d = {
        "minmax": lambda: F.softplus(-real).mean() + F.softplus(fake).mean(),
        "ns": lambda: F.softplus(-real).mean() + F.softplus(fake).mean(),
        "ls": lambda: 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean(),
        "wgan": lambda: fake.mean() - real.mean(),
    }
    return d[name]()


def generator_loss(name, fake):
    g = {
        "minmax": lambda: -F.softplus(fake).mean(),
        "ns": lambda: F.softplus(-fake).mean(),
        "ls": lambda: 0.5 * ((fake - 1) ** 2).mean(),
        "wgan": lambda: -fake.mean(),
    }
    return g[name]()


def run(name, seed, size, channels, width, noise, batch, rounding=0, updates=20):
    g, d = generator(size, channels, width, noise), discriminator(size, channels, width)
    set_weights(g, seed + 1000, rounding)
    set_weights(d, seed + 2000, rounding)
    draws = iter(range(seed, seed + 10_000))
    z = lambda: 1.7 * uniform(50_000 + next(draws), batch, noise, 1, 1)
    # The batch is given in channels-last order, as the trainer's loader gives it.
    real = lambda: uniform(70_000 + next(draws), batch, size, size, channels).permute(0, 3, 1, 2)
    record = {"d": [], "g": []}
    if name == "wgan":
        og, od = (torch.optim.RMSprop(m.parameters(), 5e-5) for m in (g, d))
    else:
        og, od = (torch.optim.Adam(m.parameters(), 2e-4, (0.5, 0.999)) for m in (g, d))

    def update_d(fake):
        od.zero_grad()
        loss = losses(name, d(real()), d(fake))
        loss.backward()
        od.step()
        record["d"].append(loss.item())

    def update_g(fake):
        og.zero_grad()
        loss = generator_loss(name, d(fake))
        loss.backward()
        og.step()
        record["g"].append(loss.item())

    for _ in range(updates):
        if name == "wgan":
            for _ in range(5):
                with torch.no_grad():
                    fake = g(z())
                update_d(fake)
                with torch.no_grad():
                    for p in d.parameters():
                        p.clamp_(-0.01, 0.01)
            update_g(g(z()))
        else:
            fake = g(z())
            update_d(fake.detach())
            update_g(fake)
    return record


def case(name, **shape):
    """The first seed whose float32 and float64 losses agree, and its losses."""
    for seed in range(0, 10_000_000, 100_000):
        torch.set_default_dtype(torch.float64)
        exact = run(name, seed, **shape)
        torch.set_default_dtype(torch.float32)
        difference = 0.0
        for rounding in range(1 if name == "wgan" else 4):
            found = run(name, seed, **shape, rounding=rounding)
            single = single if rounding else found
            difference = max(difference, *(abs(a - b) / abs(b) for side in "dg" for a, b in zip(found[side], exact[side])))
            if difference >= 3e-5:
                break
        print(f"{name} {shape['size']} px, seed {seed}: float32 and float64 differ by {difference:.0e}", flush=True)
        if difference < 3e-5:
            return {"loss": name, "seed": seed, **shape, **single}
    raise SystemExit(f"{name}: no seed is stable")


def main():
    torch.set_num_threads(1)
    shapes = (dict(size=28, channels=1, width=8, noise=16, batch=8), dict(size=64, channels=3, width=2, noise=8, batch=8))
    names = ("minmax", "ns", "ls", "wgan")
    cases = [case(name, **shape) for shape in shapes for name in names if shape["size"] == 28 or name != "wgan"]
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(cases, separators=(",", ":")).replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
