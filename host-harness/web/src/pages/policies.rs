//! The policies in force, what violates them, and the file that they are.

use host_harness::{
    Error, PoliciesImported, PolicyRow, PolicyRows, policy::STARTER as STARTER_POLICIES, store::PolicyResult,
};
use maud::{Markup, html};

use super::{Frame, Section, form, notice, parts};
use crate::{
    answer::{self, Fault, again, see},
    asked::{Answer, Asked, Form},
    problems::Own,
};

/// Results of a policy that are shown.
const SHOWN: u32 = 50;

/// The address of the file that policies are: not below that of the policies, where
/// one of the same name may be.
fn file(tenant: &str) -> String {
    format!("/t/{tenant}/policy-file")
}

/// The beginning of a version, as people compare it.
fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}

pub(crate) async fn page(asked: Asked) -> Answer {
    let policies = asked.tenant.policies().await?;
    let tenant = asked.tenant.id().to_string();
    let here = Section::Policies.of(&tenant);
    let main = html! {
        div.head {
            h1 { "Policies" }
            @if let Some(it) = &policies {
                span.sum { "in force since " (parts::moment(it.imported_at)) ", version " span.mono { (short(&it.version)) } }
            }
            div.tools {
                a.button.primary href=(file(&tenant)) { @if policies.is_some() { "Edit" } @else { "Write policies" } }
                @if policies.is_some() { a.button href=(Section::Policies.api(&tenant)) { "JSON" } }
            }
        }
        (notice::done(asked.field("done").as_deref()))
        @match &policies {
            None => (parts::empty(&html! { "No policy is in force. A policy says which findings are not acceptable; pipelines fail on its violations." })),
            Some(it) => {
                div.sheet {
                    div.wide {
                        table.list {
                            caption.unseen { "Policies, in the order of their file" }
                            thead { tr { th scope="col" { "Severity" } th scope="col" { "Policy" } th scope="col" { "On" } th.num scope="col" { "Violated" } th.num scope="col" { "Failed" } } }
                            tbody { @for row in &it.policies { (policy(row, &here)) } }
                        }
                    }
                }
                (history(it))
            },
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Policies, title: None }.page(&main)))
}

fn policy(row: &PolicyRow, here: &str) -> Markup {
    let definition = &row.definition;
    html! {
        tr {
            td { (parts::severity(definition.severity)) }
            td.what {
                a.title href={ (here) "/" (definition.id) } { (parts::text(&definition.title)) }
                span.under { span.mono { (parts::text(&definition.id)) } @if !definition.enabled { span.tag { "disabled" } } }
                @if let Some(text) = &definition.description { span.second { (parts::text(text)) } }
                code.when { (parts::block(definition.when.trim_end())) }
            }
            td data-label="On" { (definition.on.as_str()) }
            td.num data-label="Violated" { @if row.violated > 0 { span.tag.bad { (parts::number(row.violated)) } } @else { "0" } }
            td.num data-label="Failed" { @if row.errors > 0 { span.tag.warn { (parts::number(row.errors)) } } @else { "0" } }
        }
    }
}

