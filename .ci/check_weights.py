"""Holds a run's exported weights against the nets of PyTorch's DCGAN example.

    check_weights.py RUN_DIRECTORY

The run must have been made with --size 64, --width 64 and 3 channels: the names, shapes and types must then be exactly
those that `load_state_dict(strict=True)` asks for, and every number must be finite. Needs numpy and safetensors.
"""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


def norm(place, channels):
    """The tensors of a BatchNorm2d."""
    names = ["weight", "bias", "running_mean", "running_var"]
    return {f"main.{place}.{name}": ((channels,), np.float32) for name in names} | {
        f"main.{place}.num_batches_tracked": ((), np.int64)
    }


def generator():
    tensors, widths = {}, [100, 512, 256, 128, 64, 3]
    for level, (wide, narrow) in enumerate(zip(widths, widths[1:])):
        tensors[f"main.{3 * level}.weight"] = ((wide, narrow, 4, 4), np.float32)
        if narrow != 3:
            tensors |= norm(3 * level + 1, narrow)
    return tensors


def discriminator():
    tensors, widths, places = {}, [3, 64, 128, 256, 512, 1], [0, 2, 5, 8, 11]
    for place, narrow, wide in zip(places, widths, widths[1:]):
        tensors[f"main.{place}.weight"] = ((wide, narrow, 4, 4), np.float32)
        if place in (2, 5, 8):
            tensors |= norm(place + 1, wide)
    return tensors


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    wrong = []
    for name, expected in [("generator", generator()), ("discriminator", discriminator())]:
        path = Path(sys.argv[1], f"{name}.safetensors")
        found = load_file(path)
        for key in sorted(found.keys() | expected.keys()):
            have = (found[key].shape, found[key].dtype.type) if key in found else None
            if have != expected.get(key):
                wrong.append(f"{path}: {key} is {have}, expected {expected.get(key)}")
            elif not np.isfinite(found[key]).all():
                wrong.append(f"{path}: {key} holds numbers that are not finite")
        print(f"{path}: {len(found)} tensors")
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
