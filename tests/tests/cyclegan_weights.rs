//! Generators' weights are those of PyTorch's users, both ways.

use gobelin_autograd::random;
use gobelin_cyclegan::apply::Generator;
use gobelin_datasets::Picture;
use gobelin_nets::resnet_generator::{Options, ResnetGenerator};
use gobelin_nets::weights;
use gobelin_tests::{reference, reference_json};

#[test]
fn their_generator_translates_here_as_there() {
    let generator = Generator::open(&reference("cyclegan_generator.safetensors")).unwrap();
    assert_eq!(generator.options(), Options { blocks: 2, width: 3, ..Options::default() });
    assert!(generator.notes()[0].contains("2 running statistics ignored"), "{:?}", generator.notes());
    let case = reference_json("cyclegan_generator.json");
    let numbers = |name: &str| -> Vec<f64> {
        case[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let side = |name: &str| case[name].as_u64().unwrap() as usize;
    let bytes = numbers("picture").into_iter().map(|v| v as u8).collect();
    let made = generator.translate(Picture::new(side("height"), side("width"), 3, bytes), false);
    for (found, expected) in made.pixels.iter().zip(numbers("made")) {
        // Half a byte of rounding, and the hundredths that the file keeps.
        assert!((f64::from(*found) - expected).abs() < 0.52, "{found}, PyTorch {expected}");
    }
    assert!(made.pixels.iter().max().unwrap() - made.pixels.iter().min().unwrap() > 100);
}

#[test]
fn what_was_theirs_is_written_as_theirs() {
    let path = reference("cyclegan_generator.safetensors");
    let net = ResnetGenerator::new(
        Options { blocks: 2, width: 3, ..Options::default() },
        &mut random::generator(0, 0),
    );
    let is_statistic = |name: &str| name.contains("running");
    weights::load_without(&path, &net, is_statistic).unwrap();
    let mut theirs = weights::read(&path).unwrap();
    theirs.retain(|name, _| !is_statistic(name));
    assert_eq!(weights::stored(&net), theirs);
    assert!(weights::load(&path, &net).is_err(), "running statistics were never asked about");
}
