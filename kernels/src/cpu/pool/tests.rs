//! Pools held to their windows taken one by one.

use super::*;

fn pools() -> impl Iterator<Item = Pool> {
    let windows = [
        ([2, 2], [2, 2], [0, 0]),
        ([3, 3], [1, 1], [1, 1]),
        ([3, 3], [2, 2], [1, 1]),
        ([1, 3], [1, 1], [0, 1]),
        ([3, 2], [1, 3], [2, 0]),
        ([1, 1], [2, 2], [0, 0]),
    ];
    windows.into_iter().flat_map(|(kernel, stride, padding)| {
        [1, 3, 40].map(|channels| Pool { batch: 2, height: 7, width: 9, channels, kernel, stride, padding })
    })
}

/// For each window of one channel, the flat places under it in rising order with their taps.
fn windows(pool: &Pool) -> Vec<Vec<(usize, usize)>> {
    let [rows, columns] = pool.output();
    let mut all = Vec::new();
    for at in 0..pool.small() {
        let (c, column) = (at % pool.channels, at / pool.channels % columns);
        let (row, entry) = (at / pool.channels / columns % rows, at / pool.channels / columns / rows);
        let mut places = Vec::new();
        for tap in 0..pool.kernel[0] * pool.kernel[1] {
            let y = (row * pool.stride[0] + tap / pool.kernel[1]).wrapping_sub(pool.padding[0]);
            let x = (column * pool.stride[1] + tap % pool.kernel[1]).wrapping_sub(pool.padding[1]);
            if y < pool.height && x < pool.width {
                places.push((((entry * pool.height + y) * pool.width + x) * pool.channels + c, tap));
            }
        }
        all.push(places);
    }
    all
}

#[test]
fn maxima_and_their_adjoint() {
    for pool in pools() {
        // Few different values: many ties.
        let x: Vec<f32> = (0..pool.large()).map(|i| ((i * 7919) % 5) as f32 - 9.0).collect();
        let (mut y, mut taps) = (vec![0.0; pool.small()], vec![0; pool.small()]);
        maximum(&pool, &x, &mut y, &mut taps);
        let mut back = vec![9.0; x.len()];
        put_back(&pool, &y, &taps, &mut back);
        let mut expected = vec![0.0; x.len()];
        for (at, places) in windows(&pool).iter().enumerate() {
            let first = places.iter().rev().max_by(|a, b| x[a.0].total_cmp(&x[b.0])).unwrap();
            assert_eq!((y[at], taps[at] as usize), (x[first.0], first.1), "{pool:?}");
            expected[first.0] += y[at];
        }
        assert_eq!(back, expected, "{pool:?}");
        let mut again = vec![9.0; y.len()];
        chosen(&pool, &x, &taps, &mut again);
        assert_eq!(again, y);
    }
}

#[test]
fn means_and_their_adjoint() {
    for pool in pools() {
        let x: Vec<f32> = (0..pool.large()).map(|i| ((i * 7919) % 31) as f32).collect();
        let mut y = vec![9.0; pool.small()];
        mean(&pool, &x, &mut y);
        let mut back = vec![9.0; x.len()];
        spread(&pool, &y, &mut back);
        let mut expected = vec![0.0; x.len()];
        let area = (pool.kernel[0] * pool.kernel[1]) as f32;
        for (at, places) in windows(&pool).iter().enumerate() {
            let total: f32 = places.iter().map(|p| x[p.0]).sum();
            assert!((y[at] - total / area).abs() < 1e-4, "{pool:?}");
            for p in places {
                expected[p.0] += y[at] / area;
            }
        }
        assert!(back.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{pool:?}");
    }
}

#[test]
fn nan_and_minus_infinity_are_chosen_as_in_pytorch() {
    let pool =
        Pool { batch: 1, height: 1, width: 4, channels: 1, kernel: [1, 4], stride: [1, 1], padding: [0, 1] };
    let (mut y, mut taps) = ([0.0; 3], [0; 3]);
    maximum(&pool, &[f32::NEG_INFINITY; 4], &mut y, &mut taps);
    assert_eq!((y, taps), ([f32::NEG_INFINITY; 3], [1, 0, 0]));
    maximum(&pool, &[f32::NAN, 1.0, f32::NAN, 2.0], &mut y, &mut taps);
    assert!(y.iter().all(|y| y.is_nan()));
    assert_eq!(taps, [3, 2, 1]);
}
