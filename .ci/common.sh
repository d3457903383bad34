# What the checks of real runs share; sourced by .ci/run and by the trainers' scripts beside it, from the repository's root.
#
# Whoever sources it sets `work`, a scratch folder.

fail() {
    printf '%s: %s\n' "$0" "$1" >&2
    exit 1
}

gobelin() {
    target/release/gobelin "$@"
}

# train TRAINER RUN FLAGS...: a run in $work/RUN to its end, and what every run must then have left. The trainer's own files are
# named in the array `leaves`.
train() {
    local trainer=$1 run=$work/$2 file
    shift 2
    printf -- '-- gobelin %s %s\n' "$trainer" "$*"
    gobelin "$trainer" --out "$run" "$@" 2>"$work/told" || {
        cat "$work/told" >&2
        fail "gobelin $trainer $* failed"
    }
    tail -n 1 "$work/told"
    for file in config.toml metrics.jsonl checkpoint report.html "${leaves[@]}"; do
        [[ -s $run/$file ]] || fail "gobelin $trainer $* left no $file"
    done
    compgen -G "$run/samples/*.png" >/dev/null || fail "gobelin $trainer $* left no samples"
}

# train_killed TRAINER RUN FLAGS...: as train, but killed three times, the first time once it has two checkpoints, each time at
# a place of chance; then resumed to its end.
train_killed() {
    local trainer=$1 run=$work/$2 kill process code
    shift 2
    for kill in 1 2 3; do
        # Not through the function `gobelin`: the shell's copy of it would be killed instead of the program.
        if [[ $kill == 1 ]]; then
            target/release/gobelin "$trainer" --out "$run" "$@" 2>"$work/told" &
        else
            target/release/gobelin "$trainer" --out "$run" --resume 2>"$work/told" &
        fi
        process=$!
        while [[ ! -e $run/checkpoint.previous ]] && kill -0 "$process" 2>/dev/null; do sleep 0.02; done
        sleep "0.$((RANDOM % 5))"
        kill -KILL "$process" 2>/dev/null || true
        code=0
        wait "$process" || code=$?
        printf -- '-- killed (exit code %s): %s\n' "$code" "$(tail -n 1 "$work/told")"
        [[ $kill != 1 || $code == 137 ]] || fail "gobelin $trainer $* ended before it could be killed"
    done
    gobelin "$trainer" --out "$run" --resume
}

# must_equal ONE OTHER FILES...: the same bytes in two runs of $work.
must_equal() {
    local one=$work/$1 other=$work/$2 file
    shift 2
    for file; do
        cmp "$one/$file" "$other/$file"
        printf -- '-- %s: the same bytes\n' "$file"
    done
}

# must_refuse CODE BEGIN FLAGS...: that exit code, and one line that begins like this.
must_refuse() {
    local code=$1 begin=$2 found=0
    shift 2
    gobelin "$@" >"$work/out" 2>"$work/told" || found=$?
    printf -- '-- gobelin %s\n   %s\n' "$*" "$(cat "$work/told")"
    [[ $found == "$code" ]] || fail "exit code $found instead of $code"
    [[ $(wc -l <"$work/told") == 1 && $(<"$work/told") == "error: $begin"* ]] || fail "expected one line: error: $begin..."
}
