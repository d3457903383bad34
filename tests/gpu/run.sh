#!/usr/bin/env bash
# Everything that needs a graphics card, in one go: all cases on the card, once more under compute-sanitizer where it is
# installed, and the times of every convolution.
#
#     tests/gpu/run.sh [FOLDER]
#
# With a folder, the programs in it are run (`devices` and `card`); `tests/gpu/run.sh build FOLDER` puts them there, so that a
# machine with a card needs no Rust. Without one, cargo builds them first. NVRTC (libnvrtc.so.12 or .13) must be found: the
# wheel nvidia-cuda-nvrtc and its folder in LD_LIBRARY_PATH will do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build() {
    mkdir -p "$1"
    cargo test --release --locked -p gobelin-kernels --test devices --no-run --message-format=json >"$1/built"
    cargo bench --locked -p gobelin-kernels --bench card --no-run --message-format=json >>"$1/built"
    local name
    for name in devices card; do
        cp "$(sed -n 's/.*"name":"'$name'".*"executable":"\([^"]*\)".*/\1/p' "$1/built" | tail -n 1)" "$1/$name"
    done
    rm "$1/built"
}

if [[ ${1:-} == build ]]; then
    build "${2:?a folder}"
    exit
fi
folder=${1:-target/gpu}
[[ -n ${1:-} ]] || build "$folder"

if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
fi
date -u '+%Y-%m-%d %H:%M UTC'
GOBELIN_CARD=1 "$folder/devices" a_card_agrees --nocapture
if command -v compute-sanitizer >/dev/null; then
    GOBELIN_CARD=1 compute-sanitizer --error-exitcode 1 "$folder/devices" a_card_agrees
else
    echo 'compute-sanitizer is not installed here: left out'
fi
"$folder/card"
