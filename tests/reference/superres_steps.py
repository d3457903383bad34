"""Ten updates of Johnson's networks in PyTorch: the losses that the superres trainer must give from the same weights and batches.

    pip install -r tests/reference/requirements.txt
    python tests/reference/superres_steps.py        # writes superres_steps.json beside this file

Everything that goes in is made by `uniform`, an integer hash both sides compute, so only the losses are stored. VGG-19 has the weights
of vgg.py and is run in float64 in every case, whatever the network is run in. Of the discriminator's case, `losses` are the network's and
`discriminator` its opponent's.

Seeds are chosen by stable.py.
"""
import torch
import torch.nn.functional as F

from nets import patch_discriminator, super_resolution, transform
from stable import case, moved, uniform, write
from vgg import features

BATCH, LOW, SCALE, WIDTH = 2, 10, 4, 4
STYLE_SIZE = 24
CASES = {
    "mse": {},
    "perceptual": {"loss": "perceptual"},
    "perceptual+gan": {"loss": "perceptual", "gan": 0.01},
    # Ten steps of 1e-3 through so many norms part by more than rounding.
    "style": {"loss": "style", "rate": 1e-4},
}
CONTENT = "relu3_3"
STYLE = ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]
STYLE_WEIGHT, TV = 5.0, 1e-5


def set_weights(net, seed, rounding):
    """Filters uniform in +-0.2, scales of norms 1 +- 0.1, other numbers +-0.1; each filter weight moved by up to `rounding`."""
    for n, (name, p) in enumerate(net.named_parameters()):
        with torch.no_grad():
            if p.dim() == 4:
                p.copy_(moved(0.2 * uniform(seed + n, *p.shape), seed + n + 500, rounding))
            elif name.endswith("weight"):
                p.copy_(1 + 0.1 * uniform(seed + n, *p.shape))
            else:
                p.copy_(0.1 * uniform(seed + n, *p.shape))


def pictures(seed, side):
    """Channels last, as the trainer's loader gives them."""
    return uniform(seed, BATCH, side, side, 3).permute(0, 3, 1, 2)


def seen(x, layers):
    return features(x.double(), layers, images="signed")


def gram(x):
    n, c, h, w = x.shape
    x = x.reshape(n, c, h * w)
    return x @ x.transpose(1, 2) / (c * h * w)


def objective(made, wanted, loss, grams):
    """Johnson et al. 2016, equations 2 to 4; total variation as the sum of absolute differences of each picture."""
    if loss == "mse":
        return ((made - wanted) ** 2).mean()
    if loss == "perceptual":
        a, b = (seen(x, ["relu2_2"])[0] for x in (made, wanted))
        return ((a - b) ** 2).mean()
    maps = seen(made, STYLE)
    content = ((seen(made, [CONTENT])[0] - seen(wanted, [CONTENT])[0]) ** 2).mean()
    style = sum(((gram(x) - g) ** 2).sum((1, 2)).mean() for x, g in zip(maps, grams))
    tv = made.diff(dim=2).abs().sum() + made.diff(dim=3).abs().sum()
    return content + STYLE_WEIGHT * style + TV * tv / len(made)


def run(seed, loss="mse", gan=0.0, rate=1e-3, rounding=0, updates=10):
    painting = loss == "style"
    net = transform(WIDTH) if painting else super_resolution(SCALE, WIDTH, 2)
    set_weights(net, seed + 1000, rounding)
    optimiser = torch.optim.Adam(net.parameters(), rate)
    judge = patch_discriminator(WIDTH, 3, 1)
    set_weights(judge, seed + 3000, rounding)
    judging = torch.optim.Adam(judge.parameters(), 1e-4)
    style = uniform(seed + 9000, 1, STYLE_SIZE, STYLE_SIZE, 3).permute(0, 3, 1, 2)
    grams = [gram(x).detach() for x in seen(style, STYLE)] if painting else None
    losses, opponents = [], []
    for update in range(updates):
        wanted = pictures(seed + 70_000 + update, LOW * SCALE)
        shown = wanted if painting else pictures(seed + 50_000 + update, LOW)
        made = net(shown)
        value = objective(made, wanted, loss, grams)
        if gan:
            value = value + gan * F.softplus(-judge(made)).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(value.item())
        if gan:
            # The network's update left gradients here too.
            judging.zero_grad()
            value = F.softplus(-judge(wanted)).mean() + F.softplus(judge(made.detach())).mean()
            value.backward()
            judging.step()
            opponents.append(value.item())
    return {"losses": losses, "discriminator": opponents}


def held(name, options):
    seed, losses = case(name, lambda seed, rounding: run(seed, **options, rounding=rounding))
    return {"case": name, "seed": seed, **losses}


def main():
    torch.set_num_threads(1)
    cases = [held(name, options) for name, options in CASES.items()]
    write(__file__, cases)


if __name__ == "__main__":
    main()
