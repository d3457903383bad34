#!/usr/bin/env python3
"""Trains FaceNet once with each way of mining triplets and prints what came of it as a Markdown table.

    tests/minings.py [--steps N] [--out DIR] [--minings MINING,...] [FLAG ...]

Every run has the same seed, batches and number of steps, and is verified on the same people, none of them trained on; a FLAG such
as `--margin 0.3` is handed on to `gobelin facenet`. A run that is there already in DIR is not made again. The minutes are the
runs' own: on a machine that does other things meanwhile they tell nothing, the other columns do not change.

Builds the release binary with cargo; needs nothing but Python's own library.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/gobelin"
MININGS = ["semi-hard", "batch-hard", "batch-all", "distance-weighted", "offline"]


def train(mining, run, options):
    if not (run / "config.toml").exists():
        command = [BINARY, "facenet", "--out", run, "--mining", mining, "--steps", str(options.steps)]
        command += ["--sample-every", str(max(options.steps // 4, 1)), *options.flags]
        print(*command, file=sys.stderr)
        if subprocess.run(command).returncode:
            sys.exit(f"{mining}: failed, see above")


def row(mining, run):
    """A line of the table: accuracy at each quarter, then what the last verification found."""
    lines = [json.loads(line) for line in open(run / "metrics.jsonl")]
    verified = [line for line in lines if "accuracy" in line]
    if not verified or not verified[-1].get("summary"):
        sys.exit(f"{run}: did not end; resume it with gobelin facenet --out {run} --resume")
    last = verified.pop()
    course = ", ".join(f"{100 * line['accuracy']:.1f}" for line in verified)
    cells = [mining, course, f"{100 * last['val']:.1f}", f"{last['auc']:.4f}", f"{100 * last['precision-at-1']:.1f}"]
    return "| " + " | ".join([*cells, f"{last['seconds'] / 60:.1f}"]) + " |"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--out", type=Path, default=Path("runs/minings"))
    parser.add_argument("--minings", default=",".join(MININGS))
    options, options.flags = parser.parse_known_args()
    subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
    minings = options.minings.split(",")
    for mining in minings:
        train(mining, options.out / mining, options)
    print("| mining | accuracy at each quarter, % | VAL at FAR 0.001, % | AUC | precision at 1, % | minutes |")
    print("|---|---|---|---|---|---|")
    for mining in minings:
        print(row(mining, options.out / mining))


if __name__ == "__main__":
    main()
