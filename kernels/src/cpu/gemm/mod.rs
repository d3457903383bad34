//! Naive stand-in.
#![allow(missing_docs)]
pub struct Gemm {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub transpose_a: bool,
    pub transpose_b: bool,
    pub accumulate: bool,
}
pub fn gemm_batched(g: &Gemm, batch: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    for t in 0..batch {
        for i in 0..g.m {
            for j in 0..g.n {
                let mut s = 0.0f64;
                for k in 0..g.k {
                    let av = if g.transpose_a {
                        a[t * g.m * g.k + k * g.m + i]
                    } else {
                        a[t * g.m * g.k + i * g.k + k]
                    };
                    let bv = if g.transpose_b {
                        b[t * g.n * g.k + j * g.k + k]
                    } else {
                        b[t * g.n * g.k + k * g.n + j]
                    };
                    s += av as f64 * bv as f64;
                }
                c[t * g.m * g.n + i * g.n + j] = s as f32;
            }
        }
    }
}
