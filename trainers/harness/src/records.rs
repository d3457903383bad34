//! TensorBoard's file format: framed records of the protocol buffer `Event`.
//!
//! A record is the length of its data (8 bytes), the length's checksum (4),
//! the data, and the data's checksum (4), all little-endian. The messages are
//! TensorFlow's event.proto, summary.proto and histogram.proto, of which only
//! the fields named here are written.

/// A value under a tag.
pub enum Value<'a> {
    /// A number.
    Scalar(f32),
    /// A picture, already encoded.
    Image(&'a crate::grid::Png),
    /// How numbers are distributed.
    Histogram(Histogram),
}

/// Counts of numbers in intervals of equal width.
pub struct Histogram {
    min: f64,
    max: f64,
    sum: f64,
    sum_squares: f64,
    limits: Vec<f64>,
    counts: Vec<f64>,
}

/// TensorBoard draws 30 intervals; twice as many lose nothing to its redrawing.
const INTERVALS: usize = 60;

impl Histogram {
    /// Counts the finite ones of `numbers`; `None` when there is none.
    pub fn of(numbers: &[f32]) -> Option<Histogram> {
        let finite = || numbers.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v));
        let (min, max) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
        let width = (max - min) / INTERVALS as f64;
        let intervals = if width > 0.0 { INTERVALS } else { 1 };
        let mut counts = vec![0.0; intervals];
        let (mut sum, mut sum_squares) = (0.0, 0.0);
        for value in finite() {
            // At width 0 the quotient is NaN, which `as` makes interval 0.
            counts[(((value - min) / width) as usize).min(intervals - 1)] += 1.0;
            sum += value;
            sum_squares += value * value;
        }
        // The last limit is the maximum itself, whatever the sums round to.
        let limits = (1..intervals).map(|i| min + i as f64 * width).chain([max]).collect();
        Some(Histogram { min, max, sum, sum_squares, limits, counts })
    }
}

/// A message of the protocol buffers' wire format, put together field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn integer(mut self, field: u64, value: u64) -> Message {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn double(mut self, field: u64, value: f64) -> Message {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(mut self, field: u64, value: f32) -> Message {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Message {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn doubles(self, field: u64, values: &[f64]) -> Message {
        let packed: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.bytes(field, &packed)
    }
}

/// The first event of a file, which names the format's version.
pub fn version_event(wall_time: f64) -> Vec<u8> {
    Message::default().double(1, wall_time).bytes(3, b"brain.Event:2").0
}

/// An event of a step.
pub fn event(wall_time: f64, step: u64, values: &[(impl AsRef<str>, Value)]) -> Vec<u8> {
    let summary = values.iter().fold(Message::default(), |summary, (tag, value)| {
        let tagged = Message::default().bytes(1, tag.as_ref().as_bytes());
        let tagged = match value {
            Value::Scalar(number) => tagged.float(2, *number),
            Value::Image(png) => {
                let image = Message::default()
                    .integer(1, png.height as u64)
                    .integer(2, png.width as u64)
                    .integer(3, png.channels as u64)
                    .bytes(4, &png.bytes);
                tagged.bytes(4, &image.0)
            }
            Value::Histogram(histogram) => {
                let message = Message::default()
                    .double(1, histogram.min)
                    .double(2, histogram.max)
                    .double(3, histogram.counts.iter().sum())
                    .double(4, histogram.sum)
                    .double(5, histogram.sum_squares)
                    .doubles(6, &histogram.limits)
                    .doubles(7, &histogram.counts);
                tagged.bytes(5, &message.0)
            }
        };
        summary.bytes(1, &tagged.0)
    });
    Message::default().double(1, wall_time).integer(2, step).bytes(5, &summary.0).0
}

/// The checksum in its record: rotated and offset, so that a checksum of data
/// that holds checksums does not degenerate.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// `data` as a record.
pub fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length, &masked(&length).to_le_bytes()[..], data, &masked(data).to_le_bytes()].concat()
}

/// How many bytes of a file hold whole records of events up to `step`.
pub fn kept(file: &[u8], step: u64) -> usize {
    let mut at = 0;
    while let Some(data) = first_record(&file[at..]).filter(|data| step_of(data) <= step) {
        at += data.len() + 16;
    }
    at
}

/// The data of the record that `bytes` begin with, if it is whole.
fn first_record(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (length_sum, rest) = rest.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*length_sum) != masked(length) {
        return None;
    }
    let (data, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let data_sum = rest.first_chunk::<4>()?;
    (u32::from_le_bytes(*data_sum) == masked(data)).then_some(data)
}

/// The step of an event that this module wrote: the wall time takes 9 bytes,
/// then comes the step, if there is one.
fn step_of(event: &[u8]) -> u64 {
    match event.get(9) {
        Some(0x10) => {
            let digits = event[10..].iter().take(10);
            let mut step = 0;
            for (position, byte) in digits.enumerate() {
                step |= u64::from(byte & 0x7f).checked_shl(7 * position as u32).unwrap_or(0);
                if byte & 0x80 == 0 {
                    break;
                }
            }
            step
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_formats() {
        // TensorFlow's files begin with the length 24 of the version event.
        assert_eq!(masked(&24_u64.to_le_bytes()).to_le_bytes(), [0xa3, 0x7f, 0x4b, 0x22]);
    }

    #[test]
    fn a_file_is_cut_after_a_step_and_before_damage() {
        let events: Vec<Vec<u8>> = [1, 300, 1 << 40]
            .iter()
            .map(|step| record(&event(0.5, *step, &[("loss", Value::Scalar(1.0))])))
            .collect();
        let begin = record(&version_event(0.0));
        let file = [&begin[..], &events[0], &events[1], &events[2]].concat();
        let (first, second) =
            (begin.len() + events[0].len(), begin.len() + events[0].len() + events[1].len());
        assert_eq!(kept(&file, 0), begin.len());
        assert_eq!(kept(&file, 299), first);
        assert_eq!(kept(&file, 300), second);
        assert_eq!(kept(&file, (1 << 40) - 1), second);
        assert_eq!(kept(&file, 1 << 40), file.len());
        for torn in second..file.len() {
            assert_eq!(kept(&file[..torn], 1 << 40), second);
        }
        for at in first..second {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert_eq!(kept(&damaged, 1 << 40), first, "byte {at}");
        }
    }

    #[test]
    fn a_histogram_counts_every_finite_number() {
        let numbers: Vec<f32> = (0..601).map(|i| i as f32).chain([f32::NAN, f32::INFINITY]).collect();
        let histogram = Histogram::of(&numbers).unwrap();
        assert_eq!((histogram.min, histogram.max), (0.0, 600.0));
        assert_eq!(histogram.counts[0], 10.0);
        assert_eq!(histogram.counts[INTERVALS - 1], 11.0);
        assert_eq!(histogram.counts.iter().sum::<f64>(), 601.0);
        assert_eq!(histogram.sum, 600.0 * 601.0 / 2.0);
        let constant = Histogram::of(&[2.0; 7]).unwrap();
        assert_eq!((constant.counts, constant.limits), (vec![7.0], vec![2.0]));
        assert!(Histogram::of(&[f32::NAN]).is_none());
    }
}
