use super::*;
use crate::cpu::simd::forms;

/// Numbers in [-1, 1) that repeat after a long time.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The definition, in double precision.
fn reference(shape: &Gemm, a: &[f32], b: &[f32], c: &[f32]) -> Vec<f64> {
    let &Gemm { m, n, k, .. } = shape;
    let mut result = Vec::with_capacity(m * n);
    for i in 0..m {
        for j in 0..n {
            let sum: f64 = (0..k)
                .map(|l| {
                    let a = if shape.transpose_a { a[l * m + i] } else { a[i * k + l] };
                    let b = if shape.transpose_b { b[j * k + l] } else { b[l * n + j] };
                    f64::from(a) * f64::from(b)
                })
                .sum();
            result.push(sum + if shape.accumulate { f64::from(c[i * n + j]) } else { 0.0 });
        }
    }
    result
}

#[test]
fn products_are_right_in_all_forms_and_every_orientation() {
    let sizes = [(1, 1, 1), (6, 16, 8), (7, 17, 9), (5, 3, 300), (200, 33, 65), (64, 70, 2100), (13, 300, 1)];
    for (m, n, k) in sizes {
        for flags in 0..8 {
            let shape = Gemm {
                transpose_a: flags & 1 > 0,
                transpose_b: flags & 2 > 0,
                accumulate: flags & 4 > 0,
                ..Gemm::new(m, n, k)
            };
            let (a, b, before) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
            let expected = reference(&shape, &a, &b, &before);
            for form in forms() {
                let mut c = before.clone();
                let one = Batch { count: 1, stride_a: 0, stride_b: 0, stride_c: m * n };
                gemm_batch_as(form, &shape, &one, &a, &b, &mut c);
                for (i, (c, e)) in c.iter().zip(&expected).enumerate() {
                    let error = (f64::from(*c) - e).abs();
                    assert!(
                        error < 1e-6 * (k as f64).sqrt() + 1e-6,
                        "{shape:?}, {form:?}: element {i} is {c}, not {e}"
                    );
                }
            }
        }
    }
}

/// As [`products_are_right_in_all_forms_and_every_orientation`], with several B, or several stretches of the sum.
#[test]
fn products_side_by_side_and_added_are_each_of_them() {
    for (m, sizes, other) in [
        (50, vec![17, 64, 33], 70),
        (13, vec![1, 40], 300),
        (9, vec![16, 16, 20], 900),
        (70, vec![128, 48, 32], 80),
        (14, vec![1024, 5], 20),
        (30, vec![0, 12], 20),
    ] {
        for flags in 0..8 {
            let flagged = |n: usize, k: usize| Gemm {
                transpose_a: flags & 1 > 0,
                transpose_b: flags & 2 > 0,
                accumulate: flags & 4 > 0,
                ..Gemm::new(m, n, k)
            };
            let sum: usize = sizes.iter().sum();
            let near = |c: &[f32], expected: &[f64], k: usize, what: &str| {
                for (i, (c, e)) in c.iter().zip(expected).enumerate() {
                    let error = (f64::from(*c) - e).abs();
                    assert!(
                        error < 1e-6 * (k as f64).sqrt() + 1e-6,
                        "{what} {m}, {sizes:?}, {other}, flags {flags}: element {i} is {c}, not {e}"
                    );
                }
            };
            for form in forms() {
                let a = numbers(m * other, 1);
                let bs: Vec<_> = sizes.iter().map(|n| numbers(other * n, *n as u32)).collect();
                let mut cs: Vec<_> = sizes.iter().map(|n| numbers(m * n, 7)).collect();
                let parts = sizes.iter().zip(&bs).zip(&mut cs).map(|((&n, b), c)| Beside { n, b, c });
                gemm_beside_as(form, &flagged(sum, other), &a, &mut parts.collect::<Vec<_>>());
                for ((&n, b), c) in sizes.iter().zip(&bs).zip(&cs) {
                    near(c, &reference(&flagged(n, other), &a, b, &numbers(m * n, 7)), other, "beside");
                }

                let pairs: Vec<_> =
                    sizes.iter().map(|k| (numbers(m * k, 2), numbers(k * other, *k as u32))).collect();
                let mut c = numbers(m * other, 7);
                let parts = sizes.iter().zip(&pairs).map(|(&k, (a, b))| Added { k, a, b });
                gemm_sum_as(form, &flagged(other, sum), &parts.collect::<Vec<_>>(), &mut c);
                let before = if flags & 4 > 0 { numbers(m * other, 7) } else { vec![0.0; m * other] };
                let mut expected: Vec<f64> = before.into_iter().map(f64::from).collect();
                for (&k, (a, b)) in sizes.iter().zip(&pairs) {
                    let one = Gemm { accumulate: false, ..flagged(other, k) };
                    expected.iter_mut().zip(reference(&one, a, b, &[])).for_each(|(all, one)| *all += one);
                }
                near(&c, &expected, sum, "added");
            }
        }
    }
}

