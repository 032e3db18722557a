//! The findings of a filter in a format, to their end, as they are read.

use std::io;

use host_harness::{
    ExportFormat, ExportRequest, Share, View,
    exports::{CycloneDxVersion, Format, Options as ExportOptions},
    query::{List, When},
};
use http::{HeaderValue, Response, header};
use tokio::runtime::Handle;

use super::takes;
use crate::{
    answer::{Fault, attachment},
    asked::{Answer, Asked},
    stream::written,
};

pub(super) async fn export(asked: Asked, view: View) -> Answer {
    let format: ExportFormat = asked.named("format")?;
    let options = options(&asked, format)?;
    let filter = asked.tenant.finding_filter(&asked.query_with(List::Findings(view), takes::EXPORT)?).await?;
    let base = asked.tenant.base(asked.field("baseline").as_deref()).await?;
    let request = ExportRequest { format, filter, options, base, share: Share::Whole };
    let (tenant, runtime) = (asked.tenant.clone(), Handle::current());
    let body = written("an export", move |out| {
        runtime.block_on(tenant.export(request, out)).map(|(_, out)| out).map_err(io::Error::other)
    });
    let (kind, ending) = media(format);
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if format == ExportFormat::Public(Format::Html) {
        // Whoever shows it here after all shows a page that does nothing and is of no site.
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(ALONE));
    }
    attachment(response, &format!("{}-{ending}", asked.tenant.id()))
}

/// The policy of a page that is a file.
const ALONE: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                     form-action 'none'; frame-ancestors 'none'";

/// How it is written, as the options of the command line say it.
fn options(asked: &Asked, format: ExportFormat) -> Result<ExportOptions, Fault> {
    let of = |name: &str, formats: &[Format]| {
        let is_of_it = matches!(format, ExportFormat::Public(it) if formats.contains(&it));
        let names = || formats.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(" and ");
        let refused = asked.field(name).is_some() && !is_of_it;
        if refused {
            Err(Fault::field(name, &format!("it is for the format {}, not for {format}", names())))
        } else {
            Ok(())
        }
    };
    of("for", &[Format::Sarif])?;
    of("baseline", &[Format::Sarif])?;
    of("spec-version", &[Format::CycloneDx])?;
    let now = asked.site.harness.now();
    let word = |name: &str| takes::EXPORT.iter().find(|it| it.name == name).map_or(Ok(None), |it| asked.word(it));
    Ok(ExportOptions {
        moment: asked.maybe::<When>("at")?.map_or(now, |at| at.moment(now)),
        owner: asked.tenant.id().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        for_github: word("for")?.is_some(),
        single_run: None,
        unreachable_is_unaffected: asked.flag("unreachable-not-affected")?,
        cyclonedx: match word("spec-version")?.as_deref() {
            Some("1.7") => CycloneDxVersion::V1_7,
            _ => CycloneDxVersion::V1_6,
        },
    })
}

/// What a format is called on the wire, and how the names of its files go on.
fn media(format: ExportFormat) -> (&'static str, &'static str) {
    const JSON: &str = "application/json";
    let ExportFormat::Public(format) = format else {
        return match format {
            ExportFormat::Csv => ("text/csv; charset=utf-8", "findings.csv"),
            _ => ("application/x-ndjson", "findings.ndjson"),
        };
    };
    match format {
        Format::Sarif => ("application/sarif+json", "findings.sarif"),
        Format::CycloneDx => ("application/vnd.cyclonedx+json", "findings.cdx.json"),
        Format::OpenVex => (JSON, "findings.openvex.json"),
        // As GitLab's own jobs call them.
        Format::GitLabSast => (JSON, "gl-sast-report.json"),
        Format::GitLabDependencies => (JSON, "gl-dependency-scanning-report.json"),
        Format::GitLabSecrets => (JSON, "gl-secret-detection-report.json"),
        Format::DefectDojo => (JSON, "findings.defectdojo.json"),
        Format::Ocsf => ("application/x-ndjson", "findings.ocsf.ndjson"),
        Format::Html => ("text/html; charset=utf-8", "findings.html"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_format_has_a_file_of_its_own() {
        let names: BTreeSet<&str> = ExportFormat::all().map(|format| media(format).1).collect();
        assert_eq!(names.len(), ExportFormat::all().count(), "{names:?}");
    }
}
