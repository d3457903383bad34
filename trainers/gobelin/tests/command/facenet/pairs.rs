//! `gobelin facenet --pairs`: LFW's lists of pairs.

use std::fmt::Write;
use std::fs;

use super::{TINY, workplace};
use crate::refusals::must_refuse;
use crate::shell::{call, gobelin, write_picture};

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
