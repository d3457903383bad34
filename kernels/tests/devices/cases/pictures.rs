use gobelin_kernels::cpu::resample::AxisMap;
use gobelin_kernels::cpu::{
    filter as host_filter, layout as host_layout, pool as host_pool, resample as host_resample,
};
use gobelin_kernels::cuda::pool::Pool;
use gobelin_kernels::cuda::resample::DeviceAxisMap;
use gobelin_kernels::cuda::{DeviceBuffer, filter, layout, pool, resample};

use crate::case::{Case, numbers, of, put, room};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let windows = [
        ([2, 2], [2, 2], [0, 0]),
        ([3, 3], [2, 2], [1, 1]),
        ([3, 3], [1, 1], [1, 1]),
        ([2, 3], [1, 3], [1, 0]),
    ];
    for (kernel, stride, padding) in windows {
        for channels in [1, 3, 8] {
            cases.extend(pools(Pool { batch: 2, height: 7, width: 9, channels, kernel, stride, padding }));
        }
    }
    cases.extend(resampling());
    cases.extend(layouts());
    for (height, width, channels, taps, padding) in [
        (5, 7, 3, [3, 3], [0, 0]),
        (5, 40, 3, [11, 2], [5, 1]),
        (4, 20, 5, [3, 4], [2, 3]),
        (1, 2, 2, [1, 1], [0, 0]),
    ] {
        let out =
            2 * (height + 2 * padding[0] + 1 - taps[0]) * (width + 2 * padding[1] + 1 - taps[1]) * channels;
        let shape = [2, height, width, channels];
        if height + 2 * padding[0] >= taps[0] && width + 2 * padding[1] >= taps[1] {
            cases.push(of(
                format!("correlate_separable of {shape:?} with {taps:?} taps, padding {padding:?}"),
                1e-5,
                [numbers(2 * height * width * channels, 1), numbers(taps[0], 2), numbers(taps[1], 3)],
                out,
                move |[x, down, across], out| {
                    host_filter::correlate_separable(x, shape, [down, across], padding, out);
                },
                move |[x, down, across], out| {
                    filter::correlate_separable(x, shape, [down, across], padding, out)
                },
            ));
        }
    }
    cases
}

fn pools(shape: Pool) -> Vec<Case> {
    // Few different numbers, so many are equal; and one is none.
    let mut x: Vec<f32> = numbers(shape.large(), 1).iter().map(|x| (3.0 * x).round()).collect();
    x[shape.large() / 2] = f32::NAN;
    let (small, large) = (shape.small(), shape.large());
    let same = x.clone();
    let maxima = Case::new(
        format!("maximum of {shape:?}"),
        0.0,
        move || {
            let (mut y, mut taps) = (vec![0.0; small], vec![0; small]);
            host_pool::maximum(&shape, &x, &mut y, &mut taps);
            let (mut again, mut back) = (vec![0.0; small], vec![0.0; large]);
            host_pool::chosen(&shape, &x, &taps, &mut again);
            host_pool::put_back(&shape, &numbers(small, 2), &taps, &mut back);
            let taps = taps.into_iter().map(f32::from).collect();
            [y, taps, again, back].concat()
        },
        move |device| {
            let (x, mut y) = (put(device, &same)?, room(device, small)?);
            let mut taps = DeviceBuffer::<u8>::new(device, small)?;
            pool::maximum(&shape, &x, &mut y, &mut taps)?;
            let (mut again, mut back) = (room(device, small)?, room(device, large)?);
            pool::chosen(&shape, &x, &taps, &mut again)?;
            pool::put_back(&shape, &put(device, &numbers(small, 2))?, &taps, &mut back)?;
            let taps = taps.to_vec()?.into_iter().map(f32::from).collect();
            Ok([y.to_vec()?, taps, again.to_vec()?, back.to_vec()?].concat())
        },
    );
    let mean = of(
        format!("mean of {shape:?}"),
        1e-6,
        [numbers(large, 1)],
        small,
        move |[x], y| host_pool::mean(&shape, x, y),
        move |[x], y| pool::mean(&shape, x, y),
    );
    let spread = of(
        format!("spread of {shape:?}"),
        1e-6,
        [numbers(small, 1)],
        large,
        move |[y], x| host_pool::spread(&shape, y, x),
        move |[y], x| pool::spread(&shape, y, x),
    );
    vec![maxima, mean, spread]
}

