//! The ROC curve as a picture.

use gobelin_harness::Grid;

/// The picture's side, and where the curve's square lies in it.
const SIDE: usize = 300;
const LEFT: usize = 48;
const TOP: usize = 24;
const PLOT: usize = 230;

/// Powers of ten along the axis of false accept rates, from 1e-4 to 1: where verification is judged, a linear axis shows nothing.
const DECADES: usize = 4;

const WHITE: [u8; 3] = [255; 3];
const LINE: [u8; 3] = [222; 3];
const TEXT: [u8; 3] = [70; 3];
const CURVE: [u8; 3] = [20, 90, 200];

/// Rising false accept rates, each with the share of same pairs accepted there (VAL).
pub fn roc(curve: &[(f64, f64)]) -> Grid {
    let mut canvas = Canvas { pixels: WHITE.repeat(SIDE * SIDE) };
    for tick in 0..=DECADES {
        let x = LEFT + tick * PLOT / DECADES;
        canvas.fill(x, TOP, 1, PLOT, LINE);
        let text = ["1e-4", "1e-3", "0.01", "0.1", "1"][tick];
        canvas.text(x - 3 * text.len(), TOP + PLOT + 6, text);
    }
    for tick in 0..=5 {
        let y = TOP + tick * PLOT / 5;
        canvas.fill(LEFT, y, PLOT, 1, LINE);
        canvas.text(4, y - 4, ["1", "0.8", "0.6", "0.4", "0.2", "0"][tick]);
    }
    canvas.text(4, 4, "VAL");
    canvas.text(LEFT + PLOT - 22, TOP + PLOT + 20, "FAR");
    let mut before = None;
    for column in 0..=PLOT {
        let rate = 10f64.powf((column as f64 / PLOT as f64 - 1.0) * DECADES as f64);
        let reached = curve.partition_point(|&(far, _)| far <= rate * (1.0 + 1e-9));
        let accepted = if reached > 0 { curve[reached - 1].1 } else { 0.0 };
        let y = TOP + ((1.0 - accepted) * PLOT as f64).round() as usize;
        let from = before.unwrap_or(y).min(y);
        canvas.fill(LEFT + column, from, 2, before.unwrap_or(y).max(y) - from + 2, CURVE);
        before = Some(y);
    }
    Grid::bytes("roc", [1, SIDE, SIDE, 3], canvas.pixels)
}

struct Canvas {
    pixels: Vec<u8>,
}

impl Canvas {
    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, colour: [u8; 3]) {
        for y in top..top + height {
            for x in left..left + width {
                self.pixels[(y * SIDE + x) * 3..][..3].copy_from_slice(&colour);
            }
        }
    }

    /// Letters of 6 by 10 pixels, 2 apart.
    fn text(&mut self, left: usize, top: usize, text: &str) {
        for (place, letter) in text.chars().enumerate() {
            for (row, bits) in glyph(letter).into_iter().enumerate() {
                for column in (0..3).filter(|column| bits >> (2 - column) & 1 == 1) {
                    self.fill(left + 8 * place + 2 * column, top + 2 * row, 2, 2, TEXT);
                }
            }
        }
    }
}

/// Five rows of three dots, the left one the highest bit.
fn glyph(letter: char) -> [u8; 5] {
    match letter {
        '0' => [7, 5, 5, 5, 7],
        '1' => [2, 6, 2, 2, 7],
        '2' => [7, 1, 7, 4, 7],
        '3' => [7, 1, 7, 1, 7],
        '4' => [5, 5, 7, 1, 1],
        '6' => [7, 4, 7, 5, 7],
        '8' => [7, 5, 7, 5, 7],
        '.' => [0, 0, 0, 0, 2],
        '-' => [0, 0, 7, 0, 0],
        'e' => [0, 7, 7, 4, 7],
        'A' => [2, 5, 7, 5, 5],
        'F' => [7, 4, 6, 4, 4],
        'L' => [4, 4, 4, 4, 7],
        'R' => [6, 5, 6, 5, 5],
        'V' => [5, 5, 5, 5, 2],
        _ => unreachable!("no letter {letter} in a plot"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_curve_lies_at_the_top_and_a_hopeless_one_at_the_bottom() {
        let at = |curve: &[(f64, f64)], row: usize| {
            let png = roc(curve).png();
            let picture = gobelin_datasets::Picture::decode(&png.bytes).unwrap();
            let pixel = |column: usize| &picture.pixels[(row * SIDE + LEFT + column) * 3..][..3];
            (10..PLOT - 10).filter(|&column| pixel(column) == CURVE).count()
        };
        assert_eq!(at(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)], TOP), PLOT - 20);
        assert_eq!(at(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)], TOP + PLOT), PLOT - 20);
    }
}
