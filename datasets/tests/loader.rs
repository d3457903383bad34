//! What a loader gives depends on the seed and on nothing else.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use gobelin_datasets::{
    Augmentation, Batch, DataError, Dataset, Faces, FacesOptions, HeldOut, HeldOutOptions, Loader,
    LoaderOptions, Picture, PictureShape, Sample, Split, skip_limit,
};

fn faces() -> Arc<dyn Dataset> {
    let options = FacesOptions { size: 24, channels: 3, identities: 5..16, per_identity: 3, seed: 1 };
    Arc::new(Faces::new(options))
}

fn options() -> LoaderOptions {
    let augmentation = Augmentation { flip: true, crop_from: Some(20), ..Augmentation::default() };
    LoaderOptions { seed: 9, workers: 1, augmentation, ..LoaderOptions::new(4, 16, 1) }
}

fn take(loader: &mut Loader, count: usize) -> Vec<Batch> {
    (0..count).map(|_| loader.next_batch().unwrap()).collect()
}

#[test]
fn batches_are_the_same_with_any_number_of_workers() {
    let one = take(&mut Loader::new(faces(), options()).unwrap(), 20);
    let three = take(&mut Loader::new(faces(), LoaderOptions { workers: 3, ..options() }).unwrap(), 20);
    assert!(one == three);
    let other = take(&mut Loader::new(faces(), LoaderOptions { seed: 10, ..options() }).unwrap(), 1);
    assert_ne!(one[0].indices, other[0].indices);
}

#[test]
fn a_loader_set_to_a_position_goes_on_as_if_it_had_never_stopped() {
    let mut whole = Loader::new(faces(), options()).unwrap();
    let batches = take(&mut whole, 20);
    assert_eq!(whole.position(), 20);
    let mut resumed = Loader::new(faces(), LoaderOptions { workers: 2, ..options() }).unwrap();
    for position in [13, 2, 0, 17] {
        resumed.seek(position as u64);
        // A second seek while batches of the first are in work.
        resumed.seek(position as u64 + 1);
        resumed.seek(position as u64);
        assert!(take(&mut resumed, 3) == batches[position..position + 3]);
    }
    // The memory of an earlier batch leaves no trace.
    let mut reused = batches[7].clone();
    resumed.seek(4);
    resumed.fill(&mut reused).unwrap();
    assert!(reused == batches[4]);
}

#[test]
fn an_epoch_gives_every_picture_at_most_once_and_drops_what_fills_no_batch() {
    let mut loader = Loader::new(faces(), options()).unwrap();
    assert_eq!(loader.batches_per_epoch(), 8);
    let mut orders = Vec::new();
    for epoch in 0..3 {
        let batches = take(&mut loader, 8);
        assert!(batches.iter().all(|batch| batch.epoch == epoch && batch.len() == 4));
        let order: Vec<usize> = batches.into_iter().flat_map(|batch| batch.indices).collect();
        assert_eq!(order.iter().collect::<HashSet<_>>().len(), 32);
        orders.push(order);
    }
    assert_ne!(orders[0], orders[1]);
    assert_ne!(orders[1], orders[2]);
}

#[test]
fn batches_hold_the_pictures_they_name() {
    let plain = LoaderOptions::new(11, 24, 3);
    let dataset = faces();
    let mut loader = Loader::new(Arc::clone(&dataset), plain).unwrap();
    let batch = loader.next_batch().unwrap();
    for (place, index) in batch.indices.iter().enumerate() {
        let sample = dataset.sample(*index).unwrap();
        assert_eq!((batch.labels[place], batch.picture(place)), (sample.label, sample.picture));
    }
    let augmentation = Augmentation { flip: true, ..Augmentation::default() };
    let mut flipped = Loader::new(Arc::clone(&dataset), LoaderOptions { augmentation, ..plain }).unwrap();
    let turned = flipped.next_batch().unwrap();
    let mut turns = 0;
    for place in 0..11 {
        let mut picture = batch.picture(place);
        if turned.picture(place) != picture {
            picture.flip();
            assert_eq!(turned.picture(place), picture);
            turns += 1;
        }
    }
    assert!((1..11).contains(&turns));
}

