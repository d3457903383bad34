//! Times drawing on one thread and the loader: `speed [SIZE [WORKERS]]`.

use std::sync::Arc;
use std::time::Instant;

use gobelin_datasets::{Augmentation, Batch, DataError, Faces, Loader, LoaderOptions};

fn main() -> Result<(), DataError> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse().unwrap_or(1));
    let (size, workers) = (arguments.next().unwrap_or(64), arguments.next().unwrap_or(1));
    let faces = Arc::new(Faces::train(size, 3));
    let start = Instant::now();
    let count = 2000;
    let sum: u64 = (0..count).map(|number| u64::from(faces.draw(number, 0).pixels[0])).sum();
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!("drawing: {rate:.0} faces/s at {size} px on one thread ({sum})");
    let augmentation = Augmentation { flip: true, ..Augmentation::default() };
    let options = LoaderOptions { workers, augmentation, ..LoaderOptions::new(64, size, 3) };
    let mut loader = Loader::new(faces, options)?;
    let mut batch = Batch::default();
    let start = Instant::now();
    for _ in 0..40 {
        loader.fill(&mut batch)?;
    }
    let rate = 40.0 * 64.0 / start.elapsed().as_secs_f64();
    println!("loader: {rate:.0} faces/s with {workers} workers");
    Ok(())
}
