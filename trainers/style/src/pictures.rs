//! Pictures as the network sees them.

use gobelin_autograd::Tensor;
use gobelin_datasets::Picture;

/// Rows and columns of a picture whose longer side becomes `longest`.
pub fn fitted([height, width]: [usize; 2], longest: usize) -> [usize; 2] {
    let side = height.max(width) as f64;
    [height, width].map(|length| ((length as f64 * longest as f64 / side).round() as usize).max(1))
}

/// A picture as the network sees it: `(1, H, W, C)` in [0, 1].
pub fn tensor(picture: &Picture) -> Tensor {
    let values: Vec<f32> = picture.pixels.iter().map(|&byte| f32::from(byte) / 255.0).collect();
    Tensor::new(&[1, picture.height, picture.width, picture.channels], values)
}

/// The bytes of values in [0, 1], `(1, H, W, 3)`; what lies outside is cut off.
pub fn picture(values: &Tensor) -> Picture {
    let &[1, height, width, 3] = values.shape() else { panic!("picture: shape {:?}", values.shape()) };
    let bytes = values.data().iter().map(|value| (value * 255.0 + 0.5) as u8).collect();
    Picture::new(height, width, 3, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_what_was_asked_for() {
        assert_eq!(fitted([480, 640], 256), [192, 256]);
        assert_eq!(fitted([640, 480], 1280), [1280, 960]);
        assert_eq!(fitted([1, 5000], 100), [1, 100]);
    }

    #[test]
    fn bytes_come_back() {
        let bytes: Vec<u8> = (0..=254).collect();
        let drawn = Picture::new(5, 17, 3, bytes);
        assert_eq!(picture(&tensor(&drawn)), drawn);
        assert_eq!(picture(&Tensor::new(&[1, 1, 1, 3], [-0.2, 0.5, 7.0])).pixels, [0, 128, 255]);
    }
}
