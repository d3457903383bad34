#!/usr/bin/env bash
# The table of the README: each adversarial loss on Fashion-MNIST at 28 pixels, sliced Wasserstein distance against
# minutes.
#
#     tests/figures/fashion_mnist.sh OUT [STEPS] [DATA]
#
# STEPS (default 800) are generator updates; the Wasserstein critic gets five updates for each, so a quarter of them.
# Needs python3. Nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:?usage: tests/figures/fashion_mnist.sh OUT [STEPS] [DATA]}
steps=${2:-800}
data=${3:-/usr/share/datasets/fashion-mnist}
cargo build --release -q
for loss in minmax ns ls wgan; do
    own=$steps
    [ $loss = wgan ] && own=$((steps / 4))
    target/release/gobelin gan --loss $loss --data "idx:$data" --steps $own --sample-every $((own / 4)) \
        --out "$out/$loss" >/dev/null 2>"$out.$loss.log"
done
python3 - "$out" <<'PY'
import json, sys
print("| loss | minutes: sliced Wasserstein distance (x 1000) | real to real | diversity (real) | pictures |")
print("|---|---|---|---|---|")
for loss in ("minmax", "ns", "ls", "wgan"):
    rows = [json.loads(line) for line in open(f"{sys.argv[1]}/{loss}/metrics.jsonl")]
    seen = [r for r in rows if "swd" in r and not r.get("summary")]
    curve = ", ".join(f"{r['seconds'] / 60:.1f}: {r['swd']:.0f}" for r in seen)
    last = seen[-1]
    print(f"| {loss} | {curve} | {last['swd-floor']:.0f} | {last['diversity']:.1f} ({last['diversity-real']:.1f}) "
          f"| `{loss}/samples/` |")
PY
