//! Bad input: each one line that says what was found, what was expected and what to do; nothing already saved is lost.

use std::fs;
use std::path::Path;

use crate::runs::{RUNS, TINY};
use crate::shell::{call, contents, gobelin, told, trained, workplace, write_pictures};

/// The call must end with this code and one line that begins with `begin` and ends with `end`, and leave every file
/// below `here` as it was.
#[track_caller]
pub fn must_refuse(here: &Path, words: &str, code: i32, begin: &str, end: &str) {
    let before = contents(here);
    let (found, lines) = call(here, words);
    assert_eq!((found, lines.len()), (code, 1), "gobelin {words}: {lines:?}");
    let begins = lines[0].starts_with(&format!("error: {begin}"));
    assert!(begins && lines[0].ends_with(end), "gobelin {words}: {}", lines[0]);
    let after = contents(here);
    let changed = after.iter().find(|(name, bytes)| before.get(*name) != Some(bytes)).map(|(name, _)| name);
    assert_eq!((changed, after.len()), (None, before.len()), "gobelin {words}");
}

#[test]
fn a_form_of_the_kernels_that_there_is_not() {
    let here = tempfile::tempdir().unwrap();
    let output = gobelin(here.path(), "bench gan --seconds 0").env("GOBELIN_SIMD", "avx3").output().unwrap();
    let line =
        "error: GOBELIN_SIMD=avx3: known are portable, avx2 and avx512; unset, the best of the processor";
    assert_eq!(told(&output), (2, vec![line.to_owned()]));
}

#[test]
fn data_that_cannot_be_trained_on() {
    let here = workplace();
    let path = |name: &str| here.path().join(name);
    for folder in ["short", "torn"] {
        fs::create_dir(path(folder)).unwrap();
        for entry in fs::read_dir(path("idx")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), path(folder).join(entry.file_name())).unwrap();
        }
    }
    let cut = |file: &str| {
        let bytes = fs::read(path(file)).unwrap();
        fs::write(path(file), &bytes[..bytes.len() / 2]).unwrap();
    };
    cut("short/train-images-idx3-ubyte.gz");
    cut("torn/train-labels-idx1-ubyte");
    fs::create_dir(path("broken")).unwrap();
    for number in 0..20 {
        fs::write(path("broken").join(format!("{number}.png")), b"\x89PNG\r\n\x1a\n and no more").unwrap();
    }
    write_pictures(&path("single"), 1);
    fs::create_dir(path("empty")).unwrap();

    let again = "download the file again";
    for (words, code, begin, end) in [
        ("--data idx:missing", 1, "missing: no such folder; expected train-images", "holds these files"),
        ("--data idx:pictures", 1, "pictures: no train-images-idx3-ubyte; expected", "holds these files"),
        ("--data cifar10:idx", 1, "idx: no data_batch_1.bin; expected", "CIFAR-10's binary version"),
        ("--data folder:missing", 1, "missing: no such folder; expected PNG or JPEG", "check the path"),
        ("--data folder:empty", 1, "empty: 0 PNG or JPEG pictures; expected", "to PNG or JPEG"),
        ("--data folder:single", 1, "single: one picture; expected at least two", "add pictures"),
        ("--data idx:short", 1, "short/train-images-idx3-ubyte.gz: cut short; expected the 64x28x28", again),
        ("--data idx:torn", 1, "torn/train-labels-idx1-ubyte: ", again),
        ("--data folder:broken --batch 4", 1, "folder:broken: 20 pictures, ", "replace or remove the file"),
        ("--data nothing", 2, "data source `nothing`: unknown kind; expected faces, ", "identities:DIR"),
        ("--data idx:", 2, "data source `idx:`: no folder given; expected", "identities:DIR"),
        ("--data idx:idx --batch 65", 1, "idx:idx: 64 grey", "make the batch smaller or add pictures"),
        (
            "--data faces --size 28 --batch 200001",
            1,
            "faces: 200000",
            "make the batch smaller or add pictures",
        ),
    ] {
        must_refuse(here.path(), &format!("gan --out run --width 4 {words}"), code, begin, end);
        assert!(!path("run").exists(), "{words}");
    }
}

