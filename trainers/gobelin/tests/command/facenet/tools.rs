//! `gobelin facenet embed`, `compare` and `search`: what a trained net is used for, and weights and pictures that it cannot be.

use std::fs;
use std::path::Path;

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
use safetensors::SafeTensors;

use super::{TINY, trained};
use crate::refusals::must_refuse;
use crate::shell::{call, gobelin};

#[test]
fn a_picture_is_the_same_face_in_every_mode() {
    let here = trained(TINY);
    let colour = [200u8, 60, 30];
    let (grey, inks) = ([90u8; 3], "people/person_07/inks.jpg");
    let write = |name: &str, picture: DynamicImage| picture.save(here.path().join(name)).unwrap();
    write("grey-as-rgb.png", ImageBuffer::from_fn(16, 16, |x, _| Rgb(grey.map(|v| v + x as u8))).into());
    write("grey.png", ImageBuffer::from_fn(16, 16, |x, _| Luma([grey[0] + x as u8])).into());
    write("deep.png", ImageBuffer::from_fn(16, 16, |x, _| Luma([257 * u16::from(grey[0] + x as u8)])).into());
    write("grey-over.png", ImageBuffer::from_fn(16, 16, |x, _| LumaA([grey[0] + x as u8, 255])).into());
    write("rgb.png", ImageBuffer::from_pixel(16, 16, Rgb(colour)).into());
    write("white.png", ImageBuffer::from_pixel(16, 16, Rgb([255u8; 3])).into());
    write("clear.png", ImageBuffer::from_pixel(16, 16, Rgba([9u8, 90, 200, 0])).into());
    for (one, other, most) in [
        ("grey-as-rgb.png", "grey.png", 0.0),
        ("grey-as-rgb.png", "deep.png", 0.0),
        ("grey-as-rgb.png", "grey-over.png", 0.0),
        ("white.png", "clear.png", 0.0),
        ("rgb.png", inks, 0.01),
    ] {
        let words = format!("facenet compare {one} {other} --weights run/embedder.safetensors");
        let line = printed(here.path(), &words).remove(0);
        assert!(told_distance(&line) <= most, "{one}, {other}: {line}");
    }
    let line = printed(here.path(), "facenet compare rgb.png white.png --weights run/embedder.safetensors");
    assert!(told_distance(&line[0]) > 0.02, "{line:?}");
}