fn history(rows: &PolicyRows) -> Markup {
    html! {
        @if !rows.history.is_empty() {
            h2.part { "Imports before" }
            section.card {
                table.plain {
                    thead { tr { th scope="col" { "When" } th scope="col" { "Version" } th.num scope="col" { "Policies" } } }
                    tbody {
                        @for it in &rows.history {
                            tr {
                                td { (parts::moment(it.imported_at)) }
                                td.mono { @if it.version.is_empty() { "removed" } @else { (short(&it.version)) } }
                                td.num { (it.policies) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(crate) async fn one(asked: Asked) -> Answer {
    let id: String = asked.named("policy")?;
    let row = asked.tenant.policy(id.clone()).await?;
    let begin = asked.number("offset")?.unwrap_or_default();
    let list = asked.tenant.policy_result_list(vec![id.clone()], None, None, (SHOWN, begin)).await?;
    let (tenant, now) = (asked.tenant.id().to_string(), asked.site.harness.now());
    let definition = &row.definition;
    let main = html! {
        nav.path aria-label="Path" { a.link href=(Section::Policies.of(&tenant)) { "Policies" } " › " span.mono { (definition.id) } }
        div.head { h1 { (parts::text(&definition.title)) } span.sum { (parts::counted(row.violated, "violation")) } }
        p.states { (parts::severity(definition.severity)) span { "on " (definition.on.as_str()) "s" } @if !definition.enabled { span.tag { "disabled" } } }
        section.card {
            @if let Some(text) = &definition.description { p { (parts::text(text)) } }
            code.when { (parts::block(definition.when.trim_end())) }
        }
        h2.part { "Results" }
        @if list.total == 0 { (parts::empty(&html! { "Nothing violates it." })) } @else {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "Results of the policy, the most urgent first" }
                        thead { tr { th scope="col" { "Result" } th scope="col" { "On" } th scope="col" { "Project and place" } th scope="col" { "Severity" } th.num scope="col" { "For" } } }
                        tbody { @for it in &list.results { (result(it, &tenant, now)) } }
                    }
                }
                (form::pages(|offset| format!("{}/{id}?offset={offset}", Section::Policies.of(&tenant)), (begin, list.results.len(), SHOWN), list.total))
            }
        }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Policies, title: Some(&definition.title) }.page(&main)))
}

fn result(it: &PolicyResult, tenant: &str, now: appsec_model::Timestamp) -> Markup {
    let section = if it.on.as_str() == "issue" { Section::Issues } else { Section::Findings };
    html! {
        tr {
            td { (parts::state(it.result.as_str())) }
            td.what {
                a.title href=(format!("{}/{}", section.of(tenant), it.id)) { (parts::text(&it.title)) }
                @if let Some(reason) = &it.reason { span.second { (parts::text(reason)) } }
            }
            td.where.cut {
                (parts::text(&it.project))
                @if let Some(path) = &it.path { span.second.mono.cut { (parts::text(path)) @if let Some(line) = it.start_line { ":" (line) } } }
            }
            td { (parts::severity(it.subject_severity)) }
            td.num { (parts::old(it.since, now)) }
        }
    }
}

pub(crate) async fn edit(asked: Asked) -> Answer {
    let text = asked.tenant.policy_file().await?;
    let seen = version(&asked).await?;
    let text = text.as_deref().unwrap_or(STARTER_POLICIES);
    Ok(answer::html(editor(&asked, text, &seen, &html! {})))
}

/// The version in force; nothing where none is.
async fn version(asked: &Asked) -> Result<String, Fault> {
    Ok(asked.tenant.policies().await?.map(|it| it.version).unwrap_or_default())
}

fn editor(asked: &Asked, text: &str, seen: &str, happened: &Markup) -> Markup {
    let tenant = asked.tenant.id().to_string();
    let here = file(&tenant);
    let main = html! {
        nav.path aria-label="Path" { a.link href=(Section::Policies.of(&tenant)) { "Policies" } " › Edit" }
        div.head { h1 { "Edit policies" } span.sum { "All policies are one file, in TOML." } }
        (happened)
        section.card {
            form.settings method="post" action=(here) {
                input type="hidden" name="seen" value=(seen);
                div.setting {
                    label for="text" { "File" }
                    textarea id="text" name="text" rows="28" spellcheck="false" { "\n" (text) }
                }
                div.actions {
                    button.button.primary { "Put into force" }
                    button.button formaction={ (here) "/check" } { "Check" }
                    @if !seen.is_empty() { button.button.danger formaction={ (here) "/remove" } { "Remove all policies" } }
                }
            }
        }
    };
    Frame { tenant: &tenant, section: Section::Policies, title: Some("Edit policies") }.page(&main)
}

/// What was sent with the editor: the file, and the version that was seen.
struct Edited {
    text: String,
    seen: String,
}

impl Edited {
    fn of(form: &Form) -> Self {
        // As browsers send lines.
        let text = form.all("text").next().unwrap_or_default().replace("\r\n", "\n");
        Self { text, seen: form.text("seen").unwrap_or_default().to_owned() }
    }

    /// The page after a change, or what kept it from being made.
    fn changed(&self, asked: &Asked, outcome: Result<(), Fault>) -> Answer {
        match outcome {
            Ok(()) => Ok(see(&format!("{}?done=policies", Section::Policies.of(asked.tenant.id().as_str())))),
            Err(fault) => self.failed(asked, fault),
        }
    }

    fn failed(&self, asked: &Asked, fault: Fault) -> Answer {
        let page = editor(asked, &self.text, &self.seen, &problems(&self.text, &fault));
        again(fault, Ok(page))
    }

    /// Refuses a change of policies that are others by now.
    async fn require_seen(&self, asked: &Asked) -> Result<(), Fault> {
        if version(asked).await? == self.seen {
            return Ok(());
        }
        Err(Fault::of(Own::IfMatchFailed, "the policies were changed since this page was opened: open it again"))
    }
}

pub(crate) async fn check(asked: Asked, form: Form) -> Answer {
    let edited = Edited::of(&form);
    match PoliciesImported::of_text(&edited.text) {
        Ok(read) => {
            let good = html! {
                div.notice.good role="status" { div {
                    b { "The file is good: " (parts::counted(read.policies, "policy")) ", version " (short(&read.version)) ". Nothing was changed." }
                    @for remark in &read.remarks { p { (parts::text(&remark.to_string())) } }
                } }
            };
            Ok(answer::html(editor(&asked, &edited.text, &edited.seen, &good)))
        }
        Err(error) => edited.failed(&asked, error.into()),
    }
}

pub(crate) async fn import(asked: Asked, form: Form) -> Answer {
    let edited = Edited::of(&form);
    let outcome = async {
        edited.require_seen(&asked).await?;
        asked.tenant.import_policies(&edited.text).await?;
        Ok(())
    };
    let outcome = outcome.await;
    edited.changed(&asked, outcome)
}

pub(crate) async fn remove(asked: Asked, form: Form) -> Answer {
    let edited = Edited::of(&form);
    let outcome = async {
        edited.require_seen(&asked).await?;
        asked.tenant.clear_policies().await?;
        Ok(())
    };
    let outcome = outcome.await;
    edited.changed(&asked, outcome)
}

/// What is wrong with a file, each on a line.
fn problems(text: &str, fault: &Fault) -> Markup {
    match PoliciesImported::of_text(text) {
        Err(Error::Policies(problems)) => html! {
            div.notice.bad role="alert" { div {
                b { "Nothing was changed: " (parts::counted(problems.len() as u64, "problem")) " in the file." }
                @for it in &problems { p { (parts::text(&it.to_string())) } }
            } }
        },
        _ => notice::failed(fault),
    }
}