#[test]
fn values_that_no_run_can_have() {
    let here = workplace();
    let number = "expected a whole number of 1 or more (see --help)";
    let other = "choose one of them";
    for (words, begin, end) in [
        ("--size 48", "--size 48: DCGAN draws pictures of 28, 32, 64 or 128 pixels", other),
        ("--size 0", "--size 0: DCGAN draws pictures", other),
        ("--size -28", "invalid value '-28' for '--size <PIXELS>'", "(see --help)"),
        ("--size 99999999999999999999", "invalid value '99999999999999999999' for '--size", "(see --help)"),
        ("--channels 2", "--channels 2: expected 1 (grey) or 3 (colours)", ""),
        ("--width 0", "--width 0: expected 1 to 1024", ""),
        ("--noise 0", "--noise 0: expected 1 to 65536", ""),
        ("--batch 1", "--batch 1: batch norm needs pictures to compare; use 2 or more", ""),
        ("--batch 0", "invalid value '0' for '--batch <N>'", number),
        ("--steps 0", "invalid value '0' for '--steps <N>'", number),
        ("--steps 1e3", "invalid value '1e3' for '--steps <N>'", number),
        ("--seed -1", "invalid value '-1' for '--seed <S>'", "(see --help)"),
        (
            "--seed 9223372036854775808",
            "invalid value '9223372036854775808' for '--seed <S>'",
            "(see --help)",
        ),
        ("--threads 0", "invalid value '0' for '--threads <T>'", "of 1 to 1024 (see --help)"),
        ("--threads 100000", "invalid value '100000' for '--threads <T>'", "of 1 to 1024 (see --help)"),
        ("--device cuda", "--device cuda: ", "use --device cpu"),
        ("--device tpu", "invalid value 'tpu' for '--device <DEVICE>'", "cpu, cuda or cuda:N (see --help)"),
        ("--loss lsgan", "invalid value 'lsgan' for '--loss <LOSS>'", "(see --help)"),
        ("--norm layer", "invalid value 'layer' for '--norm <NORM>'", "(see --help)"),
        ("--upsample bicubic", "invalid value 'bicubic' for '--upsample <UPSAMPLE>'", "(see --help)"),
        ("--optimiser lion", "invalid value 'lion' for '--optimiser <OPTIMISER>'", "(see --help)"),
        ("--learning-rate nan", "--learning-rate NaN: expected 0 to 10", ""),
        ("--learning-rate -0.1", "--learning-rate -0.1: expected 0 to 10", ""),
        ("--learning-rate fast", "invalid value 'fast' for '--learning-rate <RATE>'", "(see --help)"),
        ("--beta1 1", "--beta1 1: expected 0 to 0.999999", ""),
        ("--clip inf", "--clip inf: expected 0 to 100 (0: no clipping)", ""),
        ("--ema 1", "--ema 1: expected 0 to 0.999999 (0: no average)", ""),
        ("--critic-updates 0", "--critic-updates 0: expected 1 to 1000", ""),
        ("--gradient-penalty -1", "--gradient-penalty -1: expected 0 to 1000000", ""),
        ("--gradient-penalty 10 --norm batch", "--norm batch: a gradient penalty ", "instance or spectral"),
        ("--label-noise 0.6", "--label-noise 0.6", ": expected 0 to 0.5"),
        ("--loss wgan --label-smoothing 0.1", "--label-smoothing and --label-noise: ", "minmax, ns or ls"),
        ("--held-out 1", "--held-out 1: expected 2 to 1000000", ""),
        ("--checkpoint-every 0", "invalid value '0' for '--checkpoint-every", "(see --help)"),
        ("--sample-every 0", "invalid value '0' for '--sample-every <N>'", number),
        ("--flip=maybe", "unexpected value 'maybe' for '--flip' found", "(see --help)"),
        ("--steps 5 --steps 6", "the argument '--steps <N>' cannot be used multiple times", "(see --help)"),
        ("--datum faces", "unexpected argument '--datum' found", "(see --help)"),
        ("faces", "unexpected argument 'faces' found (see --help)", ""),
        ("--resume", "--resume needs to know which run: add --out with its directory", ""),
    ] {
        must_refuse(here.path(), &format!("gan {words}"), 2, begin, end);
    }
    for (words, begin) in [
        ("gann", "unrecognized subcommand 'gann'"),
        ("", "'gobelin' requires a subcommand but one was not provided"),
        ("data", "'gobelin data' requires a subcommand but one was not provided"),
    ] {
        must_refuse(here.path(), words, 2, begin, "(see --help)");
    }
    assert!(!here.path().join("runs").exists());
}

