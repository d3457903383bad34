//! Readers on files the tests write: what they give, and what they refuse.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use gobelin_datasets::{
    Cifar10, DataError, Dataset, Folder, Identities, Idx, OpenOptions, Picture, PictureShape, Source, Split,
    check,
};

/// The error of something refused, which must be one line that names `place`
/// and holds each of `words`.
#[track_caller]
fn refused<T>(result: Result<T, DataError>, place: &Path, words: &[&str]) {
    let Err(error) = result else { panic!("not refused, expected words {words:?}") };
    let text = error.to_string();
    assert!(text.contains(&*place.to_string_lossy()), "{text}");
    assert!(!text.contains('\n') && words.iter().all(|word| text.contains(word)), "{text} lacks {words:?}");
}

fn open(source: &str, split: Split) -> Result<std::sync::Arc<dyn Dataset>, DataError> {
    source.parse::<Source>()?.open(&OpenOptions { split, size: 32, channels: 3 })
}

/// An IDX file of bytes.
fn idx(shape: &[u32], values: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, shape.len() as u8];
    file.extend(shape.iter().flat_map(|length| length.to_be_bytes()));
    file.extend(values);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Values that gzip cannot shorten to nothing.
fn values(count: usize) -> Vec<u8> {
    (0..count as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u8).collect()
}

#[test]
fn idx_reads_plain_and_gzipped_files_of_both_splits() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = values(3 * 4 * 5);
    fs::write(folder.path().join("train-images-idx3-ubyte"), idx(&[3, 4, 5], &pixels)).unwrap();
    fs::write(folder.path().join("train-labels-idx1-ubyte.gz"), gzip(&idx(&[3], &[7, 0, 2]))).unwrap();
    fs::write(folder.path().join("t10k-images-idx3-ubyte.gz"), gzip(&idx(&[1, 4, 5], &pixels[..20])))
        .unwrap();
    fs::write(folder.path().join("t10k-labels-idx1-ubyte"), idx(&[1], &[9])).unwrap();

    let train = open(&format!("idx:{}", folder.path().display()), Split::Train).unwrap();
    assert_eq!((train.len(), train.classes()), (3, 8));
    assert_eq!(train.shape(), Some(PictureShape { height: 4, width: 5, channels: 1 }));
    assert_eq!((0..3).map(|i| train.label(i)).collect::<Vec<_>>(), [7, 0, 2]);
    let sample = train.sample(1).unwrap();
    assert_eq!(sample.picture, Picture::new(4, 5, 1, pixels[20..40].to_vec()));
    assert_eq!(sample.label, 0);
    let held_out = Idx::open(folder.path(), Split::HeldOut).unwrap();
    assert_eq!((held_out.len(), held_out.label(0)), (1, 9));
}

#[test]
fn idx_refuses_what_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("train-images-idx3-ubyte.gz");
    let labels = folder.path().join("train-labels-idx1-ubyte");
    let whole = idx(&[20, 8, 8], &values(20 * 64));
    fs::write(&labels, idx(&[20], &[1; 20])).unwrap();
    let open = || Idx::open(folder.path(), Split::Train);
    refused(open(), folder.path(), &["no train-images-idx3-ubyte", "give the folder"]);

    let zipped = gzip(&whole);
    for length in [0, 5, zipped.len() / 2, zipped.len() - 4] {
        fs::write(&images, &zipped[..length]).unwrap();
        refused(open(), &images, &["cut short", "download the file again"]);
    }
    fs::write(&images, &whole).unwrap();
    refused(open(), &images, &["invalid gzip header"]);
    fs::write(&images, gzip(&whole[..500])).unwrap();
    refused(open(), &images, &["484 bytes after the header", "20x8x8"]);
    fs::write(&images, gzip(&[&whole[..], &[0]].concat())).unwrap();
    refused(open(), &images, &["more than 1280 bytes"]);
    fs::write(&images, gzip(&idx(&[20], &[0; 20]))).unwrap();
    refused(open(), &images, &["magic number 0x00000801", "0x00000803"]);
    fs::write(&images, gzip(&idx(&[u32::MAX; 3], &[]))).unwrap();
    refused(open(), &images, &["a header that promises", "fit memory"]);
    fs::write(&images, gzip(&idx(&[0, 8, 8], &[]))).unwrap();
    refused(open(), &labels, &["20 labels for the 0 pictures"]);
    fs::write(&images, gzip(&whole)).unwrap();
    fs::write(&labels, idx(&[19], &[1; 19])).unwrap();
    refused(open(), &labels, &["19 labels for the 20 pictures", "as many labels as pictures"]);
    fs::write(&labels, idx(&[20], &[1; 20])).unwrap();
    assert_eq!(open().unwrap().len(), 20);
    refused(Idx::open(Path::new("/nowhere"), Split::Train), Path::new("/nowhere"), &["no such folder"]);
}

#[test]
fn cifar10_turns_planes_into_pixels_and_refuses_partial_records() {
    let folder = tempfile::tempdir().unwrap();
    let unpacked = folder.path().join("cifar-10-batches-bin");
    fs::create_dir(&unpacked).unwrap();
    let record = |label: u8| [&[label][..], &[10; 1024], &[20; 1024], &[30; 1024]].concat();
    for number in 1..=5u8 {
        let batch = [record(number), record(9)].concat();
        fs::write(unpacked.join(format!("data_batch_{number}.bin")), batch).unwrap();
    }
    fs::write(unpacked.join("batches.meta.txt"), "airplane\nautomobile\nbird\n\n").unwrap();
    let train = Cifar10::open(folder.path(), Split::Train).unwrap();
    assert_eq!((train.len(), train.classes(), train.label(4), train.label(5)), (10, 10, 3, 9));
    assert_eq!((train.class_name(2), train.class_name(9)), ("bird".to_owned(), "9".to_owned()));
    let picture = train.sample(4).unwrap().picture;
    assert_eq!(picture.pixels, [10, 20, 30].repeat(1024));

    refused(Cifar10::open(folder.path(), Split::HeldOut), &unpacked, &["no test_batch.bin"]);
    let third = unpacked.join("data_batch_3.bin");
    fs::write(&third, &record(1)[..3000]).unwrap();
    refused(Cifar10::open(folder.path(), Split::Train), &third, &["3000 bytes", "3073"]);
    fs::write(&third, [record(1), record(10)].concat()).unwrap();
    refused(Cifar10::open(folder.path(), Split::Train), &third, &["label 10 in record 1"]);
}