/// The distance in what `facenet compare` prints.
fn told_distance(line: &str) -> f32 {
    line.split("squared distance ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
}

/// What a call prints; it must succeed.
fn printed(here: &Path, words: &str) -> Vec<String> {
    let output = gobelin(here, words).output().unwrap();
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_trained_net_embeds_compares_and_searches() {
    let here = trained(TINY);
    let weights = "--weights run/embedder.safetensors";
    let count = fs::read_dir(here.path().join("people"))
        .unwrap()
        .map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count())
        .sum::<usize>();

    let lines =
        printed(here.path(), &format!("facenet embed --input people --output e.safetensors {weights}"));
    assert_eq!(lines, [format!("{count} pictures, 8 numbers each, in e.safetensors")]);
    let bytes = fs::read(here.path().join("e.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let embeddings = file.tensor("embeddings").unwrap();
    assert_eq!(embeddings.shape(), [count, 8]);
    let values: Vec<f32> =
        embeddings.data().chunks_exact(4).map(|v| f32::from_le_bytes(v.try_into().unwrap())).collect();
    for row in values.chunks_exact(8) {
        let length: f32 = row.iter().map(|v| v * v).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let names = metadata.metadata().as_ref().unwrap()["names"].clone();
    let names: Vec<&str> = names.lines().collect();
    assert!(names.len() == count && names.is_sorted(), "{names:?}");

    // One picture alone has the embedding that it has among others, but for rounding.
    printed(here.path(), &format!("facenet embed --input {} --output one.safetensors {weights}", names[4]));
    let bytes = fs::read(here.path().join("one.safetensors")).unwrap();
    let alone = SafeTensors::deserialize(&bytes).unwrap().tensor("embeddings").unwrap().data().to_vec();
    for (alone, among) in alone.chunks_exact(4).zip(&values[4 * 8..]) {
        assert!((f32::from_le_bytes(alone.try_into().unwrap()) - among).abs() < 1e-5);
    }

    let distance = |a: usize, b: usize| -> f32 {
        values[a * 8..][..8].iter().zip(&values[b * 8..][..8]).map(|(a, b)| (a - b).powi(2)).sum()
    };
    let line =
        printed(here.path(), &format!("facenet compare {} {} {weights}", names[0], names[9])).remove(0);
    let told = told_distance(&line);
    let threshold: f32 = line.split("threshold ").nth(1).unwrap().parse().unwrap();
    assert!((told - distance(0, 9)).abs() < 1e-3, "{line}");
    assert_eq!(line.starts_with("same person"), told < threshold, "{line}");
    let line = printed(here.path(), &format!("facenet compare {0} {0} {weights}", names[0])).remove(0);
    assert!(line.starts_with("same person: squared distance 0.0000"), "{line}");

    let lines = printed(here.path(), &format!("facenet search {} people --count 5 {weights}", names[3]));
    assert_eq!(lines.len(), 5);
    assert!(lines[0].contains("0.0000") && lines[0].ends_with(names[3]), "{lines:?}");
    let mut expected: Vec<f32> = (0..count).map(|other| distance(3, other)).collect();
    expected.sort_by(f32::total_cmp);
    for (line, expected) in lines.iter().zip(expected) {
        let found: f32 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!((found - expected).abs() < 1e-3, "{line}: {expected}");
    }
}

#[test]
fn a_net_that_cannot_be_used() {
    let here = trained(TINY);
    let path = |name: &str| here.path().join(name);
    let good = fs::read(path("run/embedder.safetensors")).unwrap();
    let spoil = |name: &str, from: &str, to: &str| {
        let text: Vec<u8> = good.clone();
        let at = text.windows(from.len()).position(|part| part == from.as_bytes()).expect(from);
        assert_eq!(from.len(), to.len());
        let mut bytes = text;
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        fs::write(path(name), bytes).unwrap();
    };
    spoil("other.safetensors", "facenet-small", "facenet-large");
    spoil("wide.safetensors", "\"width\":\"2\"", "\"width\":\"3\"");
    spoil("zero.safetensors", "\"dimensions\":\"8\"", "\"dimensions\":\"0\"");
    spoil("word.safetensors", "\"size\":\"16\"", "\"size\":\"xx\"");
    fs::write(path("cut.safetensors"), &good[..good.len() / 2]).unwrap();
    fs::write(path("torn.png"), "no picture").unwrap();
    fs::create_dir(path("empty")).unwrap();
    call(here.path(), "net facenet-nn2 --set dimensions=4 --init 0 --weights fresh.safetensors");
    let picture = "people/person_00/person_00_0001.png";
    let made = "embedder.safetensors in a run directory";
    for (words, begin, end) in [
        (format!("compare {picture} {picture} --weights none.safetensors"), "none.safetensors: ", ""),
        (format!("compare {picture} {picture} --weights {picture}"), "people/person_00/", ""),
        (format!("compare {picture} {picture} --weights cut.safetensors"), "cut.safetensors: ", ""),
        (
            format!("compare {picture} {picture} --weights fresh.safetensors"),
            "fresh.safetensors: its metadata has no",
            made,
        ),
        (
            format!("compare {picture} {picture} --weights other.safetensors"),
            "other.safetensors: its metadata has a `net` of `facenet-large`; expected",
            made,
        ),
        (format!("compare {picture} {picture} --weights wide.safetensors"), "wide.safetensors: ", ""),
        (
            format!("compare {picture} {picture} --weights zero.safetensors"),
            "zero.safetensors: its metadata has a `dimensions` of `0`",
            made,
        ),
        (
            format!("compare {picture} {picture} --weights word.safetensors"),
            "word.safetensors: its metadata has a `size`",
            made,
        ),
        (format!("compare {picture} {picture} --weights run"), "run: Is a directory", "its permissions"),
        ("search people people --weights run/embedder.safetensors".into(), "people: Is a directory", ""),
        (
            format!("search {picture} {picture} --weights run/embedder.safetensors"),
            "people/",
            "check the path",
        ),
        (format!("compare torn.png {picture} --weights run/embedder.safetensors"), "torn.png: ", "the file"),
        (format!("compare {picture} none.png --weights run/embedder.safetensors"), "none.png: ", ""),
        (format!("search {picture} empty --weights run/embedder.safetensors"), "empty: ", ""),
        (format!("search {picture} none --weights run/embedder.safetensors"), "none: ", ""),
        (
            "embed --input empty --output e.safetensors --weights run/embedder.safetensors".into(),
            "empty: ",
            "",
        ),
        (
            format!(
                "embed --input {picture} --output /proc/e.safetensors --weights run/embedder.safetensors"
            ),
            "",
            "",
        ),
    ] {
        must_refuse(here.path(), &format!("facenet {words}"), 1, begin, end);
    }
    fs::copy(path("run/embedder.safetensors"), path("own.safetensors")).unwrap();
    fs::create_dir(path("folder.safetensors")).unwrap();
    for (output, begin) in [
        (picture, "--output people/person_00/person_00_0001.png: expected the name of a .safetensors file"),
        ("own.safetensors", "--output own.safetensors: is what --weights reads; choose another file"),
        ("folder.safetensors", "--output folder.safetensors: expected the name of a .safetensors file"),
    ] {
        let words = format!("facenet embed --input {picture} --output {output} --weights own.safetensors");
        must_refuse(here.path(), &words, 2, begin, "");
    }
    assert!(fs::read(path("own.safetensors")).unwrap() == good);
    for (words, begin) in [
        (format!("search {picture} people --count 0 --weights w"), "invalid value '0' for '--count <N>'"),
        (format!("compare {picture} --weights w"), "the following required arguments were not provided"),
    ] {
        must_refuse(here.path(), &format!("facenet {words}"), 2, begin, "(see --help)");
    }
}
