//! `gobelin cyclegan`: runs, resumption, translation, and bad input.

use std::fs;

use tempfile::{TempDir, tempdir};

use crate::refusals::must_refuse;
use crate::shell::{
    CMYK, call, contents, gobelin, metrics, must_be_the_same_run, must_not_depend_on_threads,
    must_survive_kills, write_picture,
};

/// What makes a run take less than a second.
const TINY: &str = "--size 24 --width 2 --blocks 1 --pool 3 --held-out 3 --constant-steps 6 --decay-steps 8 --steps 12 \
                    --log-every 2 --sample-every 6 --checkpoint-every 3";

const RUNS: [&str; 3] = [
    "",
    "--data ab:ab --identity 0.5 --batch 2 --patch 16",
    "--data ab:ab --channels 1 --cycle 0 --loss hinge --upsample resize --exact --flip=false --crop-from 24",
];

/// A new directory with two domains in `ab`, one larger than the other.
fn workplace() -> TempDir {
    let here = tempdir().unwrap();
    for (folder, count) in [("trainA", 7), ("trainB", 11), ("testA", 3), ("testB", 5)] {
        let folder = here.path().join("ab").join(folder);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..count {
            write_picture(&folder.join(format!("{number}.png")), number);
        }
        fs::write(folder.join("inks.jpg"), CMYK).unwrap();
    }
    here
}

fn trained(words: &str) -> TempDir {
    let here = workplace();
    let (code, lines) = call(here.path(), &format!("cyclegan --out run {words}"));
    assert_eq!(code, 0, "cyclegan {words}: {lines:?}");
    here
}

