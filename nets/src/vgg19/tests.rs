//! Files that are no VGG-19, and what is the same whichever way it is computed.

use std::path::PathBuf;

use gobelin_autograd::check::GradientCheck;

use super::*;
use crate::weights;

fn layers(names: &[&str]) -> Vec<Layer> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn picture(size: [usize; 2], stream: u64) -> Tensor {
    random::uniform(&[1, size[0], size[1], 3], 0.0, 1.0, &mut random::generator(3, stream))
}

/// The first layers' weights alone: files of the whole net take 80 MB.
fn first_block() -> Weights {
    let mut tensors = Weights::new();
    for (number, channels) in convolutions().take(2) {
        let mut add = |name: &str, value: &Tensor| {
            let bytes = value.data().iter().flat_map(|v| v.to_le_bytes()).collect();
            let stored = Stored { dtype: Dtype::F32, shape: value.shape().to_vec(), bytes };
            tensors.insert(format!("features.{number}.{name}"), stored);
        };
        add("weight", &draw(1, number, channels));
        add("bias", &Tensor::zeros(&[channels[1]]));
    }
    tensors
}

fn error_of(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vgg.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let error = Vgg19::open(&path).err().expect("no VGG-19").to_string();
    assert!(
        error.starts_with(path.to_str().unwrap()) && error.contains("get the weights with python"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1);
    error
}

#[test]
fn what_is_no_safetensors_is_named() {
    assert!(error_of(b"").contains("a file of 0 bytes, expected safetensors"));
    assert!(error_of(b"PK\x03\x04 a zip as torch.save writes").contains("a pickle"));
    assert!(error_of(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").contains("a pickle"));
    assert!(error_of(&[0xff; 64]).contains("a broken header"));
    // A header whose length has the bytes that a pickle begins with.
    let with_name = |length: usize| {
        let empty = Stored { dtype: Dtype::F32, shape: vec![0], bytes: Vec::new() };
        weights::to_bytes(&Weights::from([("x".repeat(length), empty)]))
    };
    let bytes = (1..1000).map(with_name).find(|bytes| bytes.starts_with(b"\x80\x02")).unwrap();
    assert!(error_of(&bytes).contains("no tensor `features.0.weight` among 1 tensors"));
    assert!(error_of(b"\x40\0\0\0\0\0\0\0{\"features.0.weight\":").contains("a broken header"));
    let missing = Vgg19::open(&PathBuf::from("/no/such/file")).err().unwrap().to_string();
    assert!(missing.starts_with("/no/such/file: No such file"), "{missing}");
}

#[test]
fn hostile_headers_are_refused() {
    let file = |header: &str, data: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; data]);
        bytes
    };
    let entry = |shape: &str, offsets: &str| {
        format!(
            "{{\"features.0.weight\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}"
        )
    };
    for (shape, offsets) in [
        ("[64,3,3,3]", "[0,6912]"),
        ("[64,3,3,3]", "[6912,0]"),
        ("[18446744073709551615,18446744073709551615]", "[0,4]"),
        ("[64,3,3,3]", "[18446744073709551608,18446744073709551615]"),
        ("[64,3,3,3]", "[0,8]"),
    ] {
        assert!(error_of(&file(&entry(shape, offsets), 8)).contains("a broken header"), "{shape} {offsets}");
    }
    assert!(error_of(&file(&"[".repeat(100_000), 0)).contains("a broken header"));
    assert!(error_of(&file("{}", 0)).contains("no tensor `features.0.weight` among none at all"));
}

#[test]
fn missing_and_wrong_tensors_are_named() {
    let found = error_of(&weights::to_bytes(&first_block()));
    assert!(
        found.contains(
            "no tensor `features.5.weight` among 4 tensors, of which `features.0.bias` is the first"
        )
    );
    let mut tensors = first_block();
    tensors.get_mut("features.2.weight").unwrap().shape = vec![64, 192, 3, 1];
    let found = error_of(&weights::to_bytes(&tensors));
    assert!(
        found.contains(
            "`features.2.weight` is F32 [64, 192, 3, 1], expected F32 (or F16, BF16) [64, 64, 3, 3]"
        )
    );
    tensors.get_mut("features.0.bias").unwrap().dtype = Dtype::I32;
    assert!(error_of(&weights::to_bytes(&tensors)).contains("`features.0.bias` is I32 [64]"));
}

#[test]
fn half_precision_and_odd_offsets_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    let values = Tensor::new(&[3], [0.5, -1.25, 3.0]);
    let mut tensors = Weights::new();
    let mut add = |name: &str, dtype, bytes: Vec<u8>, shape: &[usize]| {
        tensors.insert(name.into(), Stored { dtype, shape: shape.to_vec(), bytes });
    };
    let bytes = |encode: &dyn Fn(f32) -> Vec<u8>| values.data().iter().flat_map(|&v| encode(v)).collect();
    add("f16", Dtype::F16, bytes(&|v| half::f16::from_f32(v).to_le_bytes().to_vec()), &[3]);
    add("bf16", Dtype::BF16, bytes(&|v| half::bf16::from_f32(v).to_le_bytes().to_vec()), &[3]);
    add("f32", Dtype::F32, bytes(&|v| v.to_le_bytes().to_vec()), &[3]);
    let whole = weights::to_bytes(&tensors);
    // The header without its padding, one byte longer: every tensor lies at an odd address.
    let header_length = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&whole[8..8 + header_length]).unwrap().trim_end();
    let padded = format!("{header}{}", " ".repeat(1 + header.len() % 2));
    let mut bytes = (padded.len() as u64).to_le_bytes().to_vec();
    bytes.extend(padded.as_bytes());
    bytes.extend(&whole[8 + header_length..]);
    assert_eq!(padded.len() % 2, 1);
    for bytes in [whole, bytes] {
        std::fs::write(&path, bytes).unwrap();
        let file = file::Mapped::open(&path).unwrap();
        for name in ["f16", "bf16", "f32"] {
            file.check(name, &[3]).unwrap();
            assert_eq!(file.read(name).data(), values.data(), "{name}");
        }
    }
}

