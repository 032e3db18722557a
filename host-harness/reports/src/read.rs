//! From bytes to a report: by the reader of its format.

use appsec_model::{credential::without_credentials, text};

use crate::{
    collection::Collection,
    cyclonedx, detect,
    format::Format,
    gitlab,
    json::Fields,
    osv,
    refusal::Refusal,
    report::{Head, Options, Outline, Report},
    sarif,
};

/// Reads a report.
pub fn read<'a>(bytes: &'a [u8], options: &Options) -> Result<Report<'a>, Refusal> {
    // Rare enough to keep two texts: halves of surrogate pairs are no characters, and a login
    // in an address, or a token of a known form, is nobody's business, wherever it stands.
    let mended = detect::text(bytes).ok().and_then(|text| match text::mend(text) {
        Some(mended) => Some(without_credentials(&mended).unwrap_or(mended)),
        None => without_credentials(text),
    });
    match mended {
        Some(mended) => read_mended(mended.as_bytes(), options).map(Report::into_owned),
        None => read_mended(bytes, options),
    }
}

fn read_mended<'a>(bytes: &'a [u8], options: &Options) -> Result<Report<'a>, Refusal> {
    let (found, fields) = detect::open(bytes, options.format)?;
    if let Some(wanted) = options.format.filter(|wanted| *wanted != found) {
        return Err(Refusal::OtherFormat { found, wanted });
    }
    let (mut collection, mut outline) = collect(found, &fields, bytes.len(), options.clone())?;
    // Where a project lies on the machine of the scan is known at the end.
    if let Some(root) = collection.root().filter(|_| options.root.is_none()) {
        let options = Options { root: Some(root.clone()), ..options.clone() };
        (collection, outline) = collect(found, &fields, bytes.len(), options)?;
        let message = format!(
            "paths were made relative to `{root}`, the folder that the absolute ones are in; name the project's \
             folder on the machine of the scan if it is another one"
        );
        collection.warn_of_all("project-folder", "", message);
    }
    if let Some(path) = collection.path_of_the_machine() {
        let message = format!("`{path}` is a path of the machine of the scan; name the project's folder there");
        collection.warn_of_all("absolute-path", "", message);
    }
    let categories = collection.categories.iter().cloned().collect();
    let (records, kinds, normalized) = collection.finish();
    let head = Head {
        format: found,
        format_version: outline.version,
        tools: outline.tools,
        records: records.len() as u64,
        kinds,
        completeness: outline.completeness,
        categories,
    };
    Ok(Report { head, records, normalized })
}

fn collect<'a>(
    found: Format,
    fields: &Fields<'a>,
    bytes: usize,
    options: Options,
) -> Result<(Collection<'a>, Outline), Refusal> {
    let mut collection = Collection::new(options, bytes);
    let outline = match found {
        Format::Sarif => sarif::read(fields, &mut collection)?,
        Format::CycloneDx => cyclonedx::read(fields, &mut collection)?,
        Format::OsvScanner => osv::read(fields, &mut collection)?,
        Format::GitLab => gitlab::read(fields, &mut collection)?,
    };
    Ok((collection, outline))
}
