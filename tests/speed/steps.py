"""Training steps side by side: `gobelin bench` and its peers on the same workloads, in turn, in the same minutes.

    cargo build --release
    python tests/speed/steps.py --torch torch_steps.py [--burn burn_steps] [--candle candle_steps] [WORKLOADS...]

Each peer is a program that takes workloads' names and `--seconds`, and prints a JSON object a step's timing: `workload`,
`median_ms`, `peak_rss_mb`. PyTorch's runs once a mode, and its fastest mode counts; `compile` is asked for by --modes, since it
compiles for minutes. Nothing else may run meanwhile: two programs on the same cores tell nothing of either.

With `--device cuda` the steps are those of a graphics card, and so is the memory; PyTorch's mode `best` is each of its modes.

Prints a table in Markdown: the median over the rounds of each program's median step, how many of ours fit in one of theirs,
and peak memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

GOBELIN = Path(__file__).resolve().parents[2] / "target/release/gobelin"
WORKLOADS = ["gan", "wgan", "cyclegan", "facenet", "style", "perceptual", "topology"]
# What the Rust peers have.
BURN = ["gan", "style", "facenet"]
CANDLE = ["gan", "style"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOADS", help=f"all where none is given: {' '.join(WORKLOADS)}")
    parser.add_argument("--gobelin", type=Path, default=GOBELIN, help="our program [target/release/gobelin]")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of our program and PyTorch [cpu]")
    parser.add_argument("--torch", type=Path, help="the script with PyTorch's steps")
    parser.add_argument("--burn", type=Path, help="the program with burn's steps")
    parser.add_argument("--candle", type=Path, help="the program with candle's steps")
    parser.add_argument("--modes", default="eager,channels_last", help="PyTorch's, by commas [eager,channels_last]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="for each program, workload and round [8]")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if unknown := set(given.workloads) - set(WORKLOADS):
        parser.error(f"no workload {', '.join(sorted(unknown))}: expected {', '.join(WORKLOADS)}")
    if given.device == "cuda" and (given.burn or given.candle):
        parser.error("--burn and --candle are programs for the CPU: leave them or --device cuda out")
    given.workloads = given.workloads or WORKLOADS
    return given


def programs(given):
    """Name, command and workloads of each program."""
    flags = ["--threads", str(given.threads), "--device", given.device]
    yield "gobelin", [given.gobelin, "bench", *flags], WORKLOADS
    if given.torch:
        for mode in given.modes.split(","):
            yield f"PyTorch {mode}", [sys.executable, given.torch, "--mode", mode, *flags], WORKLOADS
    if given.burn:
        yield "burn", [given.burn], BURN
    if given.candle:
        yield "candle", [given.candle], CANDLE


def step(name, command, workload, given):
    # The Rust peers have no flag for threads.
    environment = os.environ | {"RAYON_NUM_THREADS": str(given.threads)}
    command = [*command, workload, "--seconds", str(given.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    rows = [row for row in rows if "median_ms" in row]
    if done.returncode or not rows:
        sys.exit(f"{name} {workload}: exit code {done.returncode}, no timing: {done.stderr.strip()[-300:]}")
    memory = "peak_device_mb" if given.device == "cuda" else "peak_rss_mb"
    best = min(rows, key=lambda row: row["median_ms"])
    return best["median_ms"], best[memory]


def main():
    given = arguments()
    found = defaultdict(list)
    every = list(programs(given))
    for turn in range(given.rounds):
        for workload in given.workloads:
            for name, command, workloads in every:
                if workload in workloads:
                    found[workload, name].append(step(name, command, workload, given))
                    print(turn, workload, name, *found[workload, name][-1], file=sys.stderr)

    print("| workload | gobelin | " + " | ".join(f"{name} | times" for name, *_ in every[1:]) + " |")
    print("|---|---|" + "---|---|" * (len(every) - 1))
    for workload in given.workloads:
        middle = lambda name: [statistics.median(column) for column in zip(*found[workload, name])]
        ours, ours_memory = middle("gobelin")
        cells = [f"{ours:.0f} ms, {ours_memory:.0f} MB"]
        for name, *_ in every[1:]:
            if found[workload, name]:
                theirs, memory = middle(name)
                cells += [f"{theirs:.0f} ms, {memory:.0f} MB", f"{theirs / ours:.2f}"]
            else:
                cells += ["", ""]
        print(f"| {workload} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
