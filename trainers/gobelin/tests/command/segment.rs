//! `gobelin segment` as a user calls it.

use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use tempfile::{TempDir, tempdir};

use crate::refusals::must_refuse;
use crate::shell::{call, gobelin, metrics, must_be_the_same_run};

/// What makes a run take less than a second.
const TINY: &str = "--width 2 --depth 2 --size 16 --batch 4 --steps 6 --held-out 3 --log-every 2 --sample-every 3 \
                    --checkpoint-every 2";

/// Every kind of data and of loss.
const RUNS: [&str; 5] = [
    "",
    "--data roads --loss dice --cldice 0.5 --upright",
    "--loss cross-entropy --class-weights balance --pixel-weights --refine 3",
    "--topology 0.1 --refine 2 --exact",
    "--data pairs:pairs --topology 0.01 --topology-layers pool1,conv2_2 --objects foreground",
];

/// A new directory with pictures and masks in `pairs`: grey pictures of a bright cross, of different sizes.
fn workplace() -> TempDir {
    let here = tempdir().unwrap();
    write_pairs(&here.path().join("pairs"), 12, 37);
    here
}

fn write_pairs(folder: &Path, count: u32, side: u32) {
    for part in ["images", "masks"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    for number in 0..count {
        let (height, width) = (side + number % 3, side + 5);
        let on_cross = |x: u32, y: u32| x.abs_diff(10 + number) < 2 || y.abs_diff(20) < 2;
        let picture = |on: u8, off: u8| {
            image::GrayImage::from_fn(width, height, |x, y| {
                image::Luma([if on_cross(x, y) { on } else { off }])
            })
        };
        picture(200, 60).save(folder.join(format!("images/{number}.png"))).unwrap();
        picture(255, 0).save(folder.join(format!("masks/{number}.png"))).unwrap();
    }
}

/// A new directory in which `gobelin segment --out run WORDS` was run to the end.
#[track_caller]
fn trained(words: &str) -> TempDir {
    let here = workplace();
    let (code, lines) = call(here.path(), &format!("segment --out run {words}"));
    assert_eq!(code, 0, "segment {words}: {lines:?}");
    here
}

#[test]
fn every_loss_leaves_everything_that_a_run_is() {
    for words in RUNS {
        let here = workplace();
        let output = gobelin(here.path(), &format!("segment --out run {TINY} {words}")).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(told.lines().count() == 1 && told.starts_with("IoU 0."), "{told}");

        let lines = metrics(&here.path().join("run"));
        let steps: Vec<u64> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, [1, 2, 3, 4, 6, 6], "{words}");
        for line in &lines[..5] {
            for name in ["loss", "loss/pixel", "gradient-norm", "set/predicted", "set/actual"] {
                assert!(line[name].is_number(), "{words}: {name} in {line}");
            }
            assert_eq!(line["loss/topology"].is_number(), words.contains("--topology "), "{words}: {line}");
            assert_eq!(line["loss/cldice"].is_number(), words.contains("--cldice"), "{words}: {line}");
        }
        for line in [&lines[2], &lines[4], &lines[5]] {
            for name in ["iou", "dice", "completeness", "correctness", "quality", "rand-v"] {
                assert!(
                    line[name].as_f64().is_some_and(|value| (0.0..=1.0).contains(&value)),
                    "{name} in {line}"
                );
            }
            for name in ["betti-0-error", "betti-1-error"] {
                assert!(line[name].as_f64().is_some_and(|value| value >= 0.0), "{name} in {line}");
            }
        }

        let bytes = fs::read(here.path().join("run/unet.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let first = tensors.tensor("down.0.0.0.weight").unwrap();
        let channels = if words.contains("roads") { 3 } else { 1 } + usize::from(words.contains("--refine"));
        assert_eq!(first.shape(), [2, channels, 3, 3], "{words}");
        let grid = image::open(here.path().join("run/samples/masks-000006.png")).unwrap();
        let answers =
            if words.contains("--refine 3") { 3 } else { 1 + u32::from(words.contains("--refine")) };
        assert_eq!(grid.width(), (answers + 3) * 18 - 2, "{words}");
    }
}

#[test]
fn stopped_and_resumed_a_run_ends_the_same_with_any_number_of_threads() {
    for words in [RUNS[2], RUNS[4]] {
        let expected = trained(&format!("{TINY} {words}"));
        let here = trained(&format!("{} {words}", TINY.replace("--steps 6", "--steps 3")));
        let mut command = gobelin(here.path(), "segment --out run --resume --steps 6");
        assert!(command.env("RAYON_NUM_THREADS", "3").output().unwrap().status.success());
        must_be_the_same_run(here.path(), expected.path(), words);
    }
}

#[test]
fn a_comparison_leaves_a_table_and_can_be_resumed() {
    let words = format!("{TINY} --compare --pixel-updates 1.5");
    let expected = trained(&words);
    let run = expected.path().join("run");
    let table = fs::read_to_string(run.join("compare.md")).unwrap();
    assert!(table.contains("| updates | 9 | 6 | |"), "{table}");
    let told: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(run.join("compare.json")).unwrap()).unwrap();
    for (name, metric) in told["metrics"].as_object().unwrap() {
        for side in ["pixel", "topology"] {
            let seeds: Vec<f64> =
                metric[side]["seeds"].as_array().unwrap().iter().map(|seed| seed.as_f64().unwrap()).collect();
            let mean = seeds.iter().sum::<f64>() / 3.0;
            assert!(
                seeds.len() == 3 && (metric[side]["mean"].as_f64().unwrap() - mean).abs() < 1e-9,
                "{name}"
            );
            assert!(table.contains(&format!("| {mean:.4} ± ")), "{name}: {table}");
        }
    }
    assert!(run.join("samples/pixel-and-topology-000006.png").exists());

    let here = trained(&words.replace("--steps 6", "--steps 4"));
    assert_eq!(call(here.path(), "segment --out run --resume --steps 6").0, 0);
    for side in ["pixel", "topology"] {
        for number in 0..3 {
            let file = format!("run/unet-{side}-{number}.safetensors");
            let [found, expected] =
                [&here, &expected].map(|place| fs::read(place.path().join(&file)).unwrap());
            assert!(found == expected, "{file}");
        }
    }
}

#[test]
fn a_trained_network_finds_the_mask_of_a_picture_of_any_size() {
    let here = trained(&format!("{} --refine 2 --data pairs:pairs", TINY.replace("--steps 6", "--steps 2")));
    let picture = image::RgbImage::from_fn(61, 33, |x, y| image::Rgb([(x * 4) as u8, (y * 7) as u8, 90]));
    picture.save(here.path().join("wide.png")).unwrap();
    let apply = "segment apply --weights run --input wide.png --refine 2 --output";
    for (words, most) in [("mask.png", 2), ("soft.png --probability", 256)] {
        let (code, lines) = call(here.path(), &format!("{apply} {words}"));
        assert!(code == 0 && lines.len() == 1 && lines[0].contains("of 61x33 pixels set"), "{lines:?}");
        let found = image::open(here.path().join(words.split(' ').next().unwrap())).unwrap().into_luma8();
        assert_eq!(found.dimensions(), (61, 33));
        let mut values = found.into_raw();
        values.sort_unstable();
        values.dedup();
        assert!(values.len() <= most && (most > 2 || values.iter().all(|value| [0, 255].contains(value))));
    }

    let (code, lines) = call(here.path(), "segment apply --weights run --input pairs/images --output masks");
    assert_eq!((code, lines.len()), (0, 0), "{lines:?}");
    let count = |folder: &str| fs::read_dir(here.path().join(folder)).unwrap().count();
    assert!(count("masks") > 1 && count("masks") == count("pairs/images"));

    fs::write(here.path().join("text.png"), "no picture").unwrap();
    fs::write(here.path().join("pickle.pt"), b"PK\x03\x04 as torch.save writes").unwrap();
    let plain = trained(TINY);
    fs::copy(plain.path().join("run/unet.safetensors"), here.path().join("plain.safetensors")).unwrap();
    let vgg = "net vgg19 --init 0 --weights vgg.safetensors";
    assert_eq!(call(here.path(), vgg).0, 0);
    let trained_by = "unet.safetensors of a run";
    for (weights, input, output, code, begin, end) in [
        ("none", "wide.png", "m.png", 1, "none: No such file", ""),
        ("pickle.pt", "wide.png", "m.png", 1, "pickle.pt: no safetensors file", ""),
        (
            "vgg.safetensors",
            "wide.png",
            "m.png",
            1,
            "vgg.safetensors: no tensor `down.0.0.0.weight`",
            trained_by,
        ),
        ("run/unet.safetensors", "text.png", "m.png", 1, "text.png: is no picture", ""),
        ("run/unet.safetensors", "gone.png", "m.png", 2, "--input gone.png: no such file or folder", ""),
        (
            "run/unet.safetensors",
            "wide.png",
            "m.jpg",
            2,
            "--output m.jpg: expected the name of a .png file",
            "",
        ),
        (
            "plain.safetensors --refine 2",
            "wide.png",
            "m.png",
            2,
            "--refine: plain.safetensors sees",
            "leave it out",
        ),
    ] {
        let words = format!("segment apply --weights {weights} --input {input} --output {output}");
        must_refuse(here.path(), &words, code, begin, end);
    }
    must_refuse(
        here.path(),
        "segment apply --input wide.png --output m.png",
        2,
        "the following required",
        "(see --help)",
    );
}

#[test]
fn data_that_cannot_be_trained_on() {
    let here = workplace();
    let path = |name: &str| here.path().join(name);
    for name in ["alone", "unlike", "empty", "ones", "small"] {
        write_pairs(&path(name), 11, if name == "small" { 12 } else { 37 });
    }
    fs::remove_file(path("alone/masks/3.png")).unwrap();
    fs::copy(path("small/masks/0.png"), path("unlike/masks/0.png")).unwrap();
    fs::remove_dir_all(path("empty/images")).unwrap();
    fs::create_dir(path("empty/images")).unwrap();
    for number in 0..11 {
        let file = path(&format!("ones/masks/{number}.png"));
        let mut mask = image::open(&file).unwrap().into_luma8();
        mask.iter_mut().for_each(|value| *value /= 255);
        mask.save(&file).unwrap();
    }
    let small = TINY.replace("--size 16", "");
    for (words, code, begin, end) in [
        ("--data pairs:missing", 1, "missing: no such folder; expected images/ and masks/", "check the path"),
        ("--data pairs:pairs/images", 1, "pairs/images: no folder images; expected images/ and masks/", ""),
        (
            "--data pairs:alone",
            1,
            "alone/images/3.png: a picture without a mask; expected masks/3.png",
            "this one",
        ),
        ("--data pairs:unlike", 1, "unlike/masks/0.png: 12x17 pixels (height x width); expected 37x42", ""),
        ("--data pairs:empty", 1, "empty/images: 0 PNG or JPEG pictures; expected", "to PNG or JPEG"),
        ("--data pairs:ones", 1, "pairs:ones: 11 pictures", "multiply masks of 0 and 1 by 255"),
        ("--data pairs:small --size 16", 2, "pairs:small: 11 pictures", "leave that picture out"),
        ("--data pairs:small --depth 4", 2, "pairs:small: 11 pictures", "leave that picture out"),
        (
            "--data pairs:pairs --batch 11",
            1,
            "pairs:pairs: 12 pictures",
            "make the batch smaller or add pictures",
        ),
        (
            "--pictures 3",
            1,
            "membranes: 20000 drawn grey pictures of 64x64 with masks, the first of them: 3 pictures: a batch of 4",
            "",
        ),
        ("--data pairs:", 2, "data source `pairs:`: no folder given", ""),
        ("--data faces", 2, "--data faces: has no masks to learn", "use membranes, roads or pairs:DIR"),
        ("--data membranes:here", 2, "data source `membranes:here`: drawn pictures take no folder", ""),
        ("--topology 0.1 --vgg gone.safetensors", 1, "gone.safetensors: ", ""),
    ] {
        // Later flags would be refused as given twice.
        let (depth, batch) = (words.contains("--depth"), words.contains("--batch"));
        let mut common = small.clone();
        if depth {
            common = common.replace("--depth 2", "");
        }
        if batch {
            common = common.replace("--batch 4", "");
        }
        must_refuse(here.path(), &format!("segment --out run {common} {words}"), code, begin, end);
        assert!(!path("run").exists(), "{words}");
    }
    let (code, lines) = call(here.path(), "data check pairs:alone");
    assert!(
        code == 1 && lines[0].starts_with("error: alone/images/3.png: a picture without a mask"),
        "{lines:?}"
    );
    let output = gobelin(here.path(), "data check pairs:pairs").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("10 pictures\n  decoded: 10 of 10") && told.contains("0 masks with none"),
        "{told}"
    );
}

