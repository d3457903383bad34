//! `gobelin style` as a user calls it.

use std::fs;

use image::{GrayImage, Luma, Rgb, RgbImage};
use tempfile::{TempDir, tempdir};

use crate::refusals::must_refuse;
use crate::shell::{call, gobelin, metrics, must_be_the_same_run};

/// What makes a run take about a second: small pictures and the first blocks of VGG-19.
const TINY: &str = "--size 24 --content-layer conv2_1 --style-layers conv1_1,conv2_1 --scales 2 --scale-steps 3 \
                    --steps 8 --log-every 1 --sample-every 4 --checkpoint-every 2";

/// A new directory with pictures of several sizes and modes.
fn workplace() -> TempDir {
    let here = tempdir().unwrap();
    let path = |name: &str| here.path().join(name);
    let stripes = |x: u32, y: u32| if (x + 2 * y) % 7 < 3 { [230, 120, 20] } else { [20, 60, 160] };
    RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8 * 6, y as u8 * 8, 90])).save(path("content.png")).unwrap();
    RgbImage::from_fn(25, 50, |x, y| Rgb(stripes(x, y))).save(path("style.jpg")).unwrap();
    GrayImage::from_fn(32, 32, |x, y| Luma([(x * y) as u8])).save(path("grey.png")).unwrap();
    RgbImage::from_pixel(1, 1, Rgb([9, 9, 9])).save(path("pixel.png")).unwrap();
    fs::write(path("text.png"), "no picture").unwrap();
    here
}

#[track_caller]
fn painted(words: &str) -> TempDir {
    let here = workplace();
    let (code, lines) = call(here.path(), &format!("style --out run {words}"));
    assert_eq!(code, 0, "style {words}: {lines:?}");
    here
}

#[test]
fn a_run_leaves_the_picture_and_nears_the_style() {
    for words in [
        "--content content.png --style style.jpg",
        "--content grey.png --style drawn:mosaic --optimiser adam",
    ] {
        let here = painted(&format!("{TINY} {words}"));
        let run = here.path().join("run");
        let picture = image::open(run.join("picture.png")).unwrap();
        let expected = if words.contains("grey") { (24, 24) } else { (24, 18) };
        assert_eq!((picture.width(), picture.height()), expected, "{words}");
        let lines = metrics(&run);
        let loss = |line: &serde_json::Value| line["loss"].as_f64().unwrap();
        // At the finer size, from its first step to its last.
        assert!(loss(&lines[7]) < loss(&lines[3]), "{words}: {lines:?}");
        assert!(run.join("samples").read_dir().unwrap().count() >= 2);
    }
}

#[test]
fn stopped_and_resumed_a_run_ends_the_same_with_any_number_of_threads() {
    for words in ["--content content.png --style style.jpg", "--optimiser adam --start noise --keep-colour"] {
        let expected = painted(&format!("{TINY} {words}"));
        let here = painted(&format!("{} {words}", TINY.replace("--steps 8", "--steps 4")));
        let mut command = gobelin(here.path(), "style --out run --resume --steps 8");
        assert!(command.env("RAYON_NUM_THREADS", "3").output().unwrap().status.success(), "{words}");
        must_be_the_same_run(here.path(), expected.path(), words);
    }
}

#[test]
fn a_run_whose_pictures_have_changed_is_not_resumed() {
    let here = painted(&format!("{TINY} --content content.png --style style.jpg"));
    let path = |name: &str| here.path().join(name);
    let another = RgbImage::from_pixel(40, 30, Rgb([1, 2, 3]));
    let content = fs::read(path("content.png")).unwrap();
    let again = "style --out run --resume --steps 9";
    for name in ["content.png", "style.jpg"] {
        another.save(path(name)).unwrap();
        let begin = format!(
            "the checkpoint in run does not fit this trainer: {name} is not what it was when the run began"
        );
        let (code, lines) = call(here.path(), again);
        let last = lines.last().unwrap();
        assert!(code == 1 && last.starts_with(&format!("error: {begin}")), "{lines:?}");
        assert!(last.ends_with("put it back, or begin a new run with another --out"), "{last}");
        fs::write(path("content.png"), &content).unwrap();
    }
}

#[test]
fn what_cannot_be_painted_is_refused_before_anything_is_written() {
    let here = workplace();
    for (words, code, begin) in [
        ("--content none.png", 1, "--content none.png: "),
        ("--content text.png", 1, "--content text.png: is no picture"),
        ("--style drawn:nothing", 2, "--style drawn:nothing"),
        ("--content pixel.png", 2, "--content pixel.png: 1x1 pixels"),
        ("--style-weights 1,2", 2, "--style-weights: 2 weights for 1 style pictures"),
        ("--style-layers conv9_9", 2, "--style-layers: "),
        ("--layer-weights 1", 2, "--layer-weights: 1 weights for 5 layers"),
        ("--batch 4", 2, "--batch 4: "),
        ("--data faces", 2, "--data: style transfer takes its pictures"),
        ("--alpha 0 --beta 0", 2, "--alpha 0 --beta 0 --tv 0: "),
        ("--beta -1", 2, "--beta -1: "),
        ("--size 60000", 2, "a picture of "),
        ("--steps 3", 2, "--steps 3: the coarser sizes take 100"),
        ("--vgg content.png", 1, "content.png"),
        ("--vgg none.safetensors", 1, "none.safetensors"),
    ] {
        must_refuse(here.path(), &format!("style --out run {words}"), code, begin, "");
    }
}
