//! People and values that `gobelin facenet` cannot train with.

use std::fs;

use super::{TINY, workplace};
use crate::refusals::must_refuse;
use crate::shell::write_picture;

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
