//! Two domains without pairs: drawn seasons, and CycleGAN's layout.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

use gobelin_datasets::domains::{HELD_OUT_SCENES, SIDES, Season, Seasons, TRAIN_SCENES};
use gobelin_datasets::{Dataset, Domains, OpenOptions, Picture, Source, Split};

fn options(split: Split) -> OpenOptions {
    OpenOptions { split, size: 32, channels: 3 }
}

fn seasons(split: Split) -> Domains {
    Source::Seasons.open_domains(&options(split)).unwrap().unwrap()
}

fn picture(data: &Arc<dyn Dataset>, index: usize) -> Picture {
    data.sample(index).unwrap().picture
}

/// Fowler, Noll and Vo's hash of 64 bits.
fn checksum(picture: &Picture) -> u64 {
    picture.pixels.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[test]
fn a_landscape_has_the_same_bytes_on_every_machine() {
    let sums = [(Season::Summer, 16, 1), (Season::Summer, 64, 3), (Season::Winter, 32, 3)].map(
        |(season, side, channels)| {
            checksum(&Seasons::new(season, 5..8, side, channels).sample(1).unwrap().picture)
        },
    );
    assert_eq!(sums, [1053297352766375320, 4899085645496818084, 11708144534854884366]);
}

/// Places where neighbours in a row are of very different colours.
fn edges(picture: &Picture) -> HashSet<usize> {
    let differ = |place: &usize| {
        let (here, next) = (&picture.pixels[3 * place..][..3], &picture.pixels[3 * place + 3..][..3]);
        here.iter().zip(next).any(|(a, b)| a.abs_diff(*b) > 50)
    };
    (0..32 * 32).filter(|place| place % 32 < 31).filter(differ).collect()
}

#[test]
fn held_out_pictures_are_each_others_translations_and_no_scene_is_trained_on_twice() {
    let held_out = seasons(Split::HeldOut);
    assert_eq!((held_out.a.len(), held_out.b.len()), (1000, 1000));
    let overlap = |a: usize, b: usize| {
        let (a, b) = (edges(&picture(&held_out.a, a)), edges(&picture(&held_out.b, b)));
        a.intersection(&b).count() as f64 / a.union(&b).count() as f64
    };
    let mean = |shift: usize| (0..50).map(|n| overlap(n, n + shift)).sum::<f64>() / 50.0;
    let (same, other) = (mean(0), mean(1));
    assert!(same > 0.4 && other < 0.1, "{same} and {other}");

    let [summer, winter] = TRAIN_SCENES;
    assert!(summer.end <= winter.start && winter.end <= HELD_OUT_SCENES.start);
    let train = seasons(Split::Train);
    assert_eq!((train.a.len(), train.b.len()), (10_000, 10_000));
    assert_eq!(train.a.name(3), "scene 3 in Summer");
    assert_eq!(train.b.name(3), "scene 1000003 in Winter");
    assert_ne!(picture(&train.a, 0), picture(&train.a, 1));
}

#[test]
fn every_side_and_mode_is_drawn() {
    for side in [*SIDES.start(), 17, 100, *SIDES.end()] {
        for channels in [1, 3] {
            let data = Seasons::new(Season::Winter, 0..2, side, channels);
            let picture = data.sample(1).unwrap().picture;
            assert_eq!((picture.height, picture.width, picture.channels), (side, side, channels));
        }
    }
}

#[test]
fn both_domains_are_one_dataset_with_two_labels() {
    let here = tempfile::tempdir().unwrap();
    for (folder, count) in [("trainA", 2), ("trainB", 3), ("testA", 1), ("testB", 1)] {
        let folder = here.path().join(folder);
        fs::create_dir(&folder).unwrap();
        for number in 0..count {
            let path = folder.join(format!("{number}.png"));
            Picture::new(1, 1, 1, vec![folder.as_os_str().len() as u8 + number]).write_png(&path).unwrap();
        }
    }
    let source: Source = format!("ab:{}", here.path().display()).parse().unwrap();
    assert_eq!(source.to_string(), format!("ab:{}", here.path().display()));
    let whole = source.open(&options(Split::Train)).unwrap();
    assert_eq!((whole.len(), whole.classes(), whole.shape()), (5, 2, None));
    let labels: Vec<u32> = (0..5).map(|index| whole.sample(index).unwrap().label).collect();
    assert_eq!(labels, [0, 0, 1, 1, 1]);
    assert_eq!((whole.class_name(0), whole.class_name(1)), ("A".into(), "B".into()));
    assert!(whole.name(4).ends_with("trainB/2.png"));
    let domains = source.open_domains(&options(Split::HeldOut)).unwrap().unwrap();
    assert_eq!((domains.a.len(), domains.b.len()), (1, 1));
    assert!(Source::Faces.open_domains(&options(Split::Train)).unwrap().is_none());
}
