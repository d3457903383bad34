"""VGG-19 whose weights both sides compute from a formula, so that no weights are committed.

The weight of `features.N` with fan-in F is, in row-major order over (O, I, 3, 3), number i of
`hash_uniform(seed=N, bound=sqrt(6 / F))`; the bias is that of `hash_uniform(seed=1000 + N, bound=0.1)`.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F

BLOCKS = [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]
MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(1, 3, 1, 1)


def hash_uniform(seed, count, bound):
    """`count` float32 numbers in (-bound, bound) from an integer hash of (seed, index), in 32-bit unsigned arithmetic."""
    mask = np.uint64(0xFFFFFFFF)
    x = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed * 40503 + 12345)) & mask
    for _ in range(2):
        x ^= x >> np.uint64(16)
        x = (x * np.uint64(0x45D9F3B)) & mask
    x ^= x >> np.uint64(16)
    unit = (x.astype(np.float64) / 4294967296.0).astype(np.float32)
    return torch.from_numpy((unit * np.float32(2) - np.float32(1)) * np.float32(bound))


@functools.cache
def layers():
    """(name, weight, bias) of each convolution, None between blocks: `conv1_1` .. `conv5_4`."""
    found, channels, place = [], 3, 0
    for block, (width, depth) in enumerate(BLOCKS, 1):
        for layer in range(1, depth + 1):
            fan_in = channels * 9
            weight = hash_uniform(place, width * fan_in, np.sqrt(6.0 / fan_in)).view(width, channels, 3, 3)
            bias = hash_uniform(1000 + place, width, 0.1)
            found.append((f"{block}_{layer}", weight.double(), bias.double()))
            channels, place = width, place + 2
        found.append(None)
        place += 1
    return found


def features(pictures, names, images="unit", pool="max"):
    """The named layers' outputs: `convB_L` before its ReLU, `reluB_L` after it."""
    x = {"normalised": lambda p: p, "unit": lambda p: (p - MEAN) / DEVIATION,
         "signed": lambda p: ((p + 1) / 2 - MEAN) / DEVIATION}[images](pictures)
    taps = {}
    for layer in layers():
        if set(names) <= set(taps):
            break
        if layer is None:
            x = F.max_pool2d(x, 2) if pool == "max" else F.avg_pool2d(x, 2)
            continue
        name, weight, bias = layer
        x = F.conv2d(x, weight, bias, padding=1)
        taps[f"conv{name}"] = x
        x = F.relu(x)
        taps[f"relu{name}"] = x
    return [taps[name] for name in names]
