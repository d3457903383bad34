use gobelin_kernels::cpu::{
    distance as host_distance, gather as host_gather, pairwise as host_pairwise, softmax as host_softmax,
    unit as host_unit,
};
use gobelin_kernels::cuda::{DeviceBuffer, Precision, Result, distance, gather, pairwise, softmax, unit};

use crate::case::{Case, numbers, of};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for row in [1, 2, 5, 21, 32, 33, 500] {
        cases.extend(softmaxes(row));
        cases.extend(units(row));
    }
    for (rows, columns, width) in [(1, 1, 1), (5, 9, 3), (33, 17, 128), (20, 40, 37)] {
        let (x, mut y) = (numbers(rows * width, 1), numbers(columns * width, 2));
        y[..width].copy_from_slice(&x[..width]);
        cases.push(of(
            format!("squared_distances of {rows} and {columns} rows of {width}"),
            1e-6,
            [x, y],
            rows * columns,
            move |[x, y], out| host_distance::squared_distances(x, y, width, out),
            move |[x, y], out| distance::squared_distances(x, y, width, out),
        ));
    }
    let (a, b, square) = (numbers(11 * 13, 1), numbers(7 * 13, 2), numbers(11 * 11, 3));
    cases.push(of(
        "dot_rows",
        1e-5,
        [a.clone(), b],
        77,
        |[a, b], out| host_pairwise::dot_rows(a, b, 13, out),
        |[a, b], out| pairwise::dot_rows(a, b, 13, Precision::F32, out),
    ));
    cases.push(of(
        "combine_rows",
        1e-5,
        [square.clone(), a.clone()],
        11 * 13,
        |[c, v], out| host_pairwise::combine_rows(c, v, 13, out),
        |[c, v], out| pairwise::combine_rows(c, v, 13, Precision::F32, out),
    ));
    cases.push(of(
        "combine_columns",
        1e-5,
        [square, a],
        11 * 13,
        |[c, v], out| host_pairwise::combine_columns(c, 0, v, 13, out),
        |[c, v], out| pairwise::combine_columns(c, v, 13, Precision::F32, out),
    ));
    cases.extend(gathering());
    cases
}

fn softmaxes(row: usize) -> Vec<Case> {
    let rows = 19;
    let x: Vec<f32> = numbers(rows * row, 1).iter().map(|x| 20.0 * x).collect();
    let mut y = vec![0.0; rows * row];
    host_softmax::softmax(&x, row, &mut y);
    let mut logarithms = vec![0.0; rows * row];
    host_softmax::log_softmax(&x, row, &mut logarithms);
    let mut sums = vec![0.0; rows];
    host_softmax::logsumexp(&x, row, &mut sums);
    let (g, g_sums) = (numbers(rows * row, 2), numbers(rows, 3));

    type Host = fn(&[f32], usize, &mut [f32]);
    type Card = fn(&DeviceBuffer, usize, &mut DeviceBuffer) -> Result<()>;
    let forward: [(&str, Host, Card, usize); 3] = [
        ("softmax", host_softmax::softmax, softmax::softmax, rows * row),
        ("log_softmax", host_softmax::log_softmax, softmax::log_softmax, rows * row),
        ("logsumexp", host_softmax::logsumexp, softmax::logsumexp, rows),
    ];
    let mut cases: Vec<Case> = forward
        .into_iter()
        .map(|(name, on_host, on_card, count)| {
            of(
                format!("{name} of rows of {row}"),
                2e-6,
                [x.clone()],
                count,
                move |[x], out| on_host(x, row, out),
                move |[x], out| on_card(x, row, out),
            )
        })
        .collect();
    let backward: [(&str, Host, Card, Vec<f32>); 2] = [
        ("softmax_gradient", host_softmax::softmax_gradient, softmax::softmax_gradient, y),
        (
            "log_softmax_gradient",
            host_softmax::log_softmax_gradient,
            softmax::log_softmax_gradient,
            logarithms,
        ),
    ];
    for (name, on_host, on_card, y) in backward {
        cases.push(of(
            format!("{name} of rows of {row}"),
            2e-6,
            [y, g.clone()],
            rows * row,
            move |[y, g], out| {
                out.copy_from_slice(g);
                on_host(y, row, out);
            },
            move |[y, g], out| {
                out.copy_from(g)?;
                on_card(y, row, out)
            },
        ));
    }
    cases.push(of(
        format!("logsumexp_gradient of rows of {row}"),
        4e-6,
        [x, sums, g_sums],
        rows * row,
        move |[x, y, g], out| host_softmax::logsumexp_gradient(x, y, g, out),
        move |[x, y, g], out| softmax::logsumexp_gradient(x, y, g, row, out),
    ));
    cases
}