#[test]
fn values_that_no_run_can_have() {
    let here = workplace();
    for (words, begin, end) in [
        ("--size 20", "--size 20: expected a multiple of 16, as --depth 4 halves it 4 times, up to 4096", ""),
        ("--size 0", "--size 0: expected a multiple of 16", ""),
        ("--width 0", "--width 0: expected 1 to 1024", ""),
        ("--width 1024 --depth 6 --size 64", "--width 1024 with --depth 6: 65536 channels", "8192 at most"),
        ("--depth 7", "--depth 7: expected 1 to 6", ""),
        (
            "--depth 4 --size 16 --batch 1",
            "--batch 1 of --size 16: batch norm needs two numbers",
            "larger ones",
        ),
        ("--channels 2", "--channels 2: expected 1 (grey) or 3 (colours)", ""),
        ("--loss mse", "invalid value 'mse' for '--loss <LOSS>'", "(see --help)"),
        (
            "--loss dice --pixel-weights",
            "--loss dice: it compares areas, not pixels",
            "use --loss bce or cross-entropy",
        ),
        (
            "--loss dice --class-weights balance",
            "--loss dice: it compares areas",
            "use --loss bce or cross-entropy",
        ),
        ("--class-weights 1", "--class-weights 1: expected two numbers from 0 to 10000", "or balance"),
        ("--class-weights 1,x", "--class-weights 1,x: expected two numbers", "or balance"),
        ("--class-weights 0,0", "--class-weights 0,0: expected two numbers", "or balance"),
        ("--class-weights 1,nan", "--class-weights 1,nan: expected two numbers", "or balance"),
        ("--topology -1", "--topology -1: expected 0 to 1000000 (0: no topology loss)", ""),
        ("--topology nan", "--topology NaN: expected 0 to 1000000", ""),
        ("--topology-layers relu9_9", "--topology-layers: no layer `relu9_9` in VGG-19", ""),
        (
            "--size 16 --topology-layers pool5",
            "--topology-layers pool5: sees pictures of 32 pixels",
            "larger --size",
        ),
        ("--refine 0", "--refine 0: expected 1 to 16", ""),
        ("--cldice inf", "--cldice inf: expected 0 to 1000000 (0: no clDice)", ""),
        ("--cldice-iterations 0", "--cldice-iterations 0: expected 1 to 64", ""),
        ("--gap-sigma 0", "--gap-sigma 0: expected 0.1 to 10000", ""),
        ("--learning-rate nan", "--learning-rate NaN: expected 0 to 10", ""),
        ("--pictures 0", "--pictures 0: expected 1 to 1000000000", ""),
        ("--held-out 0", "--held-out 0: expected 1 to 1000000", ""),
        (
            "--compare --topology 0",
            "--compare: with --topology 0 there is nothing to compare",
            "give a weight",
        ),
        ("--pixel-updates 2", "--pixel-updates: means something with --compare only", ""),
        ("--compare --pixel-updates 0", "--pixel-updates 0: expected 0.01 to 100", ""),
        (
            "--vgg-normalisation torch",
            "invalid value 'torch' for '--vgg-normalisation <KIND>'",
            "(see --help)",
        ),
        (
            "--steps 4 apply",
            "the subcommand 'apply' cannot be used with: --out <DIR> --steps <N>",
            "(see --help)",
        ),
    ] {
        must_refuse(here.path(), &format!("segment --out run {words}"), 2, begin, end);
    }
}