#[test]
fn a_run_leaves_everything() {
    for words in RUNS {
        let here = workplace();
        let output = gobelin(here.path(), &format!("cyclegan --out run {TINY} {words}")).output().unwrap();
        let line = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        let drawn = words.is_empty();
        let begin = if drawn { "A to B: PSNR " } else { "A to B: sliced Wasserstein distance " };
        assert!(line.starts_with(begin) && line.contains("; there and back, A is "), "{line}");

        let run = here.path().join("run");
        let lines = metrics(&run);
        let steps: Vec<u64> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, [1, 2, 4, 6, 8, 10, 12, 12], "{words}");
        for line in &lines[..7] {
            for name in ["loss/g", "loss/d", "adversarial/a-to-b", "discriminator/a", "score/fake-b"] {
                assert!(line[name].is_f64(), "{words}: {name} in {line}");
            }
            assert_eq!(line["cycle/a"].is_f64(), !words.contains("--cycle 0"), "{line}");
            assert_eq!(line["identity/b"].is_f64(), drawn || words.contains("--identity"), "{line}");
        }
        assert_eq!(lines[6]["pool/a"].as_f64(), Some(3.0));
        // Steps count from 0 in the schedule: the twelfth has fallen for five of eight.
        assert!((lines[6]["learning-rate"].as_f64().unwrap() - 2e-4 * 3.0 / 8.0).abs() < 1e-12);
        for line in [&lines[3], &lines[6], &lines[7]] {
            for name in ["swd/a-to-b", "swd-nothing/b-to-a", "cycle-distance/a", "cycle-distance/b"] {
                assert!(line[name].as_f64().is_some_and(|value| value >= 0.0), "{words}: {name} in {line}");
            }
            for name in ["psnr/a-to-b", "psnr-nothing/b-to-a", "ssim/b-to-a", "ssim-nothing/a-to-b"] {
                assert_eq!(line[name].is_f64(), drawn, "{words}: {name} in {line}");
            }
        }
        for direction in ["a-to-b", "b-to-a"] {
            let grid = image::open(run.join(format!("samples/{direction}-000012.png"))).unwrap();
            let columns = if drawn { 4 } else { 3 };
            assert_eq!((grid.width(), grid.height()), (columns * 26 - 2, 3 * 26 - 2), "{words}");
        }
        for file in ["generator_a_to_b", "generator_b_to_a", "discriminator_a", "discriminator_b"] {
            assert!(run.join(file).with_extension("safetensors").exists(), "{words}: {file}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    for words in RUNS {
        must_not_depend_on_threads(workplace, &format!("cyclegan --out run {TINY} {words}"));
    }
}

#[test]
fn killed_and_resumed_a_run_ends_the_same() {
    let run = |words: &&str| must_survive_kills(workplace, &format!("cyclegan --out run {TINY} {words}"));
    assert!(RUNS.iter().map(run).sum::<u32>() > 0, "no kill came in time");
}

#[test]
fn trained_for_longer_a_run_ends_as_if_it_had_been_meant_to() {
    let expected = trained(TINY);
    let here = trained(&TINY.replace("--steps 12", "--steps 6"));
    assert_eq!(call(here.path(), "cyclegan --out run --resume --steps 12").0, 0);
    must_be_the_same_run(here.path(), expected.path(), TINY);
    // Past the schedule nothing is learned, and that is told.
    let (code, lines) = call(here.path(), "cyclegan --out run --resume --steps 16");
    assert_eq!(code, 0);
    let named = lines.iter().filter(|line| line.contains("the learning rate has reached 0")).count();
    assert_eq!(named, 1, "{lines:?}");
}

#[test]
fn steps_are_the_whole_schedule_where_they_are_not_given() {
    let short = |words: &str| {
        let tiny = TINY.replace("--constant-steps 6 --decay-steps 8 --steps 12", words);
        let here = trained(&format!("{tiny} --data ab:ab"));
        metrics(&here.path().join("run")).last().unwrap()["step"].as_u64()
    };
    assert_eq!(short("--constant-steps 2 --decay-steps 1"), Some(3));
    assert_eq!(short("--constant-steps 4"), Some(8));
    assert_eq!(short("--constant-steps 3 --decay-steps 0"), Some(3));
}

#[test]
fn pictures_of_every_size_and_mode_are_translated() {
    let here = trained(TINY);
    let translate = |words: &str| {
        let (code, lines) = call(here.path(), &format!("cyclegan apply --weights {words}"));
        assert_eq!(code, 0, "{words}: {lines:?}");
    };
    let size = |path: &str| image::image_dimensions(here.path().join(path)).unwrap();
    translate("run --input ab/testA --output out");
    for number in 0..3u32 {
        assert_eq!(size(&format!("out/{number}.png")), (25 + number, 24 + number));
    }
    assert_eq!(size("out/inks.png"), size("ab/testA/inks.jpg"));
    // One picture alone, by the file of the same direction, gives the same bytes; the other direction others.
    let read = |path: &str| fs::read(here.path().join(path)).unwrap();
    translate("run/generator_a_to_b.safetensors --input ab/testA/2.png --output 2.png");
    assert!(read("2.png") == read("out/2.png"));
    translate("run --direction b-to-a --input ab/testA/2.png --output back.png --threads 1");
    assert!(read("2.png") != read("back.png"));
}

#[test]
fn translations_that_cannot_be_made() {
    let here = trained(TINY);
    let path = |name: &str| here.path().join(name);
    fs::create_dir_all(path("twins/deep")).unwrap();
    write_picture(&path("twins/deep/a.png"), 4);
    fs::write(path("twins/deep/a.jpg"), CMYK).unwrap();
    fs::create_dir_all(path("nested/deep")).unwrap();
    for name in ["nested/a.png", "nested/deep/a.png"] {
        write_picture(&path(name), 4);
    }
    fs::create_dir(path("empty")).unwrap();
    fs::write(path("torn.png"), b"\x89PNG\r\n\x1a\n and no more").unwrap();
    fs::write(path("text"), "no weights").unwrap();
    let w = "run/generator_a_to_b.safetensors";
    for (words, code, begin, end) in [
        ("--weights none --input ab/testA --output o".into(), 1, "none: No such file", ""),
        ("--weights ab --input ab/testA --output o".into(), 1, "ab/generator_a_to_b.safetensors: No", ""),
        ("--weights text --input ab/testA --output o".into(), 1, "text: no safetensors file", ""),
        (
            "--weights run/discriminator_a.safetensors --input ab/testA --output o".into(),
            1,
            "run/discriminator_a.safetensors: 10 tensors, but no filter `model.1.weight`",
            "generator_a_to_b.safetensors of a run",
        ),
        (format!("--weights {w} --direction a-to-b --input ab --output o"), 2, "--direction a-to-b: ", ""),
        (format!("--weights {w} --direction up --input ab --output o"), 2, "invalid value 'up'", ""),
        (format!("--weights {w} --input none --output o"), 2, "--input none: no such file or folder", ""),
        (format!("--weights {w} --input empty --output o"), 1, "empty: 0 PNG or JPEG pictures", ""),
        (format!("--weights {w} --input ab/testA --output text"), 2, "--output text: is no folder", ""),
        (format!("--weights {w} --input ab/testA --output ab/testA"), 2, "--output ab/testA: is the", ""),
        (format!("--weights {w} --input twins --output o"), 2, "--input twins: ", "rename one of them"),
        (format!("--weights {w} --input ab/testA/0.png --output o.jpg"), 2, "--output o.jpg: expected", ""),
        (format!("--weights {w} --input ab/testA/0.png --output empty"), 2, "--output empty: expected", ""),
        (format!("--weights {w} --input ab/testA/0.png --output ab/testA/0.png"), 2, "--output ab/", ""),
        (format!("--weights {w} --input torn.png --output o.png"), 1, "torn.png: ", ""),
        (format!("--weights {w} --input text --output o.png"), 1, "text: is no picture", "the file"),
        (
            format!("--weights {w} --input nested --output nested/deep"),
            2,
            "--output nested/deep: nested/deep/a",
            "",
        ),
        (
            "--weights text --direction b-to-a --input ab --output o".into(),
            2,
            "--direction b-to-a: text is one",
            "",
        ),
        (format!("--weights {w} --input ab/testA/0.png --output /proc/o.png"), 1, "cannot write /proc", ""),
        (format!("--weights {w} --input ab/testA"), 2, "the following required arguments", ""),
        (format!("--weights {w} --input ab --output o --device cuda"), 2, "--device cuda: ", ""),
    ] {
        must_refuse(here.path(), &format!("cyclegan apply {words}"), code, begin, end);
    }
    // Of several pictures, those that decode are translated.
    fs::copy(path("torn.png"), path("twins/torn.png")).unwrap();
    fs::remove_file(path("twins/deep/a.jpg")).unwrap();
    let (code, lines) = call(here.path(), &format!("cyclegan apply --weights {w} --input twins --output o"));
    assert_eq!((code, lines.len()), (1, 2), "{lines:?}");
    assert!(lines[0].starts_with("left out: twins/torn.png: "), "{lines:?}");
    assert!(lines[1].starts_with("error: 1 of 2 pictures could not be used"), "{lines:?}");
    assert!(path("o/deep/a.png").exists());
}

#[test]
fn domains_that_cannot_be_trained_on() {
    let here = workplace();
    let path = |name: &str| here.path().join(name);
    for (folder, missing) in [("less", "testB"), ("bare", "trainA")] {
        fs::create_dir(path(folder)).unwrap();
        for part in ["trainA", "trainB", "testA", "testB"] {
            fs::create_dir(path(folder).join(part)).unwrap();
            if part != missing {
                write_picture(&path(folder).join(part).join("0.png"), 4);
            }
        }
    }
    fs::remove_dir(path("less/testB")).unwrap();
    fs::write(path("bare/trainA/0.webp"), "not read").unwrap();
    fs::create_dir(path("broken")).unwrap();
    for part in ["trainA", "trainB", "testA", "testB"] {
        fs::create_dir(path("broken").join(part)).unwrap();
        fs::write(path("broken").join(part).join("0.png"), "no picture").unwrap();
    }
    let layout = "each with PNG or JPEG pictures in it or in folders below it; ";
    for (data, code, begin, end) in [
        (
            "ab:none",
            1,
            "none: no such folder; expected the folders trainA, trainB, testA and testB",
            "the path",
        ),
        ("ab:ab/trainA", 1, "ab/trainA: no folder trainA, no folder trainB, no folder testA, no folder", ""),
        ("ab:less", 1, "less: no folder testB; expected the folders trainA, trainB, testA and testB", ""),
        ("ab:bare", 1, "bare/trainA: 0 PNG or JPEG pictures (1 .webp); expected the folders", "PNG or JPEG"),
        (
            "ab:broken",
            1,
            "folder:broken/testA: 1 pictures: 1 of 1 pictures could not be used",
            "remove the file",
        ),
        ("ab:", 2, "data source `ab:`: no folder given; expected faces, ", "identities:DIR"),
        ("seasons:here", 2, "data source `seasons:here`: drawn pictures take no folder", "identities:DIR"),
        ("ab:ab --batch 9", 1, "folder:ab/trainA: 8 pictures: a batch of 9", "smaller or add pictures"),
        ("faces", 2, "--data faces: expected two domains; use seasons or ab:DIR", ""),
        ("folder:ab", 2, "--data folder:ab: expected two domains; use seasons or ab:DIR", ""),
    ] {
        must_refuse(here.path(), &format!("cyclegan --out run {TINY} --data {data}"), code, begin, end);
        assert!(!path("run").exists(), "{data}");
    }
    assert!(call(here.path(), "data check ab:less").1[0].contains(layout));
}

#[test]
fn values_that_no_run_can_have() {
    let here = workplace();
    for (words, begin, end) in [
        ("--size 30", "--size 30: expected a multiple of 4 from 24 to 512", ""),
        ("--size 20", "--size 20: expected a multiple of 4 from 24 to 512", ""),
        ("--size 1024", "--size 1024: expected a multiple of 4 from 24 to 512", ""),
        ("--channels 2", "--channels 2: expected 1 (grey) or 3 (colours)", ""),
        ("--blocks 0", "--blocks 0: expected 1 to 64", ""),
        ("--width 0", "--width 0: expected 1 to 1024", ""),
        ("--discriminator-width 2000", "--discriminator-width 2000: expected 1 to 1024", ""),
        ("--patch 50", "--patch 50: expected 16, 34 or 70", ""),
        ("--cycle -1", "--cycle -1: expected 0 to 1000000 (0: no cycle loss)", ""),
        ("--cycle nan", "--cycle NaN: expected 0 to 1000000", "(0: no cycle loss)"),
        ("--identity -1", "--identity -1: expected 0 to 1000 (0: no identity loss)", ""),
        ("--identity 0.5 --cycle 0", "--identity 0.5: its weight is a share of --cycle", "use --cycle 10"),
        ("--pool -1", "invalid value '-1' for '--pool <N>'", "(see --help)"),
        ("--pool 100000", "--pool 100000: expected 0 to 99999", ""),
        ("--crop-from 20 --size 24", "--crop-from 20: expected --size (24) to 4096", ""),
        ("--loss wgan", "invalid value 'wgan' for '--loss <LOSS>'", "(see --help)"),
        ("--upsample bicubic", "invalid value 'bicubic' for '--upsample <UPSAMPLE>'", "(see --help)"),
        ("--flip=maybe", "invalid value 'maybe' for '--flip", "(see --help)"),
        ("--learning-rate 11", "--learning-rate 11: expected 0 to 10", ""),
        ("--beta2 1", "--beta2 1: expected 0 to 0.999999", ""),
        ("--held-out 0", "--held-out 0: expected 1 to 1000000", ""),
        ("--decay-steps -1", "invalid value '-1' for '--decay-steps", "(see --help)"),
        ("--batch 10001", "10000 drawn RGB pictures", "make the batch smaller or add pictures"),
    ] {
        let code = if words.starts_with("--batch") { 1 } else { 2 };
        must_refuse(here.path(), &format!("cyclegan {words}"), code, begin, end);
    }
    assert!(!here.path().join("runs").exists());
}

#[test]
fn a_spoilt_configuration_is_refused() {
    let here = trained(TINY);
    let config = here.path().join("run/config.toml");
    let written = fs::read_to_string(&config).unwrap();
    fs::remove_file(here.path().join("run/checkpoint")).unwrap();
    fs::remove_file(here.path().join("run/checkpoint.previous")).unwrap();
    for (from, to, begin) in [
        ("size = 24", "size = 25", "--size 25: expected a multiple of 4"),
        ("patch = 70", "patch = 7", "--patch 7: expected 16, 34 or 70"),
        ("blocks = 1", "blocks = 0", "--blocks 0: expected 1 to 64"),
        ("\"seasons\"", "\"faces\"", "--data faces: expected two domains"),
    ] {
        assert!(written.contains(from), "{from}");
        fs::write(&config, written.replacen(from, to, 1)).unwrap();
        must_refuse(here.path(), "cyclegan --out run --resume", 2, begin, "");
    }
}

#[test]
fn a_check_tells_both_domains() {
    let here = workplace();
    let output = gobelin(here.path(), "data check ab:ab").output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "expected: the folders trainA, trainB, testA and testB, ",
        "to train on: A is folder:ab/trainA: 8 pictures, B is folder:ab/trainB: 12 pictures",
        "  labels: 2, with 8 to 12 pictures each",
        "held out: A is folder:ab/testA: 4 pictures, B is folder:ab/testB: 6 pictures",
    ] {
        assert!(lines.lines().any(|line| line.starts_with(expected)), "{expected} in {lines}");
    }
    assert!(contents(here.path()).keys().all(|name| name.starts_with("ab/")));
}
