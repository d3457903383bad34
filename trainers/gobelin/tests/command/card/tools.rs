//! What is done with trained nets, on a card: the same as on the host to rounding, and one line where it cannot be.

use std::fs;
use std::path::Path;

use gobelin_nets::weights;

use super::{Machine, RUNS, trainer};
use crate::shell::{call, gobelin, told, write_picture};
use crate::tensors::{noise, write};

const EMBED: &str = "facenet embed --weights facenet/embedder.safetensors --input pictures --output";
const COMPARE: &str = "facenet compare pictures/0.png pictures/1.png --weights facenet/embedder.safetensors";
const SEARCH: &str = "facenet search pictures/0.png pictures --weights facenet/embedder.safetensors";
/// Those that make pictures.
const APPLY: [&str; 5] = [
    "cyclegan apply --weights cyclegan --input pictures",
    "cyclegan apply --weights cyclegan --input pictures --direction b-to-a",
    "superres apply --weights superres --input pictures",
    "superres apply --weights style --input pictures",
    "segment apply --weights segment --input pictures --probability",
];

/// A machine with runs of a step of each trainer that has tools, and with pictures of every mode.
fn machine() -> Option<Machine> {
    let machine = Machine::new()?;
    let painting = "superres --task style --width 4 --size 32 --batch 2 --held-out 2";
    let runs = RUNS[1..5].iter().map(|run| (*run, trainer(run))).chain([(painting, "style")]);
    for (words, out) in runs {
        let words = format!("{words} --steps 1 --out {out}");
        let (code, lines) = call(machine.path(), &words);
        assert_eq!(code, 0, "gobelin {words}: {lines:?}");
    }
    fs::create_dir(machine.path().join("pictures")).unwrap();
    for number in 0..5 {
        write_picture(&machine.path().join(format!("pictures/{number}.png")), number);
    }
    Some(machine)
}

fn embeddings(path: &Path) -> Vec<f32> {
    weights::read(path).unwrap()["embeddings"].floats().unwrap()
}

fn bytes(path: &Path) -> Vec<u8> {
    image::open(path).unwrap().into_rgb8().into_raw()
}

/// Exactly; and as they compute if they are not told to, on a card with products of fewer digits.
#[test]
fn each_tool_makes_what_it_makes_on_the_host() {
    let Some(card) = machine() else { return };
    let here = |name: &str| card.path().join(name);
    for (number, words) in APPLY.iter().enumerate() {
        for (exact, most) in [("--exact", 1), ("", 8)] {
            let [host, other] = ["host", "card"].map(|place| format!("{place}-{number}{exact}"));
            let words = format!("{words} {exact}");
            assert_eq!(call(card.path(), &format!("{words} --output {host}")).0, 0, "{words}");
            let (code, lines) = card.call("", &format!("{words} --output {other} --device cuda"));
            assert_eq!((code, lines.len()), (0, 0), "{words}: {lines:?}");
            for picture in 0..5 {
                let [expected, found] =
                    [&host, &other].map(|folder| bytes(&here(&format!("{folder}/{picture}.png"))));
                assert_eq!(found.len(), expected.len(), "{words}: {picture}.png");
                let worst = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(worst <= Some(most), "{words}: {picture}.png differs by {worst:?}");
                assert!(expected.iter().any(|value| *value != expected[0]), "{words}: {picture}.png");
            }
        }
    }
    assert_eq!(call(card.path(), &format!("{EMBED} host.safetensors")).0, 0);
    for (exact, most) in [("--exact", 1e-5), ("", 1e-2)] {
        let words = format!("{EMBED} card.safetensors --device cuda {exact}");
        assert_eq!(card.call("", &words), (0, Vec::new()), "{words}");
        let [expected, found] =
            ["host", "card"].map(|name| embeddings(&here(&format!("{name}.safetensors"))));
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < most, "{words}: {found}, on the host {expected}");
        }
    }
    for words in [COMPARE, SEARCH] {
        let on_host = gobelin(card.path(), words).output().unwrap();
        let on_card =
            card.command(&card.driver, "", &format!("{words} --exact --device cuda")).output().unwrap();
        assert_eq!((told(&on_host).0, told(&on_card)), (0, (0, Vec::new())), "{words}");
        let [expected, found] = [on_host, on_card].map(|output| String::from_utf8(output.stdout).unwrap());
        let near = |(a, b): (&str, &str)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a - b).abs() <= 1.5e-4,
            _ => a == b,
        };
        let parts = |text: &'static str| text.split([' ', ',', '\n']);
        let [expected, found] = [expected, found].map(|text| parts(text.leak()).collect::<Vec<_>>());
        let is_near = expected.len() == found.len() && expected.into_iter().zip(found.clone()).all(near);
        assert!(is_near, "{words}: {found:?}");
    }
}

