//! `gobelin facenet`: runs, resumption, the trained net's use, LFW's list of pairs, and bad input.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
use safetensors::SafeTensors;
use tempfile::{TempDir, tempdir};

use crate::refusals::must_refuse;
use crate::shell::{
    CMYK, call, gobelin, metrics, must_not_depend_on_threads, must_survive_kills, write_idx, write_picture,
};

/// What makes a run take less than a second.
const TINY: &str = "--size 16 --width 2 --dimensions 8 --people 3 --faces 2 --held-out 24 --steps 12 --log-every 2 \
                    --sample-every 6 --checkpoint-every 3";

const RUNS: [&str; 3] = [
    "",
    "--data identities:people --mining offline --mine-every 4 --mine-from 12 --pretrain 3 --flip",
    "--data idx:idx --loss contrastive --mining distance-weighted --chunk 4 --optimiser adagrad --exact",
];

/// A new directory with thirty people in `people`, of two to four pictures each of every size and mode, and digits in `idx`.
fn workplace() -> TempDir {
    let here = tempdir().unwrap();
    for person in 0..30 {
        let folder = here.path().join(format!("people/person_{person:02}"));
        fs::create_dir_all(&folder).unwrap();
        for number in 0..2 + person % 3 {
            write_picture(
                &folder.join(format!("person_{person:02}_{:04}.png", number + 1)),
                person * 5 + number,
            );
        }
    }
    fs::write(here.path().join("people/person_07/inks.jpg"), CMYK).unwrap();
    write_idx(&here.path().join("idx"), 64, 40);
    here
}

fn trained(words: &str) -> TempDir {
    let here = workplace();
    let (code, lines) = call(here.path(), &format!("facenet --out run {words}"));
    assert_eq!(code, 0, "facenet {words}: {lines:?}");
    here
}

