//! What becomes of pictures of every mode, against values worked out by hand.

use std::io::Cursor;
use std::path::Path;

use gobelin_datasets::Picture;
use image::{DynamicImage, ImageFormat};

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

#[test]
fn a_png_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for channels in [1, 3] {
        let pixels = (0..5 * 7 * channels).map(|value| (value * 31 % 256) as u8).collect();
        let picture = Picture::new(5, 7, channels, pixels);
        let path = folder.path().join("a.png");
        picture.write_png(&path).unwrap();
        assert_eq!(Picture::read(&path).unwrap(), picture);
    }
    let error = Picture::new(1, 1, 1, vec![0]).write_png(&folder.path().join("no/a.png")).unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
}

#[test]
fn transparency_is_laid_on_white() {
    let pixels = vec![100, 0, 200, 255, 100, 0, 200, 0, 100, 0, 200, 51];
    let picture = image::RgbaImage::from_raw(3, 1, pixels).unwrap();
    let decoded = Picture::decode(&encoded(&picture.into(), ImageFormat::Png)).unwrap();
    // A fifth of the colour, four fifths of white.
    assert_eq!(decoded.pixels, [100, 0, 200, 255, 255, 255, 224, 204, 244]);
    let grey = image::GrayAlphaImage::from_raw(2, 1, vec![0, 255, 0, 51]).unwrap();
    let decoded = Picture::decode(&encoded(&grey.into(), ImageFormat::Png)).unwrap();
    assert_eq!((decoded.channels, decoded.pixels), (1, vec![0, 204]));
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    let values = vec![0u16, 128, 129, 257, 65535, 65406];
    let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(6, 1, values).unwrap();
    let decoded = Picture::decode(&encoded(&picture.into(), ImageFormat::Png)).unwrap();
    assert_eq!((decoded.channels, decoded.pixels), (1, vec![0, 0, 1, 1, 255, 254]));
}

#[test]
fn a_cmyk_jpeg_becomes_rgb() {
    // 16x16, written by Pillow from RGB (200, 60, 30).
    let decoded = Picture::decode(include_bytes!("cmyk.jpg")).unwrap();
    assert_eq!((decoded.height, decoded.width, decoded.channels), (16, 16, 3));
    for pixel in decoded.pixels.chunks_exact(3) {
        let error = [200, 60, 30].iter().zip(pixel).map(|(a, b)| b.abs_diff(*a)).max().unwrap();
        assert!(error <= 6, "{pixel:?}");
    }
}

#[test]
fn the_cameras_rotation_is_applied() {
    // 24x16, left half black and right half white, EXIF orientation 6: to be
    // seen turned by a quarter clockwise, so black ends on top.
    let decoded = Picture::decode(include_bytes!("turned.jpg")).unwrap();
    assert_eq!((decoded.height, decoded.width), (24, 16));
    assert!(decoded.pixels[0] < 30 && decoded.pixels[decoded.pixels.len() - 1] > 225);
}

#[test]
fn what_is_not_a_whole_picture_is_refused_in_one_line() {
    let picture: DynamicImage =
        image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * y) as u8, x as u8 * 3, y as u8 * 3])).into();
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let whole = encoded(&picture, format);
        Picture::decode(&whole).unwrap();
        for share in [1, 2, 5, 9] {
            let error = Picture::decode(&whole[..whole.len() * share / 10]).unwrap_err();
            assert!(!error.contains('\n'), "{error}");
        }
    }
    for (file, words) in [(&b""[..], "is empty"), (b"GIF89a", "Gif"), (b"hello world", "is no picture")] {
        assert!(Picture::decode(file).unwrap_err().contains(words));
    }
    let error = Picture::read(Path::new("/no/such.png")).unwrap_err().to_string();
    assert!(error.starts_with("/no/such.png: ") && error.contains("expected a whole PNG or JPEG"), "{error}");
}

#[test]
fn grey_is_luma_and_grey_repeats_into_rgb() {
    let colours = Picture::new(1, 4, 3, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
    // 0.299, 0.587 and 0.114 of 255.
    let grey = colours.into_channels(1);
    assert_eq!(grey.pixels, [76, 150, 29, 9]);
    assert_eq!(grey.into_channels(3).pixels, [76, 76, 76, 150, 150, 150, 29, 29, 29, 9, 9, 9]);
}

#[test]
fn resizing_keeps_flat_colours_and_does_not_alias() {
    let flat = Picture::new(9, 13, 3, [10, 200, 77].repeat(9 * 13));
    assert_eq!(flat.resize(4, 32).pixels, [10, 200, 77].repeat(4 * 32));
    // Stripes one pixel wide shrink to their mean.
    let stripes = Picture::new(64, 64, 1, [0, 255].repeat(64 * 32));
    let small = stripes.resize(8, 8);
    assert!(small.pixels.iter().all(|value| value.abs_diff(128) < 8), "{:?}", small.pixels);
}

#[test]
fn crops_and_flips_move_pixels_whole() {
    let pixels: Vec<u8> = (0..24).collect();
    let mut picture = Picture::new(2, 4, 3, pixels);
    assert_eq!(picture.crop(1, 2, 1, 2).pixels, [18, 19, 20, 21, 22, 23]);
    assert_eq!(picture.centre_crop(2).pixels, [3, 4, 5, 6, 7, 8, 15, 16, 17, 18, 19, 20]);
    picture.flip();
    assert_eq!(picture.pixels[..12], [9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2]);
    let values = [-1.0, 0.0, 1.0, -2.0, 2.0, f32::NAN];
    assert_eq!(Picture::from_signed(1, 6, 1, &values).pixels, [0, 128, 255, 0, 255, 0]);
}