/// One line, and no file that was not there before: neither of tensors nor of pictures.
#[test]
fn what_fails_on_a_card_leaves_nothing_half_done() {
    let Some(card) = machine() else { return };
    let path = |name: &str| card.path().join(name);
    write(&path("pair"), [("pred", noise(1, &[1, 3, 64, 64])), ("target", noise(2, &[1, 3, 64, 64]))]);
    write(&path("x"), [("input", noise(1, &[1, 3, 32, 32]))]);
    assert_eq!(call(card.path(), "net unet --init 1 --weights w").0, 0);
    let one = |words: &str| format!("{} --output made.png", words.replace("pictures", "pictures/0.png"));
    let calls = APPLY.iter().map(|words| one(words)).chain([
        format!("{EMBED} made.safetensors"),
        COMPARE.to_owned(),
        SEARCH.to_owned(),
        "net unet --weights w --input x --output made.safetensors".to_owned(),
        "loss mse --input pair --grad made.safetensors".to_owned(),
        "loss perceptual --input pair --grad made.safetensors".to_owned(),
    ]);
    for words in calls {
        for (settings, expected) in [
            ("fail=cuLaunchKernel:2:LAUNCH_FAILED", "error: the graphics card was lost ("),
            ("memory=0", "error: out of memory on the graphics card: "),
            (
                "fail=cuModuleLoadData:1+:NO_BINARY_FOR_GPU",
                "error: the driver (CUDA 13.0) does not take code of",
            ),
        ] {
            let (exit, lines) = card.call(settings, &format!("{words} --device cuda"));
            let is_told = exit == 1 && lines.len() == 1 && lines[0].starts_with(expected);
            assert!(is_told, "{words}, {settings}: {exit} {lines:?}");
            let advice = "use smaller batches or pictures, or --device cpu";
            assert!(!expected.contains("memory") || lines[0].ends_with(advice), "{lines:?}");
            for name in ["made.png", "made.safetensors", "made.safetensors.tmp"] {
                assert!(!path(name).exists(), "{words}, {settings}: {name}");
            }
        }
    }
}

/// Of several pictures, one that a card has no memory for is left out; a card that is lost ends all.
#[test]
fn a_picture_too_large_for_a_card_is_left_out() {
    let Some(card) = machine() else { return };
    let large = image::RgbImage::from_fn(400, 300, |x, y| image::Rgb([x as u8, y as u8, 0]));
    large.save(card.path().join("pictures/3-large.png")).unwrap();
    let words = format!("{} --output made --device cuda", APPLY[0]);
    let (exit, lines) = card.call("memory=2", &words);
    assert!(exit == 1 && lines.len() == 2, "{exit} {lines:?}");
    let begin = "left out: pictures/3-large.png: out of memory on the graphics card: ";
    assert!(lines[0].starts_with(begin), "{lines:?}");
    let end = "error: 1 of 6 pictures could not be used and were left out; replace or remove them";
    assert_eq!(lines[1], end);
    let made = |name: &str| card.path().join(format!("made/{name}")).exists();
    assert!((0..5).all(|number| made(&format!("{number}.png"))) && !made("3-large.png"));

    fs::remove_dir_all(card.path().join("made")).unwrap();
    let (exit, lines) = card.call("fail=cuLaunchKernel:100:LAUNCH_FAILED", &words);
    let is_told =
        exit == 1 && lines.len() == 1 && lines[0].starts_with("error: the graphics card was lost (");
    assert!(is_told, "{exit} {lines:?}");
    let count = fs::read_dir(card.path().join("made")).unwrap().count();
    assert!((1..6).contains(&count), "{count} pictures");
}
