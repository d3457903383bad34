//! `gobelin superres`: runs, resumption, pictures enlarged and painted, and bad input.

use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::refusals::must_refuse;
use crate::shell::{call, gobelin, metrics, must_not_depend_on_threads, must_survive_kills, write_picture};

/// What makes a run take a second.
const TINY: &str = "--data folder:pictures --size 32 --width 2 --batch 2 --held-out 2 --steps 8 --log-every 1 \
                    --sample-every 4 --checkpoint-every 2";

const RUNS: [&str; 3] = [
    "--blocks 1",
    "--blocks 1 --scale 4 --loss perceptual+gan --gan-weight 0.1 --patch 16 --upsample resize --skip",
    "--task style --style style.png --style-size 24 --tv 1e-5",
];

/// A new directory with twenty pictures of 40 pixels a side or more in `pictures`, and smaller ones of every mode in `small`.
fn workplace() -> TempDir {
    let here = tempdir().unwrap();
    for folder in ["pictures", "small"] {
        fs::create_dir(here.path().join(folder)).unwrap();
    }
    for number in 0..20 {
        let colour = |x: u32, y: u32| {
            let wave = f64::from(x * (1 + number % 4) + y * (1 + number % 3)) / 5.0;
            [0.0, 0.8, 1.9].map(|phase| (127.0 + 90.0 * (wave + phase).sin()) as u8)
        };
        let picture =
            image::RgbImage::from_fn(40 + number % 7, 41 + number % 5, |x, y| image::Rgb(colour(x, y)));
        picture.save(here.path().join(format!("pictures/{number:02}.png"))).unwrap();
    }
    for number in 0..5 {
        write_picture(&here.path().join(format!("small/{number}.png")), number);
    }
    write_picture(&here.path().join("style.png"), 4);
    here
}

fn trained(words: &str) -> TempDir {
    let here = workplace();
    let (code, lines) = call(here.path(), &format!("superres --out run {words}"));
    assert_eq!(code, 0, "superres {words}: {lines:?}");
    here
}

fn size(here: &Path, path: &str) -> (u32, u32) {
    image::image_dimensions(here.join(path)).unwrap()
}

#[test]
fn a_run_leaves_everything() {
    for words in RUNS {
        let here = workplace();
        let output = gobelin(here.path(), &format!("superres --out run {TINY} {words}")).output().unwrap();
        let line = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        let painting = words.contains("style");
        let begin = if painting { "Gram distance to the style " } else { "PSNR " };
        assert!(line.starts_with(begin) && line.contains(" of 2 held-out pictures ("), "{line}");
        assert_eq!(line.contains("a perceptual loss gives up PSNR"), words.contains("perceptual"), "{line}");

        let run = here.path().join("run");
        let lines = metrics(&run);
        let steps: Vec<u64> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, [1, 2, 3, 4, 5, 6, 7, 8, 8], "{words}");
        let names: &[&str] = if painting {
            &["gram-distance", "gram-distance-before", "content-distance"]
        } else {
            &["psnr", "psnr-bicubic", "ssim", "ssim-bicubic"]
        };
        for line in [&lines[3], &lines[7], &lines[8]] {
            assert!(names.iter().all(|name| line[*name].is_f64()), "{words}: {line}");
        }
        for line in &lines[..8] {
            assert_eq!(line["loss/d"].is_f64(), words.contains("gan"), "{words}: {line}");
            assert_eq!(line["loss/tv"].is_f64(), painting, "{words}: {line}");
        }
        let file = if painting { "samples/painted-000008.png" } else { "samples/enlarged-000008.png" };
        assert!(run.join(file).exists() && run.join("network.safetensors").exists(), "{words}");
        assert_eq!(run.join("discriminator.safetensors").exists(), words.contains("gan"), "{words}");
        let table = fs::read_to_string(run.join("pictures.md"));
        assert_eq!(table.is_ok_and(|table| table.contains("| pictures/00.png | ")), !painting, "{words}");
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    for words in RUNS {
        must_not_depend_on_threads(workplace, &format!("superres --out run {TINY} {words}"));
    }
}

#[test]
fn killed_and_resumed_a_run_ends_the_same() {
    let run = |words: &&str| must_survive_kills(workplace, &format!("superres --out run {TINY} {words}"));
    assert!(RUNS.iter().map(run).sum::<u32>() > 0, "no kill came in time");
}

