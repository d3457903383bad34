#!/usr/bin/env bash
# Everything that needs a graphics card, in one go: all cases of the kernels on the card, once more under compute-sanitizer where
# it is installed, the times of every convolution, and training steps beside PyTorch's where that is installed.
#
#     tests/gpu/run.sh [FOLDER]
#     tests/gpu/run.sh build FOLDER
#
# With a folder, the programs in it are run, so that a machine with a card needs neither Rust nor a registry: `build` puts them
# there (`devices`, `card` and `gobelin`, built for release). Without one, cargo builds them first.
#
# With SMALL=1 the nets are small, the steps few, and one convolution is timed: it shows that everything runs, and is quick enough
# for the stand-in for the driver (kernels/emulation/driver), on which .ci/cuda runs it.
#
# Needs NVIDIA's driver and NVRTC (libnvrtc.so.12 or .13; the wheel nvidia-cuda-nvrtc and its folder in LD_LIBRARY_PATH will do).
# TORCH_STEPS names the script that times PyTorch (torch_steps.py), PYTHON the Python that has PyTorch (python3). What is missing is
# named, and what needs it left out; the exit code is 1 if anything that ran has failed, 2 where nothing could run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly programs=(devices card gobelin)
readonly small=${SMALL:-}
failures=()
missing=()

step() {
    printf '\n== %s\n' "$1"
}

# Runs a command; the rest goes on when it fails.
check() {
    "$@" || failures+=("$*")
}

leave_out() {
    missing+=("$1")
    printf 'LEFT OUT: %s\n' "$1"
}

build() {
    local name
    mkdir -p "$1"
    cargo test --release --locked -p gobelin-kernels --test devices --no-run --message-format=json >"$1/built"
    cargo bench --locked -p gobelin-kernels --bench card --no-run --message-format=json >>"$1/built"
    cargo build --release --locked -p gobelin --message-format=json >>"$1/built"
    for name in "${programs[@]}"; do
        cp "$(sed -n 's/.*"name":"'"$name"'".*"executable":"\([^"]*\)".*/\1/p' "$1/built" | tail -n 1)" "$1/$name"
    done
    rm "$1/built"
}

case ${1:-} in
build)
    build "${2:?a folder}"
    exit
    ;;
-* | help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
folder=${1:-target/gpu}
[[ -n ${1:-} ]] || build "$folder"
for name in "${programs[@]}"; do
    if [[ ! -x $folder/$name ]]; then
        printf '%s/%s is not there: `tests/gpu/run.sh build %s` makes it, on a machine with Rust\n' "$folder" "$name" "$folder" >&2
        exit 2
    fi
done

has_library() {
    local path paths=${LD_LIBRARY_PATH:-}
    ldconfig -p 2>/dev/null | grep -q "$1" && return
    for path in ${paths//:/ }; do
        compgen -G "$path/$1*" >/dev/null && return
    done
    return 1
}

step 'The machine'
date -u '+%Y-%m-%d %H:%M UTC'
if ! has_library libcuda.so; then
    echo "no CUDA driver (libcuda): this machine has no graphics card that could be used" >&2
    exit 2
fi
if ! has_library libnvrtc.so; then
    echo "no CUDA compiler (libnvrtc.so.12 or .13): install the wheel nvidia-cuda-nvrtc, and put its folder in LD_LIBRARY_PATH" >&2
    exit 2
fi
if command -v nvidia-smi >/dev/null; then
    check nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
else
    leave_out "the card's name: nvidia-smi is not installed"
fi

# What a small run of a trainer is called with.
small_words() {
    case $1 in
    gan) echo '--size 28 --width 4 --noise 8 --batch 8 --held-out 4' ;;
    cyclegan) echo '--size 24 --width 2 --blocks 1 --held-out 2' ;;
    facenet) echo '--size 16 --width 2 --dimensions 8 --people 3 --faces 3 --held-out 40' ;;
    segment) echo '--size 16 --width 2 --depth 2 --batch 2 --held-out 3' ;;
    style) echo '--size 16 --scales 1 --content-layer conv2_1 --style-layers conv1_1,conv2_1' ;;
    superres) echo '--size 32 --width 4 --batch 2 --blocks 1 --held-out 2' ;;
    esac
}

step 'All cases of the kernels, twice, to the byte'
if [[ -n $small ]]; then
    export GOBELIN_CASES=norm
fi
check env GOBELIN_CARD=1 "$folder/devices" --exact a_card_agrees --nocapture
check env GOBELIN_CARD=1 "$folder/devices" feed --nocapture

step 'The same under compute-sanitizer'
if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
        check env GOBELIN_CARD=1 compute-sanitizer --tool "$tool" --error-exitcode 1 "$folder/devices" --exact a_card_agrees
    done
else
    leave_out 'foreign memory and races: compute-sanitizer is not installed (it comes with the CUDA toolkit)'
fi

step 'Times of every convolution'
check "$folder/card" ${small:+gan.d5}

runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
for trainer in gan cyclegan facenet segment style superres; do
    step "gobelin $trainer"
    words=(--steps 20)
    [[ -z $small ]] || read -ra words <<<"--steps 2 $(small_words "$trainer")"
    check "$folder/gobelin" "$trainer" --device cuda "${words[@]}" --out "$runs/$trainer"
done

step 'Training steps: gobelin'
words=()
[[ -z $small ]] || words=(--small --seconds 0)
check "$folder/gobelin" bench --device cuda "${words[@]}"

step 'Training steps: gobelin, each kernel launched by itself'
check "$folder/gobelin" bench --device cuda --eager "${words[@]}"

step 'Training steps: gobelin and PyTorch in turn'
python=${PYTHON:-python3}
torch_steps=${TORCH_STEPS:-torch_steps.py}
if [[ ! -e $torch_steps ]]; then
    leave_out "PyTorch's times: no $torch_steps (set TORCH_STEPS to the script)"
elif ! "$python" -c 'import torch; raise SystemExit(not torch.cuda.is_available())' 2>/dev/null; then
    leave_out "PyTorch's times: $python has no PyTorch that sees a graphics card (set PYTHON to one that has)"
else
    check "$python" tests/speed/steps.py --gobelin "$folder/gobelin" --torch "$torch_steps" --device cuda --modes eager,best
fi

step 'In short'
((${#missing[@]} == 0)) || printf 'left out: %s\n' "${missing[@]}"
if ((${#failures[@]})); then
    printf 'FAILED: %s\n' "${failures[@]}"
    exit 1
fi
echo 'all that ran is well'
