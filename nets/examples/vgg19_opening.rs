//! What opening VGG-19's weights and looking through it once cost: `vgg19_opening FILE [LAYER [SIDE]]`.

use std::path::Path;
use std::time::Instant;

use gobelin_autograd::Tensor;
use gobelin_nets::vgg19::{Layer, Vgg19};

/// The process's private memory and what it has of files, in MiB.
fn tell(what: &str, since: Instant) {
    let milliseconds = since.elapsed().as_secs_f64() * 1e3;
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux's account of this process");
    let mebibytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    };
    let [private, files] = ["RssAnon:", "RssFile:"].map(mebibytes);
    println!("{what:<8} {milliseconds:9.3} ms  RssAnon {private:7.1} MiB  RssFile {files:7.1} MiB");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = Path::new(arguments.first().expect("FILE"));
    let layer: Layer = arguments.get(1).map_or("pool5", String::as_str).parse().expect("a layer");
    let side: usize = arguments.get(2).map_or(224, |side| side.parse().expect("pixels"));
    tell("before", Instant::now());
    let start = Instant::now();
    let vgg = Vgg19::open(path).expect("VGG-19");
    tell("opened", start);
    let start = Instant::now();
    let picture = Tensor::full(&[1, side, side, 3], 0.5).into();
    drop(vgg.features(&picture, &[layer]));
    tell("looked", start);
    let start = Instant::now();
    drop(vgg.features(&picture, &[layer]));
    tell("again", start);
}
