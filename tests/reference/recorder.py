"""Writes reference cases: tensors into one safetensors file a loss, everything else into an index.

Values and gradients are computed in float64 from float32 inputs, and gradients are stored as float32. So the references
are right to more digits than any float32 implementation that is held against them.
"""

import json
import zlib
from pathlib import Path

import torch
from safetensors.torch import save_file


class Recorder:
    """Collects the cases of one folder."""

    def __init__(self, folder):
        self.folder = Path(__file__).parent / folder
        self.name = folder
        self.tensors = {}
        self.index = []

    def case(self, loss, name, function, tensors, options=None, gradients=None, vgg=False):
        """Records `function(**tensors)`: its value, and the gradient of each tensor in `gradients` (all floats by default).

        Where the function returns more than a number (`reduction=none`), the value is a tensor in the file, and the
        gradients are those of its sum.
        """
        tensors = {key: value for key, value in tensors.items() if value is not None}
        if gradients is None:
            gradients = [key for key, value in tensors.items() if value.is_floating_point()]
        doubles = {}
        for key, value in tensors.items():
            doubles[key] = value.double().requires_grad_(key in gradients) if value.is_floating_point() else value
        result = function(**doubles)
        entry = {"loss": loss, "case": name, "options": {k: str(v) for k, v in (options or {}).items()},
                 "tensors": {key: self.store(loss, f"{name}/{key}", value) for key, value in tensors.items()},
                 "value": result.item() if result.dim() == 0 else self.store(loss, f"{name}/value", result.detach().float()),
                 "gradients": {}, "vgg": vgg}
        assert result.isfinite().all(), f"{loss} {name} is {result}"
        leaves = [doubles[key] for key in gradients]
        found = torch.autograd.grad(result.sum(), leaves, allow_unused=True) if result.requires_grad else [None] * len(leaves)
        for key, leaf, gradient in zip(gradients, leaves, found):
            gradient = torch.zeros_like(leaf) if gradient is None else gradient
            assert gradient.isfinite().all(), f"{loss} {name}: the gradient of {key} is not finite"
            entry["gradients"][key] = self.store(loss, f"{name}/grad/{key}", gradient.detach().float())
        self.index.append(entry)
        return result

    def store(self, loss, name, tensor):
        """The name under which a tensor lies in the loss's file: that of the first tensor with the same content."""
        stored = self.tensors.setdefault(loss, {})
        for other, known in stored.items():
            if known.dtype == tensor.dtype and known.shape == tensor.shape and torch.equal(known, tensor):
                return other
        stored[name] = tensor.clone().contiguous()
        return name

    def write(self):
        """Writes `LOSS.safetensors` for each loss, and `index.json`."""
        self.folder.mkdir(exist_ok=True)
        for old in self.folder.glob("*"):
            old.unlink()
        for loss, tensors in self.tensors.items():
            save_file(tensors, self.folder / f"{loss}.safetensors")
        lines = ",\n".join(json.dumps(entry) for entry in self.index)
        (self.folder / "index.json").write_text(f"[\n{lines}\n]\n")
        size = sum(path.stat().st_size for path in self.folder.glob("*"))
        print(f"{self.name}: {len(self.index)} cases, {size / 1024:.0f} KiB")


def generator(*key):
    """A generator of its own for each case, so that a new case leaves the others as they are."""
    return torch.Generator().manual_seed(zlib.crc32(repr(key).encode()))


def normal(*shape, key, scale=1.0):
    return torch.randn(*shape, generator=generator(key, shape)) * scale


def uniform(*shape, key):
    return torch.rand(*shape, generator=generator(key, shape))


def integers(low, high, *shape, key):
    return torch.randint(low, high, shape, generator=generator(key, shape))


def agree(found, expected, what, relative=1e-5):
    """Stops the script where a library does not give the value of the program above it."""
    found, expected = torch.as_tensor(found).double(), torch.as_tensor(expected).double()
    worst = (found - expected).abs().max() / expected.abs().max().clamp(min=1e-12)
    assert worst < relative, f"{what}: {found} is not {expected} (relative {worst:.2e})"


def reduce(values, reduction):
    return {"mean": values.mean, "sum": values.sum, "none": lambda: values}[reduction]()


def root(squares):
    """A square root with gradient 0 at 0."""
    positive = squares > 0
    return torch.where(positive, torch.where(positive, squares, 1.0).sqrt(), 0.0)