#[test]
fn a_painter_of_another_style_picture_is_not_resumed() {
    let here = trained(&format!("{TINY} {}", RUNS[2]));
    write_picture(&here.path().join("style.png"), 3);
    let (code, lines) = call(here.path(), "superres --out run --resume --steps 9");
    let last = lines.last().unwrap();
    assert!(
        code == 1
            && last.starts_with(
                "error: the checkpoint in run does not fit this trainer: style.png is not what it"
            )
            && last.ends_with("put it back, or begin a new run with another --out"),
        "{lines:?}"
    );
}

#[test]
fn pictures_of_every_size_and_mode_are_enlarged_and_painted() {
    for (words, factor) in [(RUNS[0], 4), ("--blocks 0 --scale 8 --size 40", 8), (RUNS[2], 1)] {
        let tiny = if words.contains("--size") { TINY.replace("--size 32", "") } else { TINY.to_owned() };
        let here = trained(&format!("{tiny} {words}"));
        let (code, lines) = call(here.path(), "superres apply --weights run --input small --output made");
        assert_eq!(code, 0, "{words}: {lines:?}");
        for number in 0..5 {
            let name = format!("{number}.png");
            let (width, height) = size(here.path(), &format!("small/{name}"));
            assert_eq!(size(here.path(), &format!("made/{name}")), (factor * width, factor * height));
        }
        let words = "--weights run/network.safetensors --input small/3.png --output one.png";
        let (code, lines) = call(here.path(), &format!("superres apply {words}"));
        assert_eq!((code, lines.len()), (0, 1), "{lines:?}");
        let [one, among] = ["one.png", "made/3.png"].map(|name| fs::read(here.path().join(name)).unwrap());
        assert!(one == among, "a picture alone is made as among others");
    }
}

#[test]
fn what_cannot_be_trained_on_is_refused() {
    let here = workplace();
    let path = |name: &str| here.path().join(name);
    fs::create_dir(path("empty")).unwrap();
    fs::create_dir(path("broken")).unwrap();
    for number in 0..12 {
        fs::write(path("broken").join(format!("{number}.png")), "no picture").unwrap();
    }
    for (words, code, begin, end) in [
        ("--data folder:none", 1, "none: no such folder; expected PNG or JPEG", "check the path"),
        ("--data folder:empty", 1, "empty: 0 PNG or JPEG pictures; expected", ""),
        ("--data folder:broken", 1, "folder:broken", "replace or remove the file"),
        ("--data folder:small --size 64", 1, "folder:small", ""),
        ("--data membranes", 2, "--data membranes: expected drawings, faces or folder:DIR", ""),
        ("--data faces --size 1024", 2, "--size 1024: faces are drawn with 512 pixels at most", ""),
        ("--scale 3", 2, "--scale 3: expected 4 or 8", ""),
        ("--scale 8 --size 36", 2, "--size 36: expected a multiple of 8 from 32 to 2048", ""),
        (
            "--scale 8 --size 32",
            2,
            "--size 32: 4x4 pixels once --scale 8 has made it small; expected 5x5",
            "",
        ),
        ("--size 30", 2, "--size 30: expected a multiple of 4 from 32 to 2048", ""),
        ("--size 0", 2, "--size 0: expected a multiple of 4 from 32 to 2048", ""),
        ("--width 0", 2, "--width 0: expected 1 to 512", ""),
        ("--blocks 65", 2, "--blocks 65: expected 0 to 64", ""),
        ("--learning-rate nan", 2, "--learning-rate NaN: expected 0 to 10", ""),
        ("--held-out 0", 2, "--held-out 0: expected 1 to 1000000", ""),
        ("--loss l1", 2, "invalid value 'l1' for '--loss <LOSS>'", "(see --help)"),
        ("--task denoise", 2, "invalid value 'denoise' for '--task <TASK>'", "(see --help)"),
        ("--loss perceptual --layers relu9_1", 2, "--layers: ", ""),
        (
            "--loss mse --layers relu1_1",
            2,
            "--layers: --loss mse does not look through VGG-19; leave it out",
            "",
        ),
        ("--loss perceptual --patch 16", 2, "--patch: means something with --loss perceptual+gan only", ""),
        ("--loss perceptual+gan --patch 20", 2, "--patch 20: expected 16, 34 or 70", ""),
        ("--style style.png", 2, "--style: means something with --task style only; leave it out", ""),
        ("--task style --scale 4", 2, "--scale: means something with --task super-resolution only", ""),
        ("--task style --style none.png", 1, "--style none.png: ", ""),
        ("--task style --style drawn:nothing", 2, "--style drawn:nothing", ""),
        ("--task style --content-layer conv9_9", 2, "--content-layer: no layer `conv9_9` in VGG-19", ""),
        ("--task style --content-layer conv1_1,conv2_1", 2, "--content-layer conv1_1,conv2_1: ", "one layer"),
        ("--task style --style-layers ,", 2, "--style-layers: no layer ``", ""),
        (
            "--task style --style-layers pool5 --style drawn:brush --style-size 16",
            2,
            "--style-layers pool5: sees pictures of 32 pixels or more, the style picture has 16x16",
            "use a larger --style-size",
        ),
        ("--style-layers conv1_1", 2, "--style-layers: means something with --task style only", ""),
        ("--pooling average", 2, "--pooling: --loss mse does not look through VGG-19; leave it out", ""),
        ("--task style --style-size 8", 2, "--style-size 8: expected 16 to 4096", ""),
        (
            "--task style --content-weight 0 --style-weight 0 --tv 0",
            2,
            "--content-weight 0 --style-weight 0 --tv 0: nothing is left to learn",
            "a weight",
        ),
        ("--loss perceptual --vgg none.safetensors", 1, "none.safetensors", ""),
    ] {
        must_refuse(here.path(), &format!("superres --out run {words}"), code, begin, end);
        assert!(!path("run").exists(), "{words}");
    }
}