#[test]
fn a_run_leaves_everything() {
    for words in RUNS {
        let here = workplace();
        let output = gobelin(here.path(), &format!("facenet --out run {TINY} {words}")).output().unwrap();
        let line = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(line.starts_with("verification accuracy ") && line.contains("never trained on"), "{line}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("an epoch is ") && told.contains(" of 3 people x 2 faces"), "{told}");

        let run = here.path().join("run");
        let lines = metrics(&run);
        let steps: Vec<u64> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, [1, 2, 4, 6, 8, 10, 12, 12], "{words}");
        for line in [&lines[3], &lines[6], &lines[7]] {
            for name in ["accuracy", "val", "auc", "precision-at-1"] {
                let value = line[name].as_f64();
                assert!(value.is_some_and(|value| (0.0..=1.0).contains(&value)), "{words}: {name} in {line}");
            }
        }
        for file in ["samples/roc-000012.png", "samples/confusions-000012.png", "embedder.safetensors"] {
            assert!(run.join(file).exists(), "{words}: {file}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    for words in RUNS {
        must_not_depend_on_threads(workplace, &format!("facenet --out run {TINY} {words}"));
    }
}

#[test]
fn killed_and_resumed_a_run_ends_the_same() {
    let run = |words: &&str| must_survive_kills(workplace, &format!("facenet --out run {TINY} {words}"));
    assert!(RUNS.iter().map(run).sum::<u32>() > 0, "no kill came in time");
}

#[test]
fn collapse_is_named_while_it_happens() {
    let named = |words: &str| {
        let here = tempdir().unwrap();
        let small = "--size 16 --width 2 --dimensions 8 --people 3 --faces 3 --held-out 24 --steps 60";
        let (code, lines) = call(here.path(), &format!("facenet --out run {small} {words}"));
        assert_eq!(code, 0, "{words}: {lines:?}");
        let place = lines.iter().position(|line| line.contains("all embeddings have been one point"));
        place.map(|place| (place, lines[place].clone(), lines.len()))
    };
    assert_eq!(named(""), None);
    let (place, line, count) =
        named("--mining batch-hard --margin 1 --learning-rate 0.05").expect("a warning");
    // Before the last of the steps are told.
    assert!(line.starts_with("step ") && place + 3 < count, "{line}");
    assert!(line.ends_with("try --mining semi-hard, a smaller --learning-rate or --pretrain 200"), "{line}");
}

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

/// A list of LFW's form: `folds` folds of `length` pairs of one person and `length` of two.
fn list(folds: usize, length: usize) -> String {
    let mut text = format!("{folds}\t{length}\n");
    for fold in 0..folds {
        for pair in 0..length {
            let person = (fold * length + pair) % 30;
            writeln!(text, "person_{person:02}\t1\t2").unwrap();
        }
        for pair in 0..length {
            let (one, other) = ((fold + pair) % 30, (fold + 2 * pair + 7) % 30);
            writeln!(text, "person_{one:02}\t1\tperson_{other:02}\t2").unwrap();
        }
    }
    text
}

#[test]
fn lfws_list_is_what_is_verified() {
    let here = workplace();
    // People to train on whom the list does not name.
    for person in 30..34 {
        let folder = here.path().join(format!("people/person_{person}"));
        fs::create_dir(&folder).unwrap();
        for number in 1..3 {
            write_picture(&folder.join(format!("{number}.png")), person * 7 + number);
        }
    }
    let write = |name: &str, text: &str| fs::write(here.path().join(name), text).unwrap();
    write("pairs.txt", &list(10, 3));
    // Every tenth person is held out, 30 among them: three are left.
    let words = format!("facenet --out run {TINY} --data identities:people --pairs pairs.txt");
    let output = gobelin(here.path(), &words).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("people are left out of training: --pairs asks for them"), "{told}");
    let line = String::from_utf8_lossy(&output.stdout);
    assert!(line.contains("10 folds of 6 pairs"), "{line}");
    // View 1: the same lines, those of one person first, make as many folds of as many.
    let (same, different): (Vec<String>, Vec<String>) = list(10, 3)
        .lines()
        .skip(1)
        .map(|line| format!("{line}\n"))
        .partition(|line| line.matches('\t').count() == 2);
    write("dev.txt", &format!("30\n{}{}", same.concat(), different.concat()));
    write("dev-cut.txt", &format!("30\n{}", same.concat()));
    write("dev-one.txt", "1\nperson_01\t1\t2\nperson_01\t1\tperson_02\t1\n");
    let words = format!("facenet --out view-1 {TINY} --data identities:people --pairs dev.txt");
    let output = gobelin(here.path(), &words).output().unwrap();
    let dev = String::from_utf8_lossy(&output.stdout);
    assert!(dev.contains("10 folds of 6 pairs"), "{dev}");
    let rates = |line: &str| line[line.find("VAL").unwrap()..line.find('(').unwrap()].to_owned();
    assert_eq!(rates(&dev), rates(&line));
    // The same from the list and another folder of the same pictures.
    let words = format!("facenet --out other {TINY} --pairs pairs.txt --pairs-data people");
    assert_eq!(call(here.path(), &words).0, 0);

    write("missing.txt", &list(10, 3).replacen("person_04\t1\t2", "person_04\t1\t9", 1));
    write("cut.txt", &list(10, 3)[..300]);
    write("people.txt", "10\nperson_01\t2\n");
    write("twice.txt", &list(10, 3).replacen("person_04\t1\t2", "person_04\t1\t1", 1));
    write("one.txt", &list(10, 3).replacen("\tperson_07\t2", "\tperson_00\t2", 1));
    write("huge.txt", &format!("{0} {0}\n", u64::MAX));
    write("words.txt", "folds and pairs\n");
    write("empty.txt", "");
    write("mixed.txt", &list(10, 3).replacen("person_04\t1\t2", "person_04\t1\tperson_05\t2", 1));
    write("leading.txt", &list(10, 3).replacen("person_04", "../people/person_04", 1));
    let is_it = "is it one of LFW's lists of pairs?";
    for (name, begin, end) in [
        ("none.txt", "none.txt: cannot be read (", "check --pairs"),
        (
            "missing.txt",
            "missing.txt, line 9: people/person_04/person_04_0009.jpg is missing (nor .jpeg, .png)",
            "check --pairs-data",
        ),
        ("cut.txt", "cut.txt", "?"),
        ("people.txt", "people.txt, line 2: `person_01 2`; expected `NAME I J`, two pictures", is_it),
        ("twice.txt", "twice.txt, line 9: `person_04 1 1`; expected `NAME I J`, two pictures", is_it),
        ("one.txt", "one.txt, line 5: `person_00 1 person_00 2`; expected `NAME I OTHER J`, pictures", is_it),
        ("huge.txt", "huge.txt: 0 pairs; expected 18446744073709551615 folds of 1844674407370955", "whole?"),
        ("dev-cut.txt", "dev-cut.txt: 30 pairs; expected 30 of one person and 30 of two; is the", "whole?"),
        ("dev-one.txt", "dev-one.txt, line 1: `1`; expected the number of folds and of pairs", is_it),
        ("words.txt", "words.txt, line 1: `folds and pairs`; expected the number of folds", is_it),
        ("empty.txt", "empty.txt, line 1: ``; expected the number of folds and of pairs", is_it),
        ("mixed.txt", "mixed.txt, line 9: `person_04 1 person_05 2`; expected `NAME I J`", is_it),
        ("leading.txt", "leading.txt, line 9: people/../people/person_04/", "check --pairs-data"),
    ] {
        let words = format!("facenet --out new {TINY} --data identities:people --pairs {name}");
        must_refuse(here.path(), &words, 1, begin, end);
    }
    fs::write(here.path().join("people/person_04/person_04_0001.png"), "no picture").unwrap();
    let words = format!("facenet --out new {TINY} --data identities:people --pairs pairs.txt");
    let begin = "people/person_04/person_04_0001.png: is no picture; ";
    must_refuse(here.path(), &words, 1, begin, "no other picture can take its place: replace the file");
    for (words, begin) in [
        ("--pairs pairs.txt", "--pairs: nothing says where its pictures lie; add --pairs-data DIR"),
        ("--pairs-data people", "--pairs-data: no list of pairs; add --pairs pairs.txt"),
    ] {
        must_refuse(here.path(), &format!("facenet --out new {TINY} {words}"), 2, begin, "");
    }
    let words = format!("facenet --out new {TINY} --pairs pairs.txt --pairs-data nowhere");
    must_refuse(here.path(), &words, 1, "nowhere: no such folder; expected LFW's pictures", "--pairs-data");
}

#[test]
fn what_a_run_does_unasked_is_told() {
    let here = workplace();
    let told = |words: &str| {
        let tiny = TINY.replace("--faces 2", "--faces 4");
        let (code, lines) = call(here.path(), &format!("facenet --out run {tiny} {words}"));
        assert_eq!(code, 0, "{words}: {lines:?}");
        fs::remove_dir_all(here.path().join("run")).unwrap();
        let about = |part: &str| lines.iter().find(|line| line.contains(part)).cloned();
        (about("have fewer than"), about("none has triplets"))
    };
    let (few, never) = told("--data identities:people --pretrain 12");
    // Ten of thirty people have four pictures, and person 7 has a fourth in inks; of the other nineteen two are held out.
    let line = "identities:people: 17 of 27 people to train on have fewer than 4 pictures: batches show all of theirs, each once, and \
                are smaller than --batch says";
    assert_eq!(few.as_deref(), Some(line));
    let line = "--pretrain 12: all 12 steps are softmax, none has triplets; make --steps larger or --pretrain smaller";
    assert_eq!(never.as_deref(), Some(line));
    assert_eq!(told("--pretrain 11"), (None, None));
}

#[test]
fn people_that_cannot_be_trained_on() {
    let here = workplace();
    let path = |name: &str| here.path().join(name);
    // Twelve people of one picture each; the first and the eleventh are held out.
    for person in 0..12 {
        fs::create_dir_all(path(&format!("single/{person:02}"))).unwrap();
        write_picture(&path(&format!("single/{person:02}/0.png")), person);
    }
    fs::create_dir_all(path("one/alone")).unwrap();
    write_picture(&path("one/alone/0.png"), 4);
    fs::create_dir(path("loose")).unwrap();
    write_picture(&path("loose/0.png"), 4);
    fs::create_dir_all(path("broken")).unwrap();
    for person in 0..30 {
        fs::create_dir(path(&format!("broken/{person:02}"))).unwrap();
        for number in 0..2 {
            fs::write(path(&format!("broken/{person:02}/{number}.png")), "no picture").unwrap();
        }
    }
    let more = "as many as in a batch; make --people smaller or add people";
    for (data, code, begin, end) in [
        ("identities:none", 1, "none: no such folder; expected one folder a person", "check the path"),
        ("identities:loose", 1, "loose: 0 folders and no picture in any; expected one folder", "of its own"),
        ("identities:one", 1, "one: one person or class; expected at least two", "add pictures"),
        (
            "identities:single",
            1,
            "identities:single: people to train on with two pictures or more: 0, with one: 10;",
            more,
        ),
        (
            "identities:people --people 28",
            1,
            "identities:people: people to train on with two pictures or more: 27;",
            more,
        ),
        ("identities:broken", 1, "identities:broken: ", "replace or remove the file"),
        (
            "folder:people",
            2,
            "--data folder:people: these pictures say nothing of whom they show; use ide",
            "person",
        ),
        (
            "seasons",
            2,
            "--data seasons: these pictures say nothing of whom they show; use identities:DIR",
            "",
        ),
        ("identities:", 2, "data source `identities:`: no folder given", ""),
        ("idx:people", 1, "people: no train-images-idx3-ubyte; expected", ""),
    ] {
        let tiny = if data.contains("--people") { TINY.replace("--people 3", "") } else { TINY.to_owned() };
        must_refuse(here.path(), &format!("facenet --out run {tiny} --data {data}"), code, begin, end);
        assert!(!path("run").exists(), "{data}");
    }
}

#[test]
fn values_that_no_run_can_have() {
    let here = workplace();
    for (words, begin, end) in [
        ("--size 8", "--size 8: expected 16 to 512", ""),
        ("--width 0", "--width 0: expected 1 to 512", ""),
        ("--dimensions 1", "--dimensions 1: expected 2 to 4096", ""),
        ("--people 1", "--people 1: a negative needs a second person; expected 2 or more", ""),
        ("--faces 1", "--faces 1: a positive needs a second picture of the person; expected 2", ""),
        ("--batch 10 --faces 4", "--batch 10: no multiple of the 4 faces of each person", ""),
        (
            "--batch 10 --people 3 --faces 3",
            "--batch 10: --people 3 x --faces 3 make 9",
            "leave one of the three out",
        ),
        ("--margin -0.1", "--margin -0.1: expected 0 to 4", ""),
        ("--margin nan", "--margin NaN: expected 0 to 4", ""),
        ("--learning-rate 11", "--learning-rate 11: expected 0 to 10", ""),
        ("--mine-every 0", "--mine-every 0: expected 1 to 1000000", ""),
        ("--mine-from 1", "--mine-from 1: expected 2 to 1000000", ""),
        ("--held-out 3", "--held-out 3: expected 4 to 5000", ""),
        ("--chunk 1", "--chunk 1: batch norm needs pictures to compare; use 2 or more, or 0", ""),
        (
            "--loss contrastive --soft-margin",
            "--soft-margin: pairs have no soft margin; use --loss triplet",
            "",
        ),
        (
            "--mining batch-all --soft-margin --people 100 --faces 40",
            "--mining batch-all: 100 people x 40 faces make ",
            "use --mining batch-hard or a smaller batch",
        ),
        ("--mining hardest", "invalid value 'hardest' for '--mining <MINING>'", "(see --help)"),
        ("--net inception", "invalid value 'inception' for '--net <NET>'", "(see --help)"),
        ("--distance cosine", "invalid value 'cosine' for '--distance <DISTANCE>'", "(see --help)"),
        ("--pretrain -1", "invalid value '-1' for '--pretrain", "(see --help)"),
        ("--resume", "--resume needs to know which run: add --out with its directory", ""),
    ] {
        must_refuse(here.path(), &format!("facenet {words}"), 2, begin, end);
    }
    assert!(!here.path().join("runs").exists());
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