#[test]
fn a_written_random_net_is_the_random_net() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vgg.safetensors");
    weights::write(&path, &Vgg19::random_weights(5)).unwrap();
    let (read, drawn) = (Vgg19::open(&path).unwrap(), Vgg19::random(5));
    assert!(read.notes().is_empty());
    let (x, asked) = (picture([9, 8], 1).into(), layers(&["conv3_2", "relu1_1"]));
    for (read, drawn) in read.features(&x, &asked).iter().zip(drawn.features(&x, &asked)) {
        assert_eq!((read.shape(), read.tensor().data()), (drawn.shape(), drawn.tensor().data()));
        let size = read.tensor().data().iter().map(|v| v * v).sum::<f32>() / read.tensor().len() as f32;
        assert!((0.05..20.0).contains(&size), "features keep their size, but their mean square is {size}");
    }
}

/// A fused ReLU and one after a tapped convolution give the same.
#[test]
fn what_is_asked_for_beside_does_not_matter() {
    let (vgg, x) = (Vgg19::random(1), picture([8, 11], 2).into());
    let alone = vgg.features(&x, &layers(&["relu2_2"]));
    let together = vgg.features(&x, &layers(&["conv1_1", "relu2_2", "conv2_2", "pool1", "conv2_2"]));
    let shapes: Vec<_> = together.iter().map(|map| map.shape()[1..].to_vec()).collect();
    assert_eq!(shapes, [[8, 11, 64], [4, 5, 128], [4, 5, 128], [4, 5, 64], [4, 5, 128]]);
    assert_eq!(alone[0].tensor().data(), together[1].tensor().data());
    assert_eq!(ops::relu(&together[2]).tensor().data(), together[1].tensor().data());
}

#[test]
fn views_are_ranges_and_orders_of_the_same_pictures() {
    let (vgg, unit, asked) = (Vgg19::random(1), picture([5, 6], 3), layers(&["relu1_2"]));
    let look =
        |view: View, x: &Tensor| vgg.viewed(view).features(&x.clone().into(), &asked).remove(0).into_tensor();
    let near = |a: &Tensor, b: &Tensor| {
        a.data().iter().zip(b.data()).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs()))
    };
    let expected = look(View::default(), &unit);
    let signed = look(View { images: Images::Signed, ..View::default() }, &unit.map(|v| 2.0 * v - 1.0));
    assert!(near(&signed, &expected));
    let normalised = unit
        .data()
        .chunks(3)
        .flat_map(|p| [(p[0] - 0.485) / 0.229, (p[1] - 0.456) / 0.224, (p[2] - 0.406) / 0.225]);
    let normalised = Tensor::new(unit.shape(), normalised.collect::<Vec<f32>>());
    assert!(near(&look(View { images: Images::Normalised, ..View::default() }, &normalised), &expected));
    let caffe = View { normalisation: Normalisation::Caffe, ..View::default() };
    let turned = unit
        .data()
        .chunks(3)
        .flat_map(|p| [p[2] * 255.0 - 103.939, p[1] * 255.0 - 116.779, p[0] * 255.0 - 123.68]);
    let turned = Tensor::new(unit.shape(), turned.collect::<Vec<f32>>());
    let already = look(View { images: Images::Normalised, ..caffe }, &turned);
    let size = already.data().iter().fold(0.0f32, |size, v| size.max(v.abs()));
    let inside = look(caffe, &unit);
    assert!(inside.data().iter().zip(already.data()).all(|(a, b)| (a - b).abs() < 1e-5 * size));
    assert!(!near(&inside, &expected));
}

/// Two orders where there is no kink; one through ReLU and pooling, since a step that moves every pixel meets kinks whose
/// jumps are no part of a second derivative (the op's own tests hold that one to the composed ops).
#[test]
fn gradients() {
    let x = picture([4, 5], 4);
    for pooling in [Pooling::Max, Pooling::Average] {
        let vgg = Vgg19::random(2).viewed(View { images: Images::Signed, pooling, ..View::default() });
        let look = |names: &[&str], x: &Var| {
            let maps = vgg.features(x, &layers(names)).into_iter().map(|map| ops::mean(&ops::square(&map)));
            maps.reduce(|a, b| ops::add(&a, &b)).unwrap()
        };
        let inputs = std::slice::from_ref(&x);
        GradientCheck::default().assert(inputs, |x| look(&["conv1_1"], &x[0]));
        let check = GradientCheck::first_order().with_step(1e-3).with_tolerance(1e-2);
        check.assert(inputs, |x| look(&["conv1_2", "relu2_1"], &x[0]));
    }
}

#[test]
#[should_panic(
    expected = "vgg19: pictures of [1, 7, 9, 3], expected (N, H, W, 3) of at least 8 pixels a side"
)]
fn pictures_too_small_are_named() {
    let _ = Vgg19::random(0).features(&Tensor::zeros(&[1, 7, 9, 3]).into(), &layers(&["conv4_1"]));
}
