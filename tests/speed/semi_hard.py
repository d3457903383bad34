"""Semi-hard triplets, forward and backward, side by side with pytorch-metric-learning: N embeddings of 128 dimensions, four of each
identity, two threads.

First `cargo build --release -p gobelin-losses --example semi_hard_speed`; then `python semi_hard.py [N ...]`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from pytorch_metric_learning import distances, losses, miners

PROGRAM = Path(__file__).parents[2] / "target/release/examples/semi_hard_speed"
THREADS = 2


def library(embeddings, labels):
    distance = distances.LpDistance(normalize_embeddings=False, p=2, power=2)
    miner = miners.TripletMarginMiner(margin=0.2, type_of_triplets="semihard", distance=distance)
    loss = losses.TripletMarginLoss(margin=0.2, distance=distance)
    times = []
    for _ in range(4):
        leaf = embeddings.clone().requires_grad_()
        start = time.perf_counter()
        loss(leaf, labels, miner(leaf, labels)).backward()
        times.append((time.perf_counter() - start) * 1e3)
    return sorted(times[1:])[1]


def ours(embeddings, labels):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ["embeddings", "labels"]]
        for path, tensor in zip(paths, [embeddings, labels]):
            path.write_bytes(tensor.numpy().tobytes())
        command = [PROGRAM, *paths, str(embeddings.shape[1])]
        output = subprocess.run(command, check=True, capture_output=True, env=os.environ | {"RAYON_NUM_THREADS": str(THREADS)})
    return json.loads(output.stdout)


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    for count in [int(argument) for argument in sys.argv[1:]] or [1024]:
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(count) // 4
        centres = torch.randn(count // 4 + 1, 128, generator=generator)
        embeddings = F.normalize(centres[labels] + 1.5 * torch.randn(count, 128, generator=generator), dim=1)
        found, theirs = ours(embeddings, labels), library(embeddings, labels)
        print(json.dumps({"n": count, "gobelin_ms": found["median_ms"], "pytorch_metric_learning_ms": round(theirs, 3),
                          "times_as_fast": round(theirs / found["median_ms"], 1), "counted": found["counted"]}))
