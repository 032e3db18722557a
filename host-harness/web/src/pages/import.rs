//! Importing a report or a file of a vendor's tool: what it is, whose it is, and
//! what came of it.

use std::path::PathBuf;

use appsec_model::Completeness;
use axum::extract::Multipart;
use host_harness::{
    grant::InstanceName,
    ingest::{ImportOptions, ImportReport},
};
use maud::{Markup, html};
use tokio::io::AsyncWriteExt;

use super::{Frame, Section, notice, parts};
use crate::{
    answer::{self, Fault, again},
    asked::{Answer, Asked, in_time, parsed},
    problems::Own,
    uploads::imported,
};

/// Remarks that are shown of an import.
const REMARKS: u32 = 20;

/// What was written into the form.
#[derive(Default)]
pub(super) struct Typed {
    source: String,
    project: String,
    r#ref: String,
    complete: bool,
    /// The file, where it lies for now; it goes with this.
    pub file: Option<(tempfile::TempDir, PathBuf)>,
}

pub(crate) async fn page(asked: Asked) -> Answer {
    let typed = Typed { source: asked.field("source").unwrap_or_default(), ..Typed::default() };
    Ok(answer::html(show(&asked, &typed, &html! {}).await?))
}

async fn show(asked: &Asked, typed: &Typed, happened: &Markup) -> Result<Markup, Fault> {
    let sources = asked.tenant.instances().await?;
    let tenant = asked.tenant.id().to_string();
    let main = html! {
        div.head { h1 { "Import" } span.sum { "a report of another scanner, or a file of a vendor's tool" } }
        (happened)
        section.card.narrow {
            form.settings method="post" enctype="multipart/form-data" {
                div.setting {
                    label for="source" { "Source" }
                    input id="source" type="text" name="source" value=(typed.source) list="sources" required spellcheck="false" placeholder="trivy" aria-describedby="source-help";
                    p.help id="source-help" { "Name of the tool; a source of that name is made if there is none. A source with a connector takes files of its own tool." }
                    datalist id="sources" { @for it in &sources { option value=(it.made.name) {} } }
                }
                div.setting {
                    label for="project" { "Project" }
                    input id="project" type="text" name="project" value=(typed.project) spellcheck="false" placeholder="acme/shop" aria-describedby="project-help";
                    p.help id="project-help" { "Whose findings these are. Some files name it themselves." }
                }
                div.setting {
                    label for="ref" { "Branch" }
                    input id="ref" type="text" name="ref" value=(typed.r#ref) spellcheck="false";
                }
                label.check { input type="checkbox" name="complete" value="true" checked[typed.complete]; "The file is a complete scan: what it does not name any more is gone" }
                div.setting { label for="file" { "File" } input id="file" type="file" name="file" required; }
                div.actions { button.button.primary { "Import" } }
            }
        }
        p.muted.beside { "Accepted: SARIF, CycloneDX, OSV-Scanner and GitLab reports, and the formats of the connectors; plain, gzip or zstd." }
    };
    Ok(Frame { tenant: &tenant, section: Section::Import, title: None }.page(&main))
}

pub(crate) async fn import(asked: Asked, parts: Multipart) -> Answer {
    let mut typed = Typed::default();
    let outcome = async {
        receive(&asked, parts, &mut typed).await?;
        let Some((_, file)) = &typed.file else { return Err(Fault::field("file", "it is empty")) };
        let name: InstanceName = parsed("source", &typed.source)?;
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let options = ImportOptions {
            project: given(&typed.project),
            r#ref: given(&typed.r#ref),
            complete: typed.complete,
            ..ImportOptions::default()
        };
        imported(&asked, &name, file, options).await
    };
    let outcome = outcome.await;
    match outcome {
        Ok(report) => Ok(answer::html(done(&asked, &report, typed.complete).await?)),
        Err(fault) => {
            let page = show(&asked, &typed, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

/// Takes the form in; the file goes to a folder of the tenant's machine, and is
/// removed with it.
pub(super) async fn receive(asked: &Asked, mut form: Multipart, typed: &mut Typed) -> Result<(), Fault> {
    let broken = |error: axum::extract::multipart::MultipartError| Fault {
        status: error.status(),
        code: Own::BodyRefused.into(),
        detail: error.body_text(),
    };
    while let Some(mut field) = in_time(&asked.site, form.next_field()).await?.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name != "file" {
            let text = in_time(&asked.site, field.text()).await?.map_err(broken)?.trim().to_owned();
            match name.as_str() {
                "source" => typed.source = text,
                "project" => typed.project = text,
                "ref" => typed.r#ref = text,
                "complete" => typed.complete = true,
                _ => {}
            }
            continue;
        }
        // Only its name, whatever its sender calls it.
        let sent = field.file_name().unwrap_or_default();
        let sent =
            sent.rsplit(['/', '\\']).next().filter(|it| !it.is_empty() && !it.starts_with('.')).unwrap_or("file");
        let kept = |error: std::io::Error| Fault::from(host_harness::Error::Folder(PathBuf::from("upload"), error));
        let folder = asked.site.uploads.scratch().map_err(kept)?;
        let path = folder.path().join(sent);
        let mut file = tokio::fs::File::create(&path).await.map_err(kept)?;
        let mut bytes = 0_u64;
        while let Some(chunk) = in_time(&asked.site, field.chunk()).await?.map_err(broken)? {
            bytes += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(kept)?;
        }
        file.flush().await.map_err(kept)?;
        if bytes > 0 {
            typed.file = Some((folder, path));
        }
    }
    Ok(())
}

/// What came of it.
async fn done(asked: &Asked, report: &ImportReport, complete: bool) -> Result<Markup, Fault> {
    let (summary, outcome, counts) = (&report.summary, &report.outcome, &report.run.counts);
    let remarks = asked.tenant.remarks(report.run.id, None, REMARKS).await?;
    let tenant = asked.tenant.id().to_string();
    let sums = [
        (outcome.findings, "findings"),
        (outcome.packages, "packages"),
        (outcome.unchanged, "unchanged"),
        (outcome.skipped, "skipped"),
        (outcome.rejected, "rejected"),
        (outcome.duplicate, "duplicate"),
        (outcome.filtered, "filtered"),
        (outcome.unmapped, "of unmapped projects"),
    ];
    let main = html! {
        div.head { h1 { "Import" } }
        div.notice.good role="status" {
            span {
                b { "Imported." } " It is " (parts::text(&summary.format))
                @if let Some(tool) = &summary.tool { " of " (parts::text(tool)) }
                ": " (parts::counted(outcome.records, "record")) "."
            }
            a.link href=(format!("{}/{}", Section::Runs.of(&tenant), report.run.id)) { "Run " (report.run.id) }
        }
        div.figures {
            @for (count, what) in sums.into_iter().enumerate().filter(|(at, (count, _))| *at == 0 || *count > 0).map(|(_, it)| it) {
                div { b { (parts::number(count)) } span { (what) } }
            }
        }
        p { (parts::number(counts.new)) " new, " (parts::number(counts.changed)) " changed, " (parts::number(counts.vanished)) " vanished." }
        @if let (Completeness::Unknown { reason }, false) = (&summary.completeness, complete) {
            p.muted { "Nothing is closed: " (parts::text(reason)) ". If the scan was complete, import the file again as one." }
        }
        @if let Some(message) = &report.run.message { div.notice.warn { div { (parts::message(message)) } } }
        @if outcome.unmapped > 0 {
            div.notice.warn { span { "Map the projects that these belong to, and import the file once more: " a.link href={ (Section::Mapping.of(&tenant)) "?state=unmapped" } { "Mapping" } } }
        }
        @if !remarks.is_empty() {
            section.card { header { h2 { "Remarks" } } ul.remarks { @for it in &remarks { li { span.mono { (parts::text(&it.code)) } " " (parts::prose(&it.message)) } } } }
        }
        div.actions.beside {
            a.button.primary href={ (Section::Findings.of(&tenant)) "?instance=" (report.run.instance) } { "Its findings" }
            a.button href=(Section::Import.of(&tenant)) { "Import another file" }
        }
    };
    Ok(Frame { tenant: &tenant, section: Section::Import, title: None }.page(&main))
}