#[test]
fn a_batch_is_each_of_its_products() {
    let shape = Gemm { transpose_b: true, ..Gemm::new(9, 21, 30) };
    let batch = Batch { count: 3, stride_a: 9 * 30, stride_b: 0, stride_c: 200 };
    let (a, b) = (numbers(3 * 9 * 30, 1), numbers(21 * 30, 2));
    let mut c = vec![5.0; 600];
    gemm_batch(&shape, &batch, &a, &b, &mut c);
    for item in 0..3 {
        let mut alone = vec![0.0; 9 * 21];
        gemm(&shape, &a[item * 270..][..270], &b, &mut alone);
        assert_eq!(c[item * 200..][..189], alone);
        assert!(c[item * 200 + 189..][..11].iter().all(|&v| v == 5.0), "what lies between results stays");
    }
}

#[test]
fn an_empty_sum_is_zero_and_empty_results_are_allowed() {
    let mut c = [3.0; 6];
    gemm(&Gemm { accumulate: true, ..Gemm::new(2, 3, 0) }, &[], &[], &mut c);
    assert_eq!(c, [3.0; 6]);
    gemm(&Gemm::new(2, 3, 0), &[], &[], &mut c);
    assert_eq!(c, [0.0; 6]);
    gemm(&Gemm::new(0, 3, 2), &[], &[1.0; 6], &mut []);
}

#[test]
fn threads_do_not_change_a_bit() {
    // Cut over columns, over rows, and over the sum.
    for (m, n, k) in [(64, 1500, 100), (900, 40, 300), (20, 30, 9000)] {
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let mut c = vec![0.0; m * n];
            pool.install(|| gemm(&Gemm::new(m, n, k), &a, &b, &mut c));
            c.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3), "{m} x {n} x {k}");
    }
}

/// As [`threads_do_not_change_a_bit`], with three B, or three stretches of the sum.
#[test]
fn threads_do_not_change_a_bit_of_products_side_by_side_or_added() {
    for (m, n, k) in [(64, 500, 100), (900, 16, 300), (20, 10, 9000)] {
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let mut beside = vec![0.0; 3 * m * n];
            let mut products: Vec<_> =
                beside.chunks_exact_mut(m * n).map(|c| Beside { n, b: &b, c }).collect();
            pool.install(|| gemm_beside(&Gemm::new(m, 3 * n, k), &a, &mut products));
            let mut added = vec![0.0; m * n];
            let products = [(); 3].map(|()| Added { k, a: &a, b: &b });
            pool.install(|| gemm_sum(&Gemm::new(m, n, 3 * k), &products, &mut added));
            beside.into_iter().chain(added).map(f32::to_bits).collect::<Vec<_>>()
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3), "{m} x {n} x {k}");
    }
}

#[test]
#[should_panic(expected = "does not fit slices of 5 (A)")]
fn short_slices_are_refused() {
    gemm(&Gemm::new(2, 2, 3), &[0.0; 5], &[0.0; 6], &mut [0.0; 4]);
}