fn units(row: usize) -> [Case; 2] {
    const SHORTEST: f32 = 1e-3;
    let rows = 9;
    let mut x = numbers(rows * row, 1);
    // One row shorter than the shortest.
    x[..row].fill(1e-6);
    let (mut y, mut reciprocals) = (vec![0.0; rows * row], vec![0.0; rows]);
    host_unit::normalise_rows(&x, row, SHORTEST, &mut y, &mut reciprocals);
    let forward = of(
        format!("normalise_rows of {row}"),
        1e-6,
        [x],
        rows * row,
        move |[x], y| host_unit::normalise_rows(x, row, SHORTEST, y, &mut vec![0.0; rows]),
        move |[x], y| {
            let mut reciprocals = DeviceBuffer::new(x.device(), rows)?;
            unit::normalise_rows(x, row, SHORTEST, y, &mut reciprocals)
        },
    );
    let backward = of(
        format!("normalise_rows_gradient of {row}"),
        1e-6,
        [y, reciprocals, numbers(rows * row, 2)],
        rows * row,
        move |[y, reciprocals, g], out| {
            out.copy_from_slice(g);
            host_unit::normalise_rows_gradient(y, row, SHORTEST, reciprocals, out);
        },
        move |[y, reciprocals, g], out| {
            out.copy_from(g)?;
            unit::normalise_rows_gradient(y, row, SHORTEST, reciprocals, out)
        },
    );
    [forward, backward]
}

fn gathering() -> Vec<Case> {
    let shape = [5, 7, 3];
    let places: Vec<u32> = numbers(15, 9).iter().map(|x| (3.5 * x + 3.5) as u32).collect();
    let rows: Vec<u32> = vec![3, 0, 3, 6, 1, 3, 0];
    let on = |x: &DeviceBuffer, places: &[u32]| DeviceBuffer::from_slice(x.device(), places);
    let (same_places, more_places, last_places) = (places.clone(), places.clone(), places.clone());
    let (more_rows, same_rows, last_rows) = (rows.clone(), rows.clone(), rows.clone());
    // Numbers that name no place are the nearest that does.
    let named = vec![3.0, 6.0, 0.0, f32::NAN, -1.0, 7.0, f32::INFINITY, 6.5];
    vec![
        of(
            "pick",
            0.0,
            [numbers(105, 1)],
            15,
            move |[x], out| host_gather::pick(x, shape, &places, out),
            // SAFETY: all places are below 7.
            move |[x], out| unsafe { gather::pick(x, shape, &on(x, &same_places)?, out) },
        ),
        of(
            "place",
            0.0,
            [numbers(15, 1)],
            105,
            move |[x], out| host_gather::place(x, shape, &more_places, out),
            move |[x], out| gather::place(x, shape, &on(x, &last_places)?, out),
        ),
        of(
            "gather_rows",
            0.0,
            [numbers(7 * 5, 1)],
            7 * 5,
            move |[x], out| host_gather::gather_rows(x, 5, &rows, out),
            // SAFETY: there are seven rows.
            move |[x], out| unsafe { gather::gather_rows(x, 5, &on(x, &more_rows)?, out) },
        ),
        of(
            "gather_rows by numbers",
            0.0,
            [numbers(7 * 5, 1), named],
            8 * 5,
            move |[x, _], out| host_gather::gather_rows(x, 5, &[3, 6, 0, 0, 0, 6, 6, 6], out),
            move |[x, named], out| {
                let mut rows = DeviceBuffer::new(x.device(), 8)?;
                gather::to_places(named, 7, &mut rows)?;
                // SAFETY: all that comes out is below 7.
                unsafe { gather::gather_rows(x, 5, &rows, out) }
            },
        ),
        of(
            "scatter_add_rows",
            1e-6,
            [numbers(7 * 5, 1)],
            8 * 5,
            move |[x], out| host_gather::scatter_add_rows(x, 5, &same_rows, out),
            move |[x], out| gather::scatter_add_rows(x, 5, &on(x, &last_rows)?, out),
        ),
    ]
}
