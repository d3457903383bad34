"""What the scripts of training steps share: numbers that both sides compute, and cases that rounding does not decide.

The first steps of Adam, AdaGrad and RMSprop are signs of gradients: where one gradient among thousands is zero to rounding,
its weight moves by a whole step either way, and twenty updates later PyTorch's own float32 losses are 1e-2 from its float64
ones. Such a run tests nothing, so each case takes the first seed whose float64 losses four float32 runs agree with to
3e-5, three of them from weights (or pictures) moved by one to three roundings.
"""
import json
import pathlib

import torch

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


def moved(values, seed, rounding):
    """Each value up or down by `rounding` roundings of float32."""
    return values * (1 + 6e-8 * rounding * uniform(seed, *values.shape).sign())


def case(name, run, runs=4, first=0):
    """The first seed from `first` on whose float32 and float64 losses agree, and its losses.

    `run(seed, rounding)` gives lists of losses by name.
    """
    for seed in range(first, 10_000_000, 100_000):
        torch.set_default_dtype(torch.float64)
        exact = run(seed, 0)
        torch.set_default_dtype(torch.float32)
        difference = 0.0
        for rounding in range(runs):
            found = run(seed, rounding)
            plain = plain if rounding else found
            pairs = [(a, b) for losses in exact for a, b in zip(found[losses], exact[losses])]
            difference = max(difference, *(abs(a - b) / abs(b) for a, b in pairs))
            if not difference < 3e-5:
                break
        print(f"{name}, seed {seed}: float32 and float64 differ by {difference:.0e}", flush=True)
        if difference < 3e-5:
            return seed, plain
    raise SystemExit(f"{name}: no seed is stable")


def write(script, cases):
    """Writes `cases` beside `script`, one case a line."""
    path = pathlib.Path(script).with_suffix(".json")
    path.write_text(json.dumps(cases, separators=(",", ":")).replace("},{", "},\n{") + "\n")
