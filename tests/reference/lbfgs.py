"""Writes lbfgs.json: where PyTorch's L-BFGS with its strong Wolfe line search goes on functions that both sides compute.

    pip install torch
    python tests/reference/lbfgs.py        # writes lbfgs.json beside this file

One iteration a step, in float32. `evaluations` counts the losses computed up to each step, without those that PyTorch computes
again at the start of a step.
"""
import json
import pathlib

import torch

STEPS = 12


def quadratic(size):
    """sum_i c_i (x_i - i mod 3)^2 / 2 with c from 1 to 100."""
    c = torch.tensor([1 + 99 * i / (size - 1) for i in range(size)])
    target = torch.tensor([float(i % 3) for i in range(size)])
    return lambda x: (0.5 * c * (x - target) ** 2).sum(), [-1.0 + 0.25 * (i % 7) for i in range(size)]


def rosenbrock(size):
    """Rosenbrock's chained valley."""
    return lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(), [-1.2, 1.0] * (size // 2)


def run(name, size, history):
    function, start = {"quadratic": quadratic, "rosenbrock": rosenbrock}[name](size)
    x = torch.nn.Parameter(torch.tensor(start))
    optimiser = torch.optim.LBFGS(
        [x], lr=1, max_iter=1, max_eval=26, history_size=history, tolerance_grad=0, line_search_fn="strong_wolfe"
    )
    count = 0

    def closure():
        nonlocal count
        count += 1
        optimiser.zero_grad()
        loss = function(x)
        loss.backward()
        return loss

    values, losses, evaluations = [], [], []
    for step in range(STEPS):
        optimiser.step(closure)
        values.append([float(v) for v in x.detach()])
        losses.append(float(function(x.detach())))
        evaluations.append(count - step)
    return {
        "function": name, "size": size, "history": history, "start": start, "values": values, "losses": losses,
        "evaluations": evaluations,
    }


def main():
    cases = [run("quadratic", 10, 100), run("quadratic", 10, 3), run("rosenbrock", 2, 100), run("rosenbrock", 10, 5)]
    text = json.dumps(cases, separators=(",", ":")).replace("},{", "},\n{")
    pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