#[test]
fn a_batch_larger_than_the_data_is_refused() {
    let Err(error) = Loader::new(faces(), LoaderOptions::new(34, 16, 3)) else { panic!("not refused") };
    let text = error.to_string();
    assert!(
        text.contains("a batch of 34 from 33 pictures") && text.contains("make the batch smaller"),
        "{text}"
    );
}

/// Flat pictures, some of which do not decode.
struct Partly {
    len: usize,
    broken: fn(usize) -> bool,
}

impl Dataset for Partly {
    fn len(&self) -> usize {
        self.len
    }
    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        assert_ne!(index, 999, "a mistake in this dataset's code");
        if (self.broken)(index) {
            return Err(DataError::Picture { path: self.name(index), reason: "is no picture".into() });
        }
        let picture = Picture::new(6, 9, 1, vec![(index % 256) as u8; 54]);
        Ok(Sample { picture, label: self.label(index), mask: None })
    }
    fn label(&self, index: usize) -> u32 {
        index as u32
    }
    fn classes(&self) -> usize {
        self.len
    }
    fn name(&self, index: usize) -> String {
        format!("picture {index}")
    }
    fn shape(&self) -> Option<PictureShape> {
        None
    }
    fn describe(&self) -> String {
        "partly broken".into()
    }
}

#[test]
fn a_picture_that_does_not_decode_gives_way_to_the_next() {
    let dataset = || Arc::new(Partly { len: 40, broken: |index| matches!(index, 7 | 8 | 39) });
    let all = |workers| {
        let mut loader =
            Loader::new(dataset(), LoaderOptions { workers, ..LoaderOptions::new(10, 6, 1) }).unwrap();
        let batches = take(&mut loader, 4);
        (batches, loader.skipped().clone())
    };
    let (batches, skipped) = all(1);
    let mut indices: Vec<usize> = batches.iter().flat_map(|batch| batch.indices.clone()).collect();
    indices.sort_unstable();
    let mut expected: Vec<usize> = (0..40)
        .map(|i| {
            if i == 39 {
                0
            } else if i == 7 || i == 8 {
                9
            } else {
                i
            }
        })
        .collect();
    expected.sort_unstable();
    assert_eq!(indices, expected);
    assert_eq!(skipped.keys().copied().collect::<Vec<_>>(), [7, 8, 39]);
    assert!(skipped[&7].to_string().starts_with("picture 7: is no picture"));
    assert!(all(3) == (batches, skipped));
}

#[test]
fn too_many_pictures_that_do_not_decode_stop_the_run_at_the_same_batch() {
    assert_eq!((skip_limit(50), skip_limit(10_000)), (10, 110));
    let stopped_at = |workers| {
        let dataset = Arc::new(Partly { len: 400, broken: |index| index % 20 == 0 });
        let mut loader =
            Loader::new(dataset, LoaderOptions { workers, ..LoaderOptions::new(8, 6, 1) }).unwrap();
        let error = (0..50).find_map(|_| loader.next_batch().err()).expect("20 are too many");
        // Asked again, it says so again instead of waiting for ever.
        assert_eq!(loader.next_batch().unwrap_err(), error);
        (loader.position(), error.to_string())
    };
    let (position, error) = stopped_at(1);
    assert!((1..50).contains(&position));
    assert!(error.contains("of 400 pictures could not be used; at most 14"), "{error}");
    assert!(!error.contains('\n'));
    assert_eq!(stopped_at(3), (position, error));
}

#[test]
fn data_that_never_decodes_is_refused_at_once() {
    let dataset: Arc<dyn Dataset> = Arc::new(Partly { len: 5, broken: |_| true });
    let mut loader = Loader::new(Arc::clone(&dataset), LoaderOptions::new(2, 6, 1)).unwrap();
    let error = loader.next_batch().unwrap_err();
    assert!(matches!(error, DataError::TooManySkipped { pictures: 5, .. }), "{error}");
    let held_out = HeldOutOptions { count: 5, batch: 5, size: 6, channels: 1 };
    assert!(HeldOut::new(dataset, held_out).next().unwrap().is_err());
}

