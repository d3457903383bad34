//! Naive stand-in.
#![allow(missing_docs)]
pub struct Conv2d {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels_in: usize,
    pub channels_out: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub exact: bool,
}
impl Conv2d {
    fn visit(&self, mut f: impl FnMut(usize, usize, usize)) {
        let oh = (self.height + 2 * self.padding[0] - self.kernel[0]) / self.stride[0] + 1;
        let ow = (self.width + 2 * self.padding[1] - self.kernel[1]) / self.stride[1] + 1;
        for n in 0..self.batch {
            for y in 0..oh {
                for x in 0..ow {
                    for ky in 0..self.kernel[0] {
                        for kx in 0..self.kernel[1] {
                            let (iy, ix) = (
                                (y * self.stride[0] + ky).wrapping_sub(self.padding[0]),
                                (x * self.stride[1] + kx).wrapping_sub(self.padding[1]),
                            );
                            if iy >= self.height || ix >= self.width {
                                continue;
                            }
                            for i in 0..self.channels_in {
                                for o in 0..self.channels_out {
                                    f(
                                        ((n * self.height + iy) * self.width + ix) * self.channels_in + i,
                                        ((ky * self.kernel[1] + kx) * self.channels_in + i)
                                            * self.channels_out
                                            + o,
                                        ((n * oh + y) * ow + x) * self.channels_out + o,
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
pub fn forward(c: &Conv2d, x: &[f32], w: &[f32], y: &mut [f32]) {
    y.fill(0.0);
    c.visit(|a, b, d| y[d] += x[a] * w[b]);
}
pub fn input_gradient(c: &Conv2d, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    c.visit(|a, b, d| dx[a] += dy[d] * w[b]);
}
pub fn weight_gradient(c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    dw.fill(0.0);
    c.visit(|a, b, d| dw[b] += dy[d] * x[a]);
}
