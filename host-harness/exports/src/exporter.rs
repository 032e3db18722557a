//! An export: findings go in one by one, and a document comes out.

use std::io::Write;

use crate::{
    Format,
    cyclonedx::CycloneDx,
    defectdojo::DefectDojo,
    document::{Document, Error, Options, Outcome, Summary},
    exported::{Exported, ListedPackage, redact},
    gitlab::{GitLab, Scan},
    html::Html,
    ocsf::Ocsf,
    openvex::OpenVex,
    overview::Overview,
    sarif::Sarif,
};

/// An export.
pub struct Exporter<'a> {
    document: Box<dyn Document + 'a>,
    summary: Summary,
}

impl<'a> Exporter<'a> {
    /// Begins a document.
    pub fn begin(format: Format, options: &Options, out: impl Write + 'a) -> Result<Self, Error> {
        let document: Box<dyn Document + 'a> = match format {
            Format::Sarif => Box::new(Sarif::begin(out, options)?),
            Format::CycloneDx => Box::new(CycloneDx::begin(out, options)?),
            Format::OpenVex => Box::new(OpenVex::begin(out, options)?),
            Format::GitLabSast => Box::new(GitLab::begin(out, Scan::Sast, options)?),
            Format::GitLabDependencies => Box::new(GitLab::begin(out, Scan::Dependencies, options)?),
            Format::GitLabSecrets => Box::new(GitLab::begin(out, Scan::Secrets, options)?),
            Format::DefectDojo => Box::new(DefectDojo::begin(out, options)?),
            Format::Ocsf => Box::new(Ocsf::begin(out, options)),
            Format::Html => Box::new(Html::begin(out, options)),
        };
        Ok(Self { document, summary: Summary::default() })
    }

    /// Adds a finding. They come in the order of [`Exported::key`].
    pub fn finding(&mut self, mut it: Exported) -> Result<(), Error> {
        redact(&mut it.finding, it.rule.as_ref());
        match self.document.finding(&it)? {
            Outcome::Written => self.summary.findings += 1,
            Outcome::LeftOut(why) => *self.summary.left_out.entry(why).or_default() += 1,
        }
        Ok(())
    }

    /// Adds a package, after all findings, in the order of scope, ecosystem, name
    /// and version.
    pub fn package(&mut self, it: &ListedPackage) -> Result<(), Error> {
        self.document.package(it)
    }

    /// Says what a report tells beside findings; the other formats have no place
    /// for it.
    pub fn overview(&mut self, it: Overview) {
        self.document.overview(it);
    }

    /// How many findings the format did not take so far.
    #[cfg(test)]
    pub(crate) fn left_out(&self) -> u64 {
        self.summary.left_out.values().sum()
    }

    /// Ends the document.
    pub fn end(mut self) -> Result<Summary, Error> {
        self.document.end()?;
        Ok(self.summary)
    }
}