#[test]
#[should_panic(expected = "a mistake in this dataset's code")]
fn a_panic_of_a_dataset_reaches_the_one_who_takes_batches() {
    let dataset = Arc::new(Partly { len: 1000, broken: |_| false });
    let mut loader = Loader::new(dataset, LoaderOptions::new(100, 6, 1)).unwrap();
    take(&mut loader, 10);
}

#[test]
fn held_out_pictures_are_fixed_and_spread_over_the_data() {
    let options = HeldOutOptions { count: 7, batch: 3, size: 6, channels: 3 };
    let dataset: Arc<dyn Dataset> = Arc::new(Partly { len: 70, broken: |index| index == 30 });
    let batches: Vec<Batch> = HeldOut::new(dataset, options).map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [3, 3, 1]);
    let indices: Vec<usize> = batches.iter().flat_map(|batch| batch.indices.clone()).collect();
    assert_eq!(indices, [0, 10, 20, 31, 40, 50, 60]);
    assert_eq!(batches[1].pixels.len(), 3 * 6 * 6 * 3);
    assert_eq!(batches[0].pixels[108], 10.0 / 127.5 - 1.0);
}

#[test]
fn a_real_folder_goes_through_whole() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..30u8 {
        let picture = Picture::new(40, 30, 3, vec![number * 8; 40 * 30 * 3]);
        picture.write_png(&folder.path().join(format!("{number:02}.png"))).unwrap();
    }
    std::fs::write(folder.path().join("13.png"), "no picture").unwrap();
    let source: gobelin_datasets::Source = format!("folder:{}", folder.path().display()).parse().unwrap();
    let open = gobelin_datasets::OpenOptions { split: Split::Train, size: 16, channels: 3 };
    let options = LoaderOptions { workers: 2, ..options() };
    let mut loader = Loader::new(source.open(&open).unwrap(), options).unwrap();
    for batch in take(&mut loader, 6) {
        for (place, index) in batch.indices.iter().enumerate() {
            let value = loader.dataset().sample(*index).unwrap().picture.pixels[0];
            assert!(batch.picture(place).pixels.iter().all(|pixel| *pixel == value));
        }
    }
    let (_, error) = loader.skipped().first_key_value().expect("one is broken");
    let broken = folder.path().join("13.png");
    assert!(error.to_string().contains(&*Path::new(&broken).to_string_lossy()));
}

#[test]
fn unscaled_squares_are_cut_out_of_the_picture_as_it_is() {
    /// Pictures whose bytes tell their place.
    struct Places;
    impl Dataset for Places {
        fn len(&self) -> usize {
            3
        }
        fn sample(&self, _: usize) -> Result<Sample, DataError> {
            let pixels = (0..30 * 20).map(|at| (at / 20 * 8 + at % 20) as u8).collect();
            Ok(Sample { picture: Picture::new(30, 20, 1, pixels), label: 0, mask: None })
        }
        fn label(&self, _: usize) -> u32 {
            0
        }
        fn classes(&self) -> usize {
            1
        }
        fn name(&self, index: usize) -> String {
            index.to_string()
        }
        fn shape(&self) -> Option<PictureShape> {
            None
        }
        fn describe(&self) -> String {
            "places".into()
        }
    }
    let augmentation = Augmentation { window: true, ..Augmentation::default() };
    let options = LoaderOptions { augmentation, ..LoaderOptions::new(3, 8, 1) };
    let mut loader = Loader::new(Arc::new(Places), options).unwrap();
    let mut corners = HashSet::new();
    for _ in 0..40 {
        let batch = loader.next_batch().unwrap();
        for place in 0..batch.len() {
            let pixels = batch.picture(place).pixels;
            let corner = pixels[0];
            for (at, pixel) in pixels.iter().enumerate() {
                assert_eq!(*pixel, corner.wrapping_add((at / 8 * 8 + at % 8) as u8));
            }
            corners.insert(corner);
        }
    }
    assert!(corners.len() > 60, "{} different corners", corners.len());
}
