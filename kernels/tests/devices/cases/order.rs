use gobelin_kernels::cuda::DeviceBuffer;
use gobelin_kernels::cuda::order::descending;

use crate::case::{Case, numbers, put};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (rows, length) in [(1, 1), (5, 2), (3, 7), (2, 64), (3, 300)] {
        // Of few values, so that many are equal; zeros of both signs, infinities and NaN.
        let values = move || -> Vec<f32> {
            let mut values: Vec<f32> =
                numbers(rows * length, 4).iter().map(|x| (6.0 * x).round() / 2.0).collect();
            for (place, special) in
                [(3, f32::NAN), (8, -0.0), (9, 0.0), (11, f32::INFINITY), (13, f32::NEG_INFINITY)]
            {
                if let Some(value) = values.get_mut(place) {
                    *value = special;
                }
            }
            values
        };
        cases.push(Case::new(
            format!("the order of {length} values in each of {rows} rows"),
            0.0,
            move || {
                let (mut places, mut ranks) = (Vec::new(), vec![0.0; rows * length]);
                for (row, values) in values().chunks_exact(length).enumerate() {
                    let mut order: Vec<usize> = (0..length).collect();
                    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
                    for (rank, &place) in order.iter().enumerate() {
                        ranks[row * length + place] = rank as f32;
                    }
                    places.extend(order.into_iter().map(|place| place as f32));
                }
                [places, ranks].concat()
            },
            move |device| {
                let [mut places, mut ranks] =
                    [DeviceBuffer::new(device, rows * length)?, DeviceBuffer::new(device, rows * length)?];
                descending(&put(device, &values())?, length, &mut places, &mut ranks)?;
                Ok([places.to_vec()?, ranks.to_vec()?].concat())
            },
        ));
    }
    cases
}
