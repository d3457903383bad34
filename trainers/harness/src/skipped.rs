//! Pictures that could not be used, told as they are met.

use gobelin_datasets::Loader;

use crate::trainer::StepReport;

/// How many pictures were skipped, as far as that has been told.
#[derive(Debug, Default)]
pub struct Skipped(usize);

impl Skipped {
    /// Warns of pictures that the loaders skipped since the last step.
    pub fn watch<'a>(
        &mut self,
        loaders: impl IntoIterator<Item = &'a Loader, IntoIter: Clone>,
        report: StepReport,
    ) -> StepReport {
        let loaders = loaders.into_iter();
        let count = loaders.clone().map(|loader| loader.skipped().len()).sum();
        let before = std::mem::replace(&mut self.0, count);
        match loaders.flat_map(|loader| loader.skipped().values()).next() {
            Some(first) if count > before => report.warning(
                "skipped-pictures",
                format!(
                    "{count} pictures skipped so far; the first: {first}; `gobelin data check` names the others"
                ),
            ),
            _ => report,
        }
    }
}
