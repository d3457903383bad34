//! FaceNet's network NN2 (Schroff et al. 2015, table 2), batch norm after each convolution, and its unit embedding.
//!
//! | stage | tensors |
//! |---|---|
//! | 7x7 convolution, max pool, 1x1, 3x3, max pool | `body.0`, `body.2`, `body.3` |
//! | inception 3a, 3b, 3c, 4a to 4e, 5a, 5b | `body.5` to `body.14` |
//! | linear map of the mean over pixels | `fc.weight` (dimensions, 1024), `fc.bias` |
//!
//! A convolution with its norm is `NAME.0.weight`, `NAME.1.weight`, `NAME.1.bias`, `NAME.1.running_mean`, ...; the branches of an inception
//! are `NAME.branches.0` (1x1, where there is one), then 3x3 and 5x5 (`.0` their reduction, `.1` themselves), then the
//! pool (`.1` its projection, where there is one).

use gobelin_autograd::ops::Window;
use gobelin_autograd::random::Generator;
use gobelin_autograd::{Var, ops};

use crate::layers::{Conv, Linear, Pool, conv_norm_relu};
use crate::module::{Entry, Module, Sequential, join};
use crate::pass::Pass;

/// Channels after the last inception.
const FEATURES: usize = 1024;

/// Embeds pictures `(N, H, W, 3)` (96 to 224 pixels in the paper, 32 and more here) as vectors of length 1,
/// `(N, dimensions)`.
pub struct FaceNetNn2 {
    body: Sequential,
    linear: Linear,
}

impl FaceNetNn2 {
    /// A network with fresh weights; the paper's embeddings have 128 dimensions.
    pub fn new(dimensions: usize, generator: &mut Generator) -> Self {
        let mut body = Sequential::new();
        body.push(conv_norm_relu([3, 64], 7, 2, generator))
            .push(Pool::Max(Window::square(3, 2, 1)))
            .push(conv_norm_relu([64, 64], 1, 1, generator))
            .push(conv_norm_relu([64, 192], 3, 1, generator))
            .push(Pool::Max(Window::square(3, 2, 1)));
        let mut channels = 192;
        for row in TABLE {
            body.push(Inception::new(channels, &row, generator));
            channels = row.channels(channels);
        }
        let deviation = (1.0 / FEATURES as f32).sqrt();
        Self { body, linear: Linear::new([FEATURES, dimensions], deviation, generator) }
    }
}

impl Module for FaceNetNn2 {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        unit_embedding(pass, &pass.run("body", &self.body, x), &self.linear)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        self.body.list(&join(prefix, "body"), entries);
        self.linear.list(&join(prefix, "fc"), entries);
    }
}

/// The embeddings of length 1 of maps `(N, H, W, C)`: the linear layer `fc` of their means over pixels.
pub(crate) fn unit_embedding(pass: &Pass, maps: &Var, linear: &Linear) -> Var {
    let (pictures, channels) = (maps.shape()[0], maps.shape()[3]);
    let features = ops::reshape(&ops::mean_axes(maps, &[1, 2]), &[pictures, channels]);
    ops::l2_normalise(&pass.run("fc", linear, &features))
}

/// A row of table 2: channels of each branch, 0 where there is none.
struct Row {
    pointwise: usize,
    /// The 3x3 branch's reduction and itself.
    three: [usize; 2],
    /// The 5x5 branch's reduction and itself.
    five: [usize; 2],
    pool: fn(Window) -> Pool,
    projection: usize,
    stride: usize,
}

const fn row(
    pointwise: usize,
    three: [usize; 2],
    five: [usize; 2],
    pool: fn(Window) -> Pool,
    projection: usize,
    stride: usize,
) -> Row {
    Row { pointwise, three, five, pool, projection, stride }
}

const TABLE: [Row; 10] = [
    row(64, [96, 128], [16, 32], Pool::Max, 32, 1),
    row(64, [96, 128], [32, 64], Pool::L2, 64, 1),
    row(0, [128, 256], [32, 64], Pool::Max, 0, 2),
    row(256, [96, 192], [32, 64], Pool::L2, 128, 1),
    row(224, [112, 224], [32, 64], Pool::L2, 128, 1),
    row(192, [128, 256], [32, 64], Pool::L2, 128, 1),
    row(160, [144, 288], [32, 64], Pool::L2, 128, 1),
    row(0, [160, 256], [64, 128], Pool::Max, 0, 2),
    row(384, [192, 384], [48, 128], Pool::L2, 128, 1),
    row(384, [192, 384], [48, 128], Pool::Max, 128, 1),
];

impl Row {
    /// Channels it makes of `channels`: an unprojected pool keeps them all.
    fn channels(&self, channels: usize) -> usize {
        let pooled = if self.projection > 0 { self.projection } else { channels };
        self.pointwise + self.three[1] + self.five[1] + pooled
    }
}

/// Branches that all see the same map, side by side (Szegedy et al. 2015).
struct Inception {
    branches: Vec<Sequential>,
}

impl Inception {
    fn new(channels: usize, row: &Row, generator: &mut Generator) -> Self {
        let mut branches = Vec::new();
        if row.pointwise > 0 {
            branches.push(conv_norm_relu([channels, row.pointwise], 1, 1, generator));
        }
        for (kernel, [reduced, made]) in [(3, row.three), (5, row.five)] {
            let mut branch = Sequential::new();
            branch.push(conv_norm_relu([channels, reduced], 1, 1, generator));
            branch.push(conv_norm_relu([reduced, made], kernel, row.stride, generator));
            branches.push(branch);
        }
        let mut branch = Sequential::new();
        branch.push((row.pool)(Window::square(3, row.stride, 1)));
        if row.projection > 0 {
            branch.push(conv_norm_relu([channels, row.projection], 1, 1, generator));
        }
        branches.push(branch);
        Self { branches }
    }

    /// The branches' maps, with the convolutions that read the input run together.
    fn run_beside(&self, pass: &Pass, x: &Var) -> Vec<Var> {
        let first = |branch: &Sequential| branch.first_conv().is_some_and(Conv::is_pointwise);
        let convs = self.branches.iter().filter(|branch| first(branch));
        let convs: Vec<&Conv> = convs.filter_map(|branch| branch.first_conv()).collect();
        let mut maps = Conv::run_beside(&convs, pass, x).into_iter();
        let run = |branch: &Sequential| {
            let map = first(branch).then(|| maps.next()).flatten();
            map.map_or_else(|| branch.forward(pass, x), |map| branch.behind_first_conv(pass, &map))
        };
        self.branches.iter().map(run).collect()
    }
}

impl Module for Inception {
    fn forward(&self, pass: &Pass, x: &Var) -> Var {
        let maps: Vec<Var> = if pass.is_tapped() {
            let run =
                |(number, branch): (usize, &Sequential)| pass.run(&format!("branches.{number}"), branch, x);
            self.branches.iter().enumerate().map(run).collect()
        } else {
            self.run_beside(pass, x)
        };
        ops::concat(&maps.iter().collect::<Vec<_>>(), 3)
    }

    fn list(&self, prefix: &str, entries: &mut Vec<Entry>) {
        for (number, branch) in self.branches.iter().enumerate() {
            branch.list(&join(prefix, &format!("branches.{number}")), entries);
        }
    }
}
