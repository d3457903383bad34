"""Twenty updates of each GAN loss in PyTorch: the losses that the gan trainer must give from the same weights, noise and
batches.

    pip install torch
    python tests/reference/gan_steps.py        # writes gan_steps.json beside this file

Everything that goes in is made by `uniform`, an integer hash both sides compute, so only the losses are stored. Nets are
those of PyTorch's DCGAN example with their sizes cut down; the loop is its loop, and for WGAN that of the paper's
algorithm 1.

Seeds are chosen by stable.py. A clipped critic's hundred updates at 64 pixels have no stable seed among a hundred, so WGAN is held at
28 pixels alone, and there by one float32 run.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from stable import case, moved, uniform, write


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
                p.copy_(moved(0.1 * uniform(seed + n, *p.shape), seed + n + 500, rounding))
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


def held(name, **shape):
    run_at = lambda seed, rounding: run(name, seed, **shape, rounding=rounding)
    seed, losses = case(f"{name} {shape['size']} px", run_at, runs=1 if name == "wgan" else 4)
    return {"loss": name, "seed": seed, **shape, **losses}


def main():
    torch.set_num_threads(1)
    shapes = (dict(size=28, channels=1, width=8, noise=16, batch=8), dict(size=64, channels=3, width=2, noise=8, batch=8))
    names = ("minmax", "ns", "ls", "wgan")
    cases = [held(name, **shape) for shape in shapes for name in names if shape["size"] == 28 or name != "wgan"]
    write(__file__, cases)


if __name__ == "__main__":
    main()
