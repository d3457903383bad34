//! Prints what `gobelin data check` would: `check_source KIND:PATH`.

use gobelin_datasets::{DataError, Source, check};

fn main() -> Result<(), DataError> {
    let source: Source = std::env::args().nth(1).unwrap_or_default().parse()?;
    println!("{}", check(&source)?);
    Ok(())
}
