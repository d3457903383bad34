//! Drawn membranes and roads, pairs of pictures and masks, and how both reach a batch.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gobelin_datasets::{
    Augmentation, DataError, Dataset, HeldOut, HeldOutOptions, Loader, LoaderOptions, OpenOptions, Pairs,
    Picture, Sample, Source, Split, Structure, Structures, check, held_out_samples, set_share,
};

const BOTH: [Structure; 2] = [Structure::Membranes, Structure::Roads];

/// Fowler, Noll and Vo's hash of 64 bits.
fn checksum(picture: &Picture) -> u64 {
    picture.pixels.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[test]
fn a_picture_has_the_same_bytes_on_every_machine() {
    let sums = BOTH.map(|structure| {
        let (picture, mask) = structure.draw(7, 48);
        [checksum(&picture), checksum(&mask)]
    });
    assert_eq!(
        sums,
        [[11192398474209332358, 18092433795359170408], [3066998269905408853, 2403267360236115368]]
    );
}

#[test]
fn numbers_decide_the_picture_and_held_out_ones_are_others() {
    for structure in BOTH {
        let [train, held_out] =
            [Split::Train, Split::HeldOut].map(|split| Structures::new(structure, split, 32, 3));
        let first = train.sample(3).unwrap();
        assert_eq!(first, train.sample(3).unwrap());
        assert_ne!(first, train.sample(4).unwrap());
        assert_ne!(first, held_out.sample(3).unwrap());
        let grey = Structures::new(structure, Split::Train, 32, 1).sample(3).unwrap();
        assert_eq!((grey.picture, grey.mask), (first.picture.into_channels(1), first.mask));
    }
}

#[test]
fn every_size_is_drawn_and_its_mask_is_of_lines() {
    for structure in BOTH {
        for size in [16, 17, 33, 64, 130] {
            let (picture, mask) = structure.draw(1, size);
            assert_eq!((picture.height, picture.width, picture.channels), (size, size, structure.channels()));
            assert_eq!((mask.height, mask.width, mask.channels), (size, size, 1));
            assert!(mask.pixels.iter().all(|byte| [0, 255].contains(byte)));
        }
        let share = set_share(&Structures::new(structure, Split::Train, 64, 1), 50).unwrap();
        assert!((0.1..0.4).contains(&share), "{structure:?}: {share}");
    }
}

/// Pictures whose mask is set where they are brighter than half, of different sizes.
fn write_pairs(folder: &Path, count: usize) {
    for part in ["images", "masks"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    for number in 0..count {
        let (height, width) = (20 + number % 3, 24 + number % 2);
        let values: Vec<u8> = (0..height * width).map(|at| (at * 37 + number * 11) as u8).collect();
        let mask = values.iter().map(|value| if *value >= 128 { 255 } else { 0 }).collect();
        let name = format!("{number:02}.png");
        Picture::new(height, width, 1, values).write_png(&folder.join("images").join(&name)).unwrap();
        Picture::new(height, width, 1, mask).write_png(&folder.join("masks").join(&name)).unwrap();
    }
}

fn open(folder: &Path, split: Split) -> Result<Arc<dyn Dataset>, DataError> {
    let source: Source = format!("pairs:{}", folder.display()).parse()?;
    source.open(&OpenOptions { split, size: 16, channels: 1 })
}

/// Whether a batch's masks are set exactly where its pictures are brighter than half.
fn masks_fit(pixels: &[f32], masks: &[f32]) -> bool {
    pixels.len() == masks.len()
        && pixels.iter().zip(masks).all(|(pixel, mask)| (*pixel > 0.0) == (*mask == 1.0))
}

#[test]
fn masks_go_through_the_loader_with_their_pictures() {
    let folder = tempfile::tempdir().unwrap();
    write_pairs(folder.path(), 23);
    let [train, held_out] = [Split::Train, Split::HeldOut].map(|split| open(folder.path(), split).unwrap());
    assert_eq!((train.len(), held_out.len(), train.shortest_side()), (20, 3, Some(20)));
    let augmentation = Augmentation { flip: true, turn: true, window: true, ..Augmentation::default() };
    let options = LoaderOptions { augmentation, seed: 4, ..LoaderOptions::new(5, 16, 1) };
    let take = |workers: usize, position: u64| {
        let mut loader = Loader::new(Arc::clone(&train), LoaderOptions { workers, ..options }).unwrap();
        loader.seek(position);
        (0..8).map(|_| loader.next_batch().unwrap()).collect::<Vec<_>>()
    };
    let batches = take(1, 0);
    assert!(batches.iter().all(|batch| masks_fit(&batch.pixels, &batch.masks)));
    assert!(batches == take(3, 0) && batches[3..] == take(2, 3)[..5]);
    let walked = HeldOut::new(held_out, HeldOutOptions { count: 3, batch: 3, size: 20, channels: 1 }).next();
    let walked = walked.unwrap().unwrap();
    assert_eq!(walked.masks.len(), 3 * 20 * 20);
}

#[test]
fn a_window_is_a_part_of_the_picture_as_it_is_turned_in_all_eight_ways() {
    let folder = tempfile::tempdir().unwrap();
    write_pairs(folder.path(), 2);
    let train = open(folder.path(), Split::Train).unwrap();
    let whole = train.sample(0).unwrap().picture;
    let augmentation = Augmentation { flip: true, turn: true, window: true, ..Augmentation::default() };
    let mut loader =
        Loader::new(Arc::clone(&train), LoaderOptions { augmentation, ..LoaderOptions::new(1, 16, 1) })
            .unwrap();
    let mut ways = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let found = loader.next_batch().unwrap().picture(0);
        let way = (0..8).find(|way| {
            let mut back = found.turned(4 - way % 4);
            if *way >= 4 {
                back.flip();
            }
            let places =
                (0..=whole.height - 16).flat_map(|top| (0..=whole.width - 16).map(move |left| (top, left)));
            places.into_iter().any(|(top, left)| whole.crop(top, left, 16, 16) == back)
        });
        ways.insert(way.expect("a window of the picture"));
    }
    assert_eq!(ways.len(), 8);
}

#[test]
fn a_quarter_turn_is_against_the_clock() {
    let picture = Picture::new(2, 3, 1, vec![1, 2, 3, 4, 5, 6]);
    assert_eq!(picture.turned(1), Picture::new(3, 2, 1, vec![3, 6, 2, 5, 1, 4]));
    assert_eq!(picture.turned(1).turned(1), picture.turned(2));
    assert_eq!(picture.turned(3).turned(1), picture);
}

/// What is wrong with a folder of pairs after `spoil`, in one line that holds each of `words`.
#[track_caller]
fn refused(spoil: impl Fn(&Path), words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    write_pairs(folder.path(), 4);
    spoil(folder.path());
    let Err(error) = open(folder.path(), Split::Train).map(|_| ()) else { panic!("not refused: {words:?}") };
    let text = error.to_string();
    assert!(!text.contains('\n') && words.iter().all(|word| text.contains(word)), "{text} lacks {words:?}");
}

#[test]
fn pairs_that_do_not_fit_are_named_before_anything_is_decoded() {
    let remove = |name: &'static str| move |folder: &Path| fs::remove_file(folder.join(name)).unwrap();
    refused(remove("masks/01.png"), &["images/01.png", "a picture without a mask;", "masks/01.png"]);
    refused(remove("images/02.png"), &["masks/02.png", "a mask without a picture;", "images/02.png"]);
    refused(
        |folder| {
            remove("masks/01.png")(folder);
            remove("masks/03.png")(folder);
        },
        &["images/01.png", "and 1 others"],
    );
    refused(
        |folder| fs::remove_dir_all(folder.join("masks")).unwrap(),
        &["no folder masks", "make the folder"],
    );
    refused(
        |folder| {
            fs::remove_dir_all(folder.join("images")).unwrap();
            fs::create_dir(folder.join("images")).unwrap();
        },
        &["images: 0 PNG or JPEG pictures"],
    );
    refused(
        |folder| Picture::new(20, 23, 1, vec![0; 460]).write_png(&folder.join("masks/00.png")).unwrap(),
        &["masks/00.png: 20x23 pixels", "20x24 pixels", "images/00.png"],
    );
    refused(
        |folder| {
            fs::copy(folder.join("images/00.png"), folder.join("images/00.jpg")).unwrap();
        },
        &["images/00.png: the same name as", "images/00.jpg", "remove one"],
    );
    refused(
        |folder| {
            for number in 1..4 {
                fs::remove_file(folder.join(format!("masks/{number:02}.png"))).unwrap();
                fs::remove_file(folder.join(format!("images/{number:02}.png"))).unwrap();
            }
        },
        &["one picture with its mask", "at least two"],
    );
    assert!(
        Pairs::open(Path::new("missing")).unwrap_err().to_string().starts_with("missing: no such folder")
    );
}

#[test]
fn a_mask_that_does_not_decode_is_skipped_and_masks_of_ones_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    write_pairs(folder.path(), 30);
    fs::write(folder.path().join("masks/00.png"), "no picture").unwrap();
    let held_out = open(folder.path(), Split::HeldOut).unwrap();
    let samples: Vec<Sample> = held_out_samples(&*held_out, 3).map(|sample| sample.unwrap().1).collect();
    assert_eq!(samples.len(), 3);
    let report = check(&format!("pairs:{}", folder.path().display()).parse().unwrap()).unwrap();
    assert!(report.contains("1 that do not decode") && report.contains("masks: 5"), "{report}");
    for entry in fs::read_dir(folder.path().join("masks")).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(mask) = Picture::read(&path) {
            let ones = Picture { pixels: mask.pixels.iter().map(|byte| byte / 255).collect(), ..mask };
            ones.write_png(&path).unwrap();
        }
    }
    let error = set_share(&*open(folder.path(), Split::Train).unwrap(), 9).unwrap_err().to_string();
    assert!(error.contains("multiply masks of 0 and 1 by 255"), "{error}");
    assert!(check(&format!("pairs:{}", folder.path().display()).parse().unwrap()).is_err());
}
