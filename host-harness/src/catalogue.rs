//! A catalogue: one file in which a publisher says which connectors there are, in
//! which versions, and what each of them asks for. What it says is believed for the
//! key that it is signed with, until the day that it names.

mod edit;
mod format;
mod signature;

pub use self::format::{Catalogue, CatalogueConformance, CatalogueEntry};
pub(crate) use self::{
    edit::{Component, Edition, report_of},
    format::CATALOGUE_BYTES,
    signature::{NewKey, PublicKey, SIGNATURE_SUFFIX, SigningKey},
};

#[cfg(test)]
mod tests;
