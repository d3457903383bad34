//! Nets run tile by tile give what they give in one piece.

use gobelin_autograd::{Tensor, Var, random};
use gobelin_nets::dcgan::Upsampling;
use gobelin_nets::super_resolution::{self, SuperResolution};
use gobelin_nets::tiles::{Source, Tiled, Window};
use gobelin_nets::transform::Transform;
use gobelin_nets::{Kind, Pass};

/// A picture without two places that look alike.
fn picture([height, width]: [usize; 2]) -> Tensor {
    random::uniform(&[1, height, width, 3], -1.0, 1.0, &mut random::generator(3, 0))
}

/// Weights as after training: norms with scales, shifts and statistics of their own, filters as they are.
fn unsettle(net: &dyn Tiled) {
    let mut numbers = random::generator(4, 0);
    for entry in net.entries().iter().filter(|entry| entry.kind != Kind::Filter) {
        let drawn = random::uniform(&entry.parameter.shape(), 0.1, 0.9, &mut numbers);
        entry.parameter.set(drawn);
    }
}

/// The pixels of a window of a picture.
fn part(picture: &Tensor, window: Window) -> Tensor {
    let (stride, channels) = (picture.shape()[2] * 3, 3);
    let rows = (window.top..window.top + window.height).flat_map(|row| {
        picture.data()[row * stride + window.left * channels..][..window.width * channels].iter().copied()
    });
    Tensor::new(&[1, window.height, window.width, 3], rows.collect::<Vec<f32>>())
}

/// The largest difference between the net's output on tiles and in one piece, relative to the output's root mean square.
fn difference(net: &dyn Tiled, size: [usize; 2], side: usize, exact: bool) -> f32 {
    let picture = picture(size);
    let pass = Pass::evaluation().exact(exact);
    let whole = net.forward(&pass, &Var::constant(picture.clone())).into_tensor();
    assert_eq!(whole.shape(), [1, net.factor() * size[0], net.factor() * size[1], 3]);
    let mut tiled = Tensor::full(whole.shape(), f32::NAN);
    let source = Source { size, read: &|window| part(&picture, window) };
    let mut tiles = 0;
    net.run_in_tiles(&pass, &source, side, &mut |place, made| {
        assert_eq!(made.shape(), [1, place.height, place.width, 3]);
        let stride = whole.shape()[2] * 3;
        for (row, line) in made.data().chunks_exact(place.width * 3).enumerate() {
            tiled.data_mut()[(place.top + row) * stride + place.left * 3..][..line.len()]
                .copy_from_slice(line);
        }
        tiles += 1;
    });
    assert_eq!(tiles, size[0].div_ceil(side) * size[1].div_ceil(side));
    let square: f32 = whole.data().iter().map(|v| v * v).sum::<f32>() / whole.len() as f32;
    let worst = whole.data().iter().zip(tiled.data()).map(|(a, b)| (a - b).abs());
    // Not `f32::max`, which would pass over a pixel that no tile wrote.
    worst.fold(0.0, |worst, off| if off <= worst { worst } else { off }) / square.sqrt()
}

#[test]
fn super_resolution_on_tiles_is_that_of_the_whole() {
    for (scale, upsampling, skip) in [
        (4, Upsampling::Deconv, false),
        (4, Upsampling::Resize, true),
        (8, Upsampling::Resize, false),
        (8, Upsampling::Deconv, true),
    ] {
        let options = super_resolution::Options { scale, width: 8, blocks: 2, upsampling, skip };
        let net = SuperResolution::new(options, &mut random::generator(1, 0));
        unsettle(&net);
        for exact in [true, false] {
            // The last column of tiles is one pixel wide.
            let found = difference(&net, [40, 49], 12, exact);
            println!("{options:?}, exact {exact}: {found:.1e}");
            assert!(found < 1e-5, "{options:?}, exact {exact}: {found:.1e}");
        }
    }
}

#[test]
fn a_painted_picture_has_no_seams() {
    let net = Transform::new(4, &mut random::generator(1, 0));
    unsettle(&net);
    for exact in [true, false] {
        let found = difference(&net, [72, 100], 32, exact);
        println!("exact {exact}: {found:.1e}");
        assert!(found < 1e-5, "exact {exact}: {found:.1e}");
    }
}

#[test]
fn tensors_tell_which_network_they_are_of() {
    let tensors = |net: &dyn Tiled| {
        let shape = |entry: gobelin_nets::Entry| {
            let shape = gobelin_nets::weights::stored_shape(&entry).1;
            (entry.name, shape)
        };
        net.entries().into_iter().map(shape).collect::<std::collections::BTreeMap<_, _>>()
    };
    let transform = tensors(&Transform::new(6, &mut random::generator(1, 0)));
    assert_eq!(Transform::width_of_tensors(&transform), Some(6));
    assert_eq!(super_resolution::Options::of_tensors(&transform), None);
    for scale in [4, 8] {
        for upsampling in [Upsampling::Deconv, Upsampling::Resize] {
            for (width, blocks, skip) in [(8, 4, false), (5, 1, true), (4, 0, true)] {
                let options = super_resolution::Options { scale, width, blocks, upsampling, skip };
                let mut found = tensors(&SuperResolution::new(options, &mut random::generator(1, 0)));
                assert_eq!(super_resolution::Options::of_tensors(&found), Some(options));
                assert_eq!(Transform::width_of_tensors(&found), None);
                found.pop_last();
                assert_eq!(super_resolution::Options::of_tensors(&found), None);
            }
        }
    }
}
