#!/usr/bin/env python3
"""Trains each of the four losses on Fashion-MNIST and prints what came of it as a Markdown table.

    tests/fashion_mnist.py MINUTES [--data DIR] [--out DIR] [--losses LOSS,...] [FLAG ...]

Each loss is trained for MINUTES minutes of its own with the flags' defaults at 28 pixels; a FLAG such as `--threads 2`
is handed on to `gobelin gan`. The table gives the sliced Wasserstein distance to held-out pictures that was measured
last before each quarter of the time had passed, and where the pictures lie. A run that is there already is
trained for longer, so that a table can be made of what was trained before with MINUTES 0.

Builds the release binary with cargo; needs nothing but Python's own library.
"""

import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/gobelin"


def train(loss, run, minutes, options):
    """Trains until the time is up, then stops the run as Ctrl-C does, which saves it."""
    command = [BINARY, "gan", "--out", run]
    if (run / "config.toml").exists():
        command += ["--resume", "--steps", "1000000000"]
    else:
        command += ["--loss", loss, "--data", f"idx:{options.data}", "--size", "28"]
        command += ["--steps", "1000000000", "--sample-every", "25", "--log-every", "25", *options.flags]
    print(*command, file=sys.stderr)
    process = subprocess.Popen(command)
    try:
        code = process.wait(60 * minutes)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        code = process.wait()
    # 130: stopped and saved.
    if code != 130:
        sys.exit(f"{loss}: exit code {code}, see above")


def measured(run):
    """Minutes, distance and step of each evaluation, and the distance of real to real."""
    lines = [json.loads(line) for line in open(run / "metrics.jsonl")]
    lines = [line for line in lines if "swd" in line]
    if not lines:
        sys.exit(f"{run}: no evaluation came in time; give it more minutes")
    return [(line["seconds"] / 60, line["swd"], line["step"]) for line in lines], lines[-1]["swd-floor"]


def number(minutes):
    return f"{minutes:.1f}".removesuffix(".0")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--out", type=Path, default=Path("runs/fashion-mnist"))
    parser.add_argument("--losses", default="minmax,ns,ls,wgan")
    options, options.flags = parser.parse_known_args()
    losses = options.losses.split(",")

    subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
    results = {}
    for loss in losses:
        run = options.out / loss
        run.parent.mkdir(parents=True, exist_ok=True)
        if options.minutes > 0:
            train(loss, run, options.minutes, options)
        results[loss] = measured(run)

    longest = max(evaluations[-1][0] for evaluations, _ in results.values())
    times = [longest * quarter / 4 for quarter in (1, 2, 3, 4)]
    print("| loss |", " | ".join(f"{number(time)} min" for time in times), "| real to real | steps | pictures |")
    print("|---|" + "---:|" * (len(times) + 2) + "---|")
    for loss, (evaluations, floor) in results.items():
        cells = []
        for time in times:
            before = [distance for minutes, distance, _ in evaluations if minutes <= time]
            cells.append(f"{before[-1]:.1f}" if before else "")
        step = evaluations[-1][2]
        pictures = options.out / loss / f"samples/drawn-{step:06}.png"
        print(f"| {loss} |", " | ".join(cells), f"| {floor:.1f} | {step} | `{pictures}` |")


main()
