//! Drawn scenes and textures: the same bytes for the same seed, at every size the same picture, kinds that differ.

use gobelin_datasets::{Picture, scenes, textures};

type Draw = Box<dyn Fn(u64, usize, usize) -> Picture>;

/// Every kind by its word.
fn kinds() -> Vec<(&'static str, Draw)> {
    let textures = textures::Kind::ALL.iter().map(|&kind| -> (_, Draw) {
        (kind.word(), Box::new(move |seed, height, width| textures::draw(kind, seed, height, width)))
    });
    let scenes = scenes::Kind::ALL.iter().map(|&kind| -> (_, Draw) {
        (kind.word(), Box::new(move |seed, height, width| scenes::draw(kind, seed, height, width)))
    });
    textures.chain(scenes).collect()
}

/// The mean absolute difference of two pictures' bytes.
fn difference(a: &Picture, b: &Picture) -> f64 {
    let sum: u32 = a.pixels.iter().zip(&b.pixels).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    f64::from(sum) / a.pixels.len() as f64
}

/// Fowler, Noll and Vo's hash of 64 bits.
fn checksum(picture: &Picture) -> u64 {
    picture.pixels.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[test]
fn a_drawing_has_the_same_bytes_on_every_machine() {
    let sums: Vec<u64> = kinds().iter().map(|(_, draw)| checksum(&draw(7, 40, 56))).collect();
    let expected = [
        14015476085140069661,
        16911324928152413494,
        16468718143090730783,
        8120727400055263306,
        7796710161359095460,
        16861803092021504696,
        8817290257080410378,
        1712789537753066394,
        9777833408082279416,
        1474410266430766791,
        12913150085291351497,
    ];
    assert_eq!(sums, expected);
}

#[test]
fn seeds_decide_the_drawing() {
    for (kind, draw) in kinds() {
        let drawing = draw(3, 48, 64);
        assert_eq!((drawing.height, drawing.width, drawing.channels), (48, 64, 3), "{kind}");
        assert_eq!(draw(3, 48, 64), drawing, "{kind}");
        assert!(difference(&draw(4, 48, 64), &drawing) > 2.0, "{kind}");
    }
}

#[test]
fn a_drawing_of_another_size_shows_the_same() {
    for (kind, draw) in kinds() {
        let (small, large) = (draw(1, 128, 160), draw(1, 256, 320).resize(128, 160));
        let (same, other) = (difference(&small, &large), difference(&draw(2, 128, 160), &large));
        assert!(same < 14.0 && same < 0.7 * other, "{kind}: {same}, another seed {other}");
    }
}

#[test]
fn every_size_is_drawn() {
    for (kind, draw) in kinds() {
        for (height, width) in [(1, 1), (1, 40), (40, 1), (2, 3), (17, 90), (90, 17)] {
            let drawing = draw(0, height, width);
            assert_eq!((drawing.height, drawing.width), (height, width), "{kind}");
        }
    }
}
