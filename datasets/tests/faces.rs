//! Drawn faces: the same bytes for the same numbers, and people who can be
//! told apart.

use gobelin_datasets::faces::{HELD_OUT_IDENTITIES, SIZES, TRAIN_IDENTITIES};
use gobelin_datasets::{Dataset, Faces, FacesOptions, Picture};

fn faces(size: usize, channels: usize, seed: u64) -> Faces {
    Faces::new(FacesOptions { size, channels, identities: 100..130, per_identity: 6, seed })
}

/// Fowler, Noll and Vo's hash of 64 bits.
fn checksum(picture: &Picture) -> u64 {
    picture.pixels.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[test]
fn a_face_has_the_same_bytes_on_every_machine() {
    let sums = [(16, 1), (28, 3), (64, 3), (128, 3)]
        .map(|(size, channels)| checksum(&faces(size, channels, 0).draw(7, 3)));
    assert_eq!(sums, [12622876715061217548, 9593262503668844212, 4082782259270765785, 14408143475176784570]);
}

#[test]
fn numbers_decide_the_face() {
    let world = faces(32, 3, 0);
    let face = world.draw(100, 1);
    assert_eq!(world.sample(1).unwrap().picture, face);
    assert_ne!(world.draw(100, 2), face);
    assert_ne!(world.draw(101, 1), face);
    assert_ne!(faces(32, 3, 1).draw(100, 1), face);
    assert_eq!((world.label(6), world.class_name(1)), (1, "person 101".to_owned()));
    assert_eq!((world.len(), world.classes()), (180, 30));
    assert_eq!(faces(32, 1, 0).draw(100, 1), face.into_channels(1));
    const { assert!(TRAIN_IDENTITIES.end <= HELD_OUT_IDENTITIES.start) };
}

#[test]
fn every_size_is_drawn() {
    for size in [*SIZES.start(), 17, 28, 32, 48, 63, 64, 65, 96, 128] {
        for identity in 0..6 {
            let face = faces(size, 3, 2).draw(identity, 0);
            assert_eq!((face.height, face.width, face.channels), (size, size, 3));
        }
    }
}

#[test]
fn a_face_drawn_small_is_the_face_drawn_large_shrunk() {
    for identity in 0..10 {
        let small = faces(32, 3, 0).draw(identity, 0);
        let large = faces(128, 3, 0).draw(identity, 0).resize(32, 32);
        let difference: u32 =
            small.pixels.iter().zip(&large.pixels).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        let mean = f64::from(difference) / small.pixels.len() as f64;
        assert!(mean < 6.0, "person {identity}: {mean}");
    }
}

/// Mean squared difference of the middles of two pictures, where the face is.
fn distance(a: &Picture, b: &Picture) -> f64 {
    let (a, b) = (a.centre_crop(16), b.centre_crop(16));
    let squares = a.pixels.iter().zip(&b.pixels).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    squares.sum::<f64>() / a.pixels.len() as f64
}

#[test]
fn pictures_of_a_person_are_closer_than_pictures_of_two() {
    let world = faces(32, 3, 0);
    let pictures: Vec<Picture> = (0..world.len()).map(|index| world.sample(index).unwrap().picture).collect();
    let (mut same, mut different) = ((0.0, 0), (0.0, 0));
    for first in 0..pictures.len() {
        for second in 0..first {
            let sum = if world.label(first) == world.label(second) { &mut same } else { &mut different };
            sum.0 += distance(&pictures[first], &pictures[second]);
            sum.1 += 1;
        }
    }
    let (same, different) = (same.0 / f64::from(same.1), different.0 / f64::from(different.1));
    assert!(same < 0.6 * different, "same {same}, different {different}");
}