/// Writes a grey square whose brightness tells it from others.
fn write_square(path: &Path, value: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    Picture::new(4, 4, 1, vec![value; 16]).write_png(path).unwrap();
}

#[test]
fn a_folder_is_walked_to_its_depths_in_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    write_square(&folder.path().join("b/deep/2.PNG"), 2);
    write_square(&folder.path().join("a.png"), 1);
    write_square(&folder.path().join("c.png"), 3);
    write_square(&folder.path().join(".hidden/x.png"), 9);
    fs::write(folder.path().join("._c.png"), "not a picture").unwrap();
    fs::write(folder.path().join("notes.txt"), "").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), folder.path().join("b/loop")).unwrap();
    let pictures = Folder::open(folder.path()).unwrap();
    let values: Vec<u8> =
        (0..pictures.len()).map(|i| pictures.sample(i).unwrap().picture.pixels[0]).collect();
    assert_eq!(values, [1, 2, 3]);
}

#[test]
fn a_folder_without_pictures_says_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.webp"), "").unwrap();
    refused(Folder::open(folder.path()), folder.path(), &["0 PNG or JPEG pictures (1 .webp)"]);
    let file = folder.path().join("a.webp");
    refused(Folder::open(&file), &file, &["no folder"]);
    write_square(&folder.path().join("only.png"), 1);
    let source = format!("folder:{}", folder.path().display());
    refused(open(&source, Split::Train), folder.path(), &["one picture", "at least two"]);
}

#[test]
fn a_folder_holds_out_every_tenth_picture() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..25 {
        write_square(&folder.path().join(format!("{number:02}.png")), number);
    }
    let source = format!("folder:{}", folder.path().display());
    let values = |split| {
        let part = open(&source, split).unwrap();
        (0..part.len()).map(|i| part.sample(i).unwrap().picture.pixels[0]).collect::<Vec<_>>()
    };
    assert_eq!(values(Split::HeldOut), [0, 10, 20]);
    assert_eq!(values(Split::Train).len(), 22);
    assert!(values(Split::Train).iter().all(|value| value % 10 != 0));
}

#[test]
fn identities_are_labelled_by_their_folder_and_held_out_whole() {
    let folder = tempfile::tempdir().unwrap();
    for person in 0..12u8 {
        for picture in 0..3 {
            let name = format!("person {person:02}/{picture}.png");
            write_square(&folder.path().join(name), person * 10 + picture);
        }
    }
    fs::create_dir(folder.path().join("nobody")).unwrap();
    let all = Identities::open(folder.path()).unwrap();
    assert_eq!((all.len(), all.classes()), (36, 12));
    assert_eq!((all.label(35), all.class_name(11)), (11, "person 11".to_owned()));

    let source = format!("identities:{}", folder.path().display());
    let train = open(&source, Split::Train).unwrap();
    let held_out = open(&source, Split::HeldOut).unwrap();
    assert_eq!((train.len(), train.classes(), held_out.len(), held_out.classes()), (30, 10, 6, 2));
    for part in [&train, &held_out] {
        for index in 0..part.len() {
            let sample = part.sample(index).unwrap();
            assert_eq!(sample.label, part.label(index));
            let person = sample.picture.pixels[0] / 10;
            assert_eq!(part.class_name(sample.label), format!("person {person:02}"));
        }
    }
    write_square(&folder.path().join("loose.png"), 1);
    refused(Identities::open(folder.path()), folder.path(), &["loose.png", "folder:DIR"]);
}

#[test]
fn a_source_reads_as_it_is_written() {
    for text in [
        "faces",
        "membranes",
        "roads",
        "idx:/a/b",
        "cifar10:x",
        "folder:C:/pictures",
        "identities:lfw",
        "pairs:x",
    ] {
        assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
    }
    for (text, problem) in [
        ("", "unknown kind"),
        ("mnist:/x", "unknown kind"),
        ("idx", "no folder given"),
        ("idx:", "no folder given"),
        ("faces:x", "take no folder"),
        ("bad\nkind", "unknown kind"),
    ] {
        let error = text.parse::<Source>().unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("expected faces, "), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_check_tells_the_layout_and_names_broken_pictures() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..30 {
        write_square(&folder.path().join(format!("{number:02}.png")), number);
    }
    fs::write(folder.path().join("15.png"), b"\x89PNG\r\n\x1a\n cut short").unwrap();
    let source: Source = format!("folder:{}", folder.path().display()).parse().unwrap();
    let report = check(&source).unwrap();
    for words in
        ["expected: PNG or JPEG", "to train on", "held out", "heights 4 to 4", "15.png", "1 that do not"]
    {
        assert!(report.contains(words), "{report} lacks {words}");
    }
    for number in 0..15 {
        fs::write(folder.path().join(format!("{number:02}.png")), "no picture").unwrap();
    }
    refused(check(&source), folder.path(), &["could not be used", "at most 10 are skipped", "01.png"]);
}