#[test]
fn what_cannot_be_enlarged_is_refused() {
    let here = trained(&format!("{TINY} {}", RUNS[0]));
    let path = |name: &str| here.path().join(name);
    let good = fs::read(path("run/network.safetensors")).unwrap();
    fs::write(path("cut.safetensors"), &good[..good.len() / 2]).unwrap();
    fs::write(path("torn.png"), "no picture").unwrap();
    fs::create_dir(path("empty")).unwrap();
    assert_eq!(call(here.path(), "net unet --init 0 --weights unet.safetensors").0, 0);
    let run = "--weights run";
    for (words, code, begin, end) in [
        ("--weights none --input small/3.png --output o.png".to_owned(), 1, "none", ""),
        ("--weights empty --input small/3.png --output o.png".into(), 1, "empty/network.safetensors", ""),
        ("--weights cut.safetensors --input small/3.png --output o.png".into(), 1, "cut.safetensors: ", ""),
        (
            "--weights unet.safetensors --input small/3.png --output o.png".into(),
            1,
            "unet.safetensors: ",
            "network.safetensors of a run of `gobelin superres`",
        ),
        ("--weights small/3.png --input small/3.png --output o.png".into(), 1, "small/3.png: ", ""),
        (format!("{run} --input none.png --output o.png"), 2, "--input none.png: no such file", ""),
        (format!("{run} --input torn.png --output o.png"), 1, "torn.png: ", ""),
        (format!("{run} --input empty --output o"), 1, "empty: 0 PNG or JPEG pictures", ""),
        (format!("{run} --input small --output small"), 2, "--output small: is the input itself", ""),
        (format!("{run} --input small --output style.png"), 2, "--output style.png: is no folder", ""),
        (format!("{run} --input small/3.png --output o.jpg"), 2, "--output o.jpg: expected", ""),
        (format!("{run} --input small/3.png"), 2, "the following required arguments", "(see --help)"),
    ] {
        must_refuse(here.path(), &format!("superres apply {words}"), code, begin, end);
    }
}

#[test]
fn a_run_that_cannot_be_resumed_this_way() {
    let here = trained(&format!("{TINY} {}", RUNS[0]));
    for (words, begin) in [
        ("--scale 8", "--scale 8 contradicts run/config.toml, which says 4"),
        ("--loss perceptual", "--loss perceptual contradicts run/config.toml, which says mse"),
        ("--task style", "--task style contradicts run/config.toml, which says super-resolution"),
    ] {
        must_refuse(here.path(), &format!("superres --out run --resume {words}"), 2, begin, "");
    }
    let config = here.path().join("run/config.toml");
    let written = fs::read_to_string(&config).unwrap();
    fs::remove_file(here.path().join("run/checkpoint")).unwrap();
    fs::remove_file(here.path().join("run/checkpoint.previous")).unwrap();
    for (from, to, begin) in [
        ("scale = 4", "scale = 5", "--scale 5: expected 4 or 8"),
        ("size = 32", "size = 33", "--size 33: expected a multiple of 4"),
        ("width = 2", "width = 0", "--width 0: expected 1 to 512"),
    ] {
        assert!(written.contains(from), "{from} in {written}");
        fs::write(&config, written.replacen(from, to, 1)).unwrap();
        must_refuse(here.path(), "superres --out run --resume --steps 12", 2, begin, "");
    }
}
