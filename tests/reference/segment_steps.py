"""Ten updates of a U-Net in PyTorch: the losses that the segment trainer must give from the same weights and batches.

    pip install -r tests/reference/requirements.txt
    python tests/reference/segment_steps.py        # writes segment_steps.json beside this file

Everything that goes in is made by `uniform`, an integer hash both sides compute, so only the losses are stored. VGG-19 has the weights
of vgg.py and is run in float64 in every case, whatever the U-Net is run in.

Seeds are chosen by stable.py.
"""
import torch
import torch.nn.functional as F
from scipy import ndimage

from nets import UNet
from segmentation_losses import cldice, weight_map
from stable import case, moved, uniform, write
from vgg import features

LAYERS = ["relu1_2", "relu2_2", "relu3_4"]
SIZE, BATCH, CHANNELS = 16, 4, 1
CASES = {
    "bce": dict(classes=1, refine=1),
    "topology": dict(classes=1, refine=2, mu=0.1),
    "weighted": dict(classes=2, refine=1, class_weights=(0.7, 2.0), cldice=0.5),
}


def set_weights(net, seed, rounding):
    """Filters uniform in +-0.3, scales of norms 1 +- 0.1, other numbers +-0.1; each filter weight moved by up to `rounding`."""
    for n, (name, p) in enumerate(net.named_parameters()):
        with torch.no_grad():
            if p.dim() == 4:
                p.copy_(moved(0.3 * uniform(seed + n, *p.shape), seed + n + 500, rounding))
            elif name.endswith("weight"):
                p.copy_(1 + 0.1 * uniform(seed + n, *p.shape))
            else:
                p.copy_(0.1 * uniform(seed + n, *p.shape))


def seen(mask):
    return features(mask.double().expand(-1, 3, -1, -1), LAYERS)


def pixel_weights(mask, class_weights):
    """Class weights, and U-Net's gap weights between the pieces of what is not set."""
    maps = []
    for one in mask[:, 0]:
        objects, _ = ndimage.label(one.numpy() < 0.5)
        maps.append(torch.as_tensor(weight_map(torch.as_tensor(objects), class_weight=(0.0, 0.0))))
    gaps = torch.stack(maps).to(mask.dtype)
    return gaps + torch.where(mask[:, 0] > 0.5, class_weights[1], class_weights[0])


def objective(answer, mask, mu=0.0, class_weights=None, cldice_weight=0.0):
    logit = answer if answer.shape[1] == 1 else answer[:, 1:] - answer[:, :1]
    if answer.shape[1] == 1:
        loss = F.binary_cross_entropy_with_logits(logit, mask)
    else:
        each = F.cross_entropy(answer, mask[:, 0].long(), reduction="none")
        weights = pixel_weights(mask, class_weights)
        loss = (each * weights).sum() / weights.sum()
    if mu:
        distance = sum(((a - b) ** 2).mean() for a, b in zip(seen(torch.sigmoid(logit)), seen(mask)))
        loss = loss + mu * distance
    if cldice_weight:
        loss = loss + cldice_weight * cldice(logit, mask)
    return loss


def run(seed, classes, refine, mu=0.0, class_weights=None, cldice=0.0, rounding=0, updates=10):
    net = UNet(CHANNELS + (refine > 1), classes, width=4, depth=2)
    set_weights(net, seed + 1000, rounding)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    losses = []
    for update in range(updates):
        # Channels last, as the trainer's loader gives them; one channel is the same either way.
        pictures = uniform(seed + 50_000 + update, BATCH, SIZE, SIZE, CHANNELS).permute(0, 3, 1, 2)
        mask = (uniform(seed + 70_000 + update, BATCH, SIZE, SIZE, 1) > 0.5).to(pictures.dtype).permute(0, 3, 1, 2)
        answer, loss = torch.zeros_like(mask), 0.0
        for k in range(1, refine + 1):
            logits = net(pictures if refine == 1 else torch.cat([pictures, answer], 1))
            answer = torch.sigmoid(logits)
            loss = loss + k / (refine * (refine + 1) / 2) * objective(logits, mask, mu, class_weights, cldice)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return {"losses": losses}


def held(name, options):
    seed, losses = case(name, lambda seed, rounding: run(seed, **options, rounding=rounding))
    return {"case": name, "seed": seed, **losses}


def main():
    torch.set_num_threads(1)
    cases = [held(name, options) for name, options in CASES.items()]
    write(__file__, cases)


if __name__ == "__main__":
    main()
