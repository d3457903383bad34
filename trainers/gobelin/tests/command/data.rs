//! `gobelin data check`.

use std::fs;

use crate::shell::{call, gobelin, workplace};

#[test]
fn a_check_says_what_was_expected_and_what_was_found() {
    let here = workplace();
    fs::write(here.path().join("pictures/even/000.png"), "no picture").unwrap();
    for (source, lines) in [
        (
            "idx:idx",
            vec![
                "idx:idx",
                "expected: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and \
                 t10k-labels-idx1-ubyte, each plain or with .gz",
                "to train on: idx:idx: 64 grey pictures of 28x28 in 10 classes",
                "  labels: 10, with 6 to 7 pictures each",
                "  decoded: 64 of 64, heights 28 to 28, widths 28 to 28, 64 grey, 0 RGB, 0 that do not decode",
                "held out: idx:idx: 40 grey pictures of 28x28 in 10 classes",
                "  labels: 10, with 4 to 4 pictures each",
                "  decoded: 40 of 40, heights 28 to 28, widths 28 to 28, 40 grey, 0 RGB, 0 that do not decode",
            ],
        ),
        (
            "folder:pictures",
            vec![
                "folder:pictures",
                "expected: PNG or JPEG pictures, in it or in folders below it",
                "to train on: folder:pictures: 30 pictures, nine tenths to train on: 27 pictures",
                "  decoded: 27 of 27, heights 36 to 36, widths 30 to 36, 0 grey, 27 RGB, 0 that do not decode",
                "held out: folder:pictures: 30 pictures, a tenth held out: 3 pictures",
                "  decoded: 3 of 3, heights 36 to 36, widths 34 to 36, 0 grey, 2 RGB, 1 that do not decode",
                "  skipped: pictures/even/000.png: ",
            ],
        ),
    ] {
        let output = gobelin(here.path(), &format!("data check {source}")).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told.lines().count(), lines.len(), "{told}");
        for (found, expected) in told.lines().zip(lines) {
            assert!(found.starts_with(expected), "{found} is not {expected}");
        }
    }
}

#[test]
fn what_no_run_could_train_on_is_told_in_one_line() {
    let here = workplace();
    for (words, code, message) in [
        ("nothing", 2, "data source `nothing`: unknown kind; expected faces, "),
        ("idx:", 2, "data source `idx:`: no folder given; expected faces, "),
        ("faces:here", 2, "data source `faces:here`: drawn pictures take no folder; expected faces, "),
        ("idx:missing", 1, "missing: no such folder; expected train-images-idx3-ubyte"),
        ("idx:pictures", 1, "pictures: no train-images-idx3-ubyte; expected train-images-idx3-ubyte"),
        ("cifar10:idx", 1, "idx: no data_batch_1.bin; expected data_batch_1.bin to data_batch_5.bin"),
        ("folder:idx", 1, "idx: 0 PNG or JPEG pictures; expected PNG or JPEG pictures"),
        ("identities:pictures/odd", 1, "pictures/odd: "),
        ("", 2, "the following required arguments were not provided: <KIND:PATH> (see --help)"),
        ("idx:idx more", 2, "unexpected argument 'more' found (see --help)"),
    ] {
        let (found, lines) = call(here.path(), &format!("data check {words}"));
        assert_eq!((found, lines.len()), (code, 1), "data check {words}: {lines:?}");
        assert!(lines[0].starts_with(&format!("error: {message}")), "{}", lines[0]);
    }
    assert_eq!(call(here.path(), "data").0, 2);
}