#[test]
fn directories_no_run_can_have() {
    let here = workplace();
    fs::write(here.path().join("file"), "kept").unwrap();
    let may_write = "choose a directory that you may write with --out";
    for (out, code, begin, end) in [
        ("file", 1, "cannot use as a run directory file: ", may_write),
        ("file/below", 1, "cannot use as a run directory file/below: ", may_write),
        ("/proc/run", 1, "cannot create /proc/run: ", ""),
        ("idx", 2, "idx is not empty and holds no run: ", "an empty directory for --out"),
    ] {
        must_refuse(here.path(), &format!("gan {TINY} {} --out {out}", RUNS[0]), code, begin, end);
    }
}

#[test]
fn a_run_that_cannot_be_resumed_this_way() {
    let here = trained(&format!("{TINY} {}", RUNS[0]));
    let run = "gan --out run";
    let new = "begin a new run with another --out";
    for (words, code, begin, end) in [
        (run.to_owned(), 2, "run already holds a run: add --resume to continue it", "choose another --out"),
        ("gan --resume --out idx".into(), 2, "idx holds no run (no config.toml in it): check --out", "there"),
        (
            format!("{run} --resume --loss ls"),
            2,
            "--loss ls contradicts run/config.toml, which says minmax",
            new,
        ),
        (format!("{run} --resume --width 8"), 2, "--width 8 contradicts run/config.toml, which says 4", new),
        (format!("{run} --resume --data faces"), 2, "--data faces contradicts run/config.toml", new),
        (format!("{run} --resume --seed 1"), 2, "--seed 1 contradicts run/config.toml, which says 0", new),
        (format!("{run} --resume --steps 6"), 2, "--steps 6 contradicts run/config.toml, which says 12", new),
        (format!("{run} --resume --device cuda"), 2, "--device cuda: ", "use --device cpu"),
    ] {
        must_refuse(here.path(), &words, code, begin, end);
    }
    let config = here.path().join("run/config.toml");
    let written = fs::read_to_string(&config).unwrap();
    let spoil = |from: &str, to: &str| fs::write(&config, written.replacen(from, to, 1)).unwrap();
    let back = "put back what the program wrote, or begin a new run with another --out";
    for (from, to, begin, end) in [
        ("\"gan\"", "\"facenet\"", "run is a run of the trainer facenet, not of gan: ", "another --out"),
        ("size = 28", "size = 32", "run/config.toml: size is 32; its checkpoint was made with 28", new),
        ("width = 4", "width = \"wide\"", "run/config.toml: invalid type: string \"wide\"", back),
        ("\"minmax\"", "\"best\"", "run/config.toml: unknown variant `best`", back),
        ("seed = 0", "seed = ", "run/config.toml: not TOML ", back),
        ("seed = 0", "sead = 0", "run/config.toml: missing field `seed`", back),
    ] {
        spoil(from, to);
        must_refuse(here.path(), "gan --out run --resume", 2, begin, end);
    }
    // Without a checkpoint, the file alone says what the run is.
    fs::remove_file(here.path().join("run/checkpoint")).unwrap();
    fs::remove_file(here.path().join("run/checkpoint.previous")).unwrap();
    for (from, to, begin) in [
        ("size = 28", "size = 40", "--size 40: DCGAN draws pictures"),
        ("width = 4", "width = 0", "--width 0: expected 1 to 1024"),
        ("batch = 8", "batch = 0", "--batch 0: batch norm needs pictures"),
        ("channels = 1", "channels = 2", "--channels 2: expected 1"),
        ("critic-updates = 1", "critic-updates = 0", "--critic-updates 0: expected 1 to 1000"),
        ("ema = 0.0", "ema = 7.5", "--ema 7.5: expected 0 to 0.999999"),
        ("idx:idx", "idx:gone", "gone: no such folder; expected train-images"),
    ] {
        spoil(from, to);
        let code = if to == "idx:gone" { 1 } else { 2 };
        must_refuse(here.path(), "gan --out run --resume", code, begin, "");
    }
}