fn resampling() -> Vec<Case> {
    let mut cases = Vec::new();
    let maps = [
        (AxisMap::linear(5, 9), AxisMap::linear(7, 3)),
        (AxisMap::reflection(5, 3, 2), AxisMap::reflection(7, 1, 0)),
    ];
    for (rows, columns) in maps {
        let both = [(rows.clone(), columns.clone()), (rows.transposed(), columns.transposed())];
        for ((rows, columns), channels) in
            both.into_iter().flat_map(|maps| [1, 3, 8].map(|c| (maps.clone(), c)))
        {
            let (same_rows, same_columns) = (rows.clone(), columns.clone());
            cases.push(of(
                format!("map_axes to {} x {} x {channels}", rows.len(), columns.len()),
                1e-6,
                [numbers(2 * rows.sources() * columns.sources() * channels, 1)],
                2 * rows.len() * columns.len() * channels,
                move |[x], out| host_resample::map_axes(x, [2, channels], &rows, &columns, out),
                move |[x], out| {
                    let rows = DeviceAxisMap::new(x.device(), &same_rows)?;
                    let columns = DeviceAxisMap::new(x.device(), &same_columns)?;
                    resample::map_axes(x, [2, channels], &rows, &columns, out)
                },
            ));
        }
    }
    for (shape, factor) in [([4, 5, 3], 2), ([6, 3, 8], 3), ([2, 2, 1], 1)] {
        let count: usize = shape.iter().product();
        cases.push(of(
            format!("repeat {shape:?} {factor} times"),
            0.0,
            [numbers(count, 1)],
            count * factor * factor,
            move |[x], out| host_resample::repeat(x, shape, factor, out),
            move |[x], out| resample::repeat(x, shape, factor, out),
        ));
        cases.push(of(
            format!("sum_blocks of {factor} to {shape:?}"),
            1e-6,
            [numbers(count * factor * factor, 1)],
            count,
            move |[x], out| host_resample::sum_blocks(x, shape, factor, out),
            move |[x], out| resample::sum_blocks(x, shape, factor, out),
        ));
    }
    cases
}

fn layouts() -> Vec<Case> {
    let mut cases = Vec::new();
    let permutations: [(&[usize], &[usize]); 7] = [
        (&[2, 35, 3], &[0, 2, 1]),
        (&[2, 5, 7, 33], &[0, 3, 1, 2]),
        (&[2, 33, 5, 7], &[0, 2, 3, 1]),
        (&[3, 4, 5], &[2, 1, 0]),
        (&[3, 4, 5, 6], &[1, 0, 3, 2]),
        (&[70, 40], &[1, 0]),
        (&[3, 2, 4, 5, 2], &[4, 2, 0, 3, 1]),
    ];
    for (shape, axes) in permutations {
        let count = shape.iter().product();
        cases.push(of(
            format!("permute {shape:?} to {axes:?}"),
            0.0,
            [numbers(count, 1)],
            count,
            move |[x], out| host_layout::permute(x, shape, axes, out),
            move |[x], out| layout::permute(x, shape, axes, out),
        ));
    }
    const SHAPE: [usize; 4] = [3, 4, 5, 2];
    let blocks = [
        ([0, 1, 2, 0], [3, 2, 2, 2]),
        ([1, 0, 0, 0], [2, 4, 5, 2]),
        ([0, 0, 0, 0], SHAPE),
        ([2, 3, 4, 1], [1; 4]),
    ];
    for (start, size) in blocks {
        let count = size.iter().product();
        cases.push(of(
            format!("block of {size:?} at {start:?}"),
            0.0,
            [numbers(120, 1)],
            count,
            move |[x], out| host_layout::block(x, &SHAPE, &start, &size, out),
            move |[x], out| layout::block(x, &SHAPE, &start, &size, out),
        ));
        cases.push(of(
            format!("embed {size:?} at {start:?}"),
            0.0,
            [numbers(count, 1)],
            120,
            move |[x], out| host_layout::embed(x, &SHAPE, &start, &size, out),
            move |[x], out| layout::embed(x, &SHAPE, &start, &size, out),
        ));
    }
    cases.push(of(
        "interleave",
        0.0,
        [numbers(7 * 3, 1), numbers(7 * 20, 2), numbers(7, 3)],
        7 * 24,
        |[a, b, c], out| host_layout::interleave(&[(a, 3), (b, 20), (c, 1)], out),
        |[a, b, c], out| layout::interleave(&[(a, 3), (b, 20), (c, 1)], out),
    ));
    cases
}
