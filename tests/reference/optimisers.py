"""Writes optimisers.json: what PyTorch's optimisers, schedules, clipping and averaging make of a gradient rule that
both sides can compute. Needs PyTorch and NumPy from PyPI; run it in its own folder, without arguments.

The rule, in single precision: the gradient of element i of a parameter at a step is a * p + b, where a is hashed from
(parameter, i) and b from (parameter, i, step). b changes every step, so no gradient dies away and ends as the
difference of two nearly equal numbers.
"""

import json

import numpy
import torch

SIZES = [1, 7, 70]
STEPS = 100
SHOWN = [1, 10, 100]


def hashed(parameter, element, step):
    """A number in [-1, 1) with 24 bits: exact in single precision."""
    h = (parameter * 0x9E3779B1 + element * 0x85EBCA77 + step * 0xC2B2AE3D + 1) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    h = ((h ^ (h >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return ((h ^ (h >> 15)) >> 8) / 2**23 - 1


def row(parameter, step):
    return torch.tensor([hashed(parameter, i, step) for i in range(SIZES[parameter])], dtype=torch.float32)


# Step 0 of the hash gives the initial values, step 1000 the slopes.
INITIAL = [2 * row(p, 0) for p in range(len(SIZES))]
SLOPES = [row(p, 1000).abs() for p in range(len(SIZES))]
OFFSETS = [[row(p, step + 1) for p in range(len(SIZES))] for step in range(STEPS)]

# Our names of options against PyTorch's.
NAMES = {
    "learning_rate": "lr",
    "betas": "betas",
    "epsilon": "eps",
    "weight_decay": "weight_decay",
    "momentum": "momentum",
    "dampening": "dampening",
    "nesterov": "nesterov",
    "alpha": "alpha",
    "centred": "centered",
    "learning_rate_decay": "lr_decay",
    "initial_accumulator": "initial_accumulator_value",
}


def make(kind, options, parameters):
    options = dict(options)
    if kind == "adam" and options.pop("decoupled_weight_decay", False):
        kind = "adamw"
        # PyTorch's own default there is 0.01.
        options.setdefault("weight_decay", 0.0)
    classes = {
        "sgd": torch.optim.SGD,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
        "adagrad": torch.optim.Adagrad,
    }
    return classes[kind](parameters, **{NAMES[name]: value for name, value in options.items()})


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.all = torch.nn.ParameterList([torch.nn.Parameter(p.clone()) for p in INITIAL])


def shortest(values):
    return [float(str(value)) for value in values.detach().numpy().astype(numpy.float32)]


def run(kind, options, clip_norm=None, clip_value=None, average=None):
    net = Net()
    parameters = list(net.all)
    optimiser = make(kind, options, parameters)
    if average is not None:
        averaged = torch.optim.swa_utils.AveragedModel(
            net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(average)
        )
    case = {"optimiser": kind, "options": options}
    extras = {"clip_norm": clip_norm, "clip_value": clip_value, "average": average}
    case |= {name: value for name, value in extras.items() if value is not None}
    case["values"] = {}
    for step in range(1, STEPS + 1):
        for parameter, slope, offset in zip(parameters, SLOPES, OFFSETS[step - 1]):
            parameter.grad = slope * parameter.detach() + offset
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
        if clip_value is not None:
            torch.nn.utils.clip_grad_value_(parameters, clip_value)
        optimiser.step()
        shown = parameters
        if average is not None:
            averaged.update_parameters(net)
            shown = averaged.module.all
        if step in SHOWN:
            case["values"][str(step)] = [shortest(parameter) for parameter in shown]
    return case


def factors(build, count=60):
    """The learning rates that a scheduler of PyTorch gives to a base rate of 1."""
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = build(optimiser)
    found = []
    for _ in range(count):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return found


def cosine(optimiser, warmup, total):
    schedulers = torch.optim.lr_scheduler
    up = schedulers.LinearLR(optimiser, start_factor=1 / (warmup + 1), total_iters=warmup)
    down = schedulers.CosineAnnealingLR(optimiser, T_max=total - warmup)
    return schedulers.SequentialLR(optimiser, [up, down], milestones=[warmup])


def main():
    cases = [
        run("sgd", {"learning_rate": 0.05}),
        run("sgd", {"learning_rate": 0.05, "weight_decay": 0.1}),
        run("sgd", {"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.01}),
        run("sgd", {"learning_rate": 0.02, "momentum": 0.9, "dampening": 0.3}),
        run("sgd", {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        run("adam", {}),
        run("adam", {"learning_rate": 2e-4, "betas": [0.5, 0.999]}),
        run("adam", {"learning_rate": 0.02, "betas": [0.0, 0.9], "epsilon": 1e-3, "weight_decay": 0.1}),
        run("adam", {"learning_rate": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
        run("rmsprop", {}),
        run("rmsprop", {"learning_rate": 5e-5}),
        run("rmsprop", {"learning_rate": 2e-3, "alpha": 0.9, "epsilon": 1e-3, "momentum": 0.9}),
        run("rmsprop", {"learning_rate": 1e-2, "centred": True, "weight_decay": 0.1}),
        run("rmsprop", {"learning_rate": 1e-3, "centred": True, "momentum": 0.5}),
        run("adagrad", {"learning_rate": 0.05}),
        run(
            "adagrad",
            {
                "learning_rate": 0.05,
                "learning_rate_decay": 0.01,
                "initial_accumulator": 0.1,
                "epsilon": 1e-6,
                "weight_decay": 0.1,
            },
        ),
        run("sgd", {"learning_rate": 0.05}, clip_norm=1.0),
        run("sgd", {"learning_rate": 0.05}, clip_value=0.25),
        run("adam", {"learning_rate": 0.01}, average=0.9),
    ]
    schedules = [
        {
            "schedule": {"step": {"every": 7, "gamma": 0.3}},
            "factors": factors(lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=7, gamma=0.3)),
        },
        {
            "schedule": {"cosine": {"warmup": 0, "total": 60}},
            "factors": factors(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=60)),
        },
        {"schedule": {"cosine": {"warmup": 9, "total": 60}}, "factors": factors(lambda o: cosine(o, 9, 60))},
    ]
    with open("optimisers.json", "w") as file:
        file.write('{"sizes": %s, "cases": [\n' % json.dumps(SIZES))
        file.write(",\n".join(json.dumps(case) for case in cases))
        file.write('\n], "schedules": [\n')
        file.write(",\n".join(json.dumps(schedule) for schedule in schedules))
        file.write("\n]}\n")


if __name__ == "__main__":
    main()
