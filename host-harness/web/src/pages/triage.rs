//! Triage of findings: of one, or of all that match a filter, with a preview.

use host_harness::{
    TriageChoice, TriageReport, TriageTargets, View,
    analysis::TriageDecision,
    query::{Ahead, List, Query},
};
use maud::{Markup, html};

use super::{Frame, Section, form, notice, parts};
use crate::{
    answer::{self, Fault, again, see},
    asked::{Answer, Asked, Form},
};

/// What a decision means, for people.
fn means(decision: TriageDecision) -> &'static str {
    match decision {
        TriageDecision::Reviewing => "under investigation",
        TriageDecision::Fixing => "being fixed",
        TriageDecision::AcceptedRisk => "real, and the risk is accepted",
        TriageDecision::FalsePositive => "not a real problem",
        TriageDecision::WontFix => "real, and it will not be fixed",
        TriageDecision::Duplicate => "covered by another finding",
    }
}

/// The address of deciding on all findings of a filter.
pub(super) fn address(tenant: &str, query: &Query, view: View) -> String {
    let kinds = if view == View::All { &[] } else { view.kinds() };
    let filter = query.pairs().into_iter().filter(|(name, _)| !matches!(*name, "cursor" | "offset" | "limit"));
    let filter = filter.chain((!kinds.is_empty()).then(|| ("kind", kinds.join(","))));
    form::address(&format!("/t/{tenant}/triage"), filter)
}

/// What the address is about: the findings that it names, or those of a filter.
fn targets(asked: &Asked) -> Result<TriageTargets, Fault> {
    let (findings, issues) = (asked.fields("finding"), asked.fields("issue"));
    Ok(match findings.is_empty() && issues.is_empty() {
        false => TriageTargets { findings, issues, ..TriageTargets::default() },
        true => TriageTargets { query: Some(asked.query(List::Findings(View::All))?), ..TriageTargets::default() },
    })
}

/// Where it leads back to: the finding or issue, where it is about a single one.
fn back(asked: &Asked) -> (Section, String) {
    let one = |name: &str| {
        let mut named = asked.fields(name);
        named.pop().filter(|_| named.is_empty())
    };
    let section = if asked.field("issue").is_some() { Section::Issues } else { Section::Findings };
    let here = section.of(asked.tenant.id().as_str());
    match one(if section == Section::Issues { "issue" } else { "finding" }) {
        Some(id) => (section, format!("{here}/{}", parts::segment(&id))),
        None => (section, here),
    }
}

pub(crate) async fn page(asked: Asked) -> Answer {
    Ok(answer::html(show(&asked, &Form::default(), &html! {}).await?))
}

async fn show(asked: &Asked, form: &Form, happened: &Markup) -> Result<Markup, Fault> {
    // Whatever is decided, it is on these.
    let any = TriageChoice {
        decision: TriageDecision::Reviewing,
        reason: None,
        comment: None,
        until: None,
        assignee: None,
        labels: Vec::new(),
    };
    let meant = asked.tenant.decide(targets(asked)?, any, &asked.who, true).await?;
    let (tenant, (section, back)) = (asked.tenant.id().to_string(), back(asked));
    let is_filter = ["finding", "issue"].iter().all(|name| asked.field(name).is_none());
    let text = |name: &str| form.text(name).unwrap_or_default().to_owned();
    let (chosen, here) = (text("decision"), format!("/t/{tenant}/triage"));
    let main = html! {
        p.path { a.link href=(back) { (section.title()) } " / Triage" }
        div.head {
            h1 { "Triage " (parts::counted(meant.findings, "finding")) }
            @if is_filter { span.sum { "every finding that matches the filter, on all pages" } }
        }
        (happened)
        div.grid {
            section.card.c6 {
                form.settings method="post" action=(asked.with_query(&here)) {
                    fieldset.boxes {
                        legend { "Decision" }
                        @for it in TriageDecision::ALL {
                            label.check { input type="radio" name="decision" value=(it.as_str()) checked[it.as_str() == chosen] required; b { (it.as_str()) } span.muted { (means(it)) } }
                        }
                    }
                    @for (name, title, help) in [
                        ("reason", "Reason", "Required for decisions that close findings."),
                        ("comment", "Comment", ""),
                        ("until", "Until", "A date, or a duration such as 90d. After that, the source's status applies again."),
                        ("assignee", "Assignee", ""),
                        ("labels", "Labels", "Separate labels with commas."),
                    ] {
                        div.setting {
                            label for=(name) { (title) }
                            input id=(name) type="text" name=(name) value=(text(name));
                            @if !help.is_empty() { p.help { (help) } }
                        }
                    }
                    div.actions {
                        button.button.primary name="do" value="set" { "Save decision" }
                        button.button formaction=(asked.with_query(&format!("{here}/preview"))) { "Preview" }
                        button.button name="do" value="clear" formnovalidate { "Clear decision" }
                    }
                }
            }
            section.card.c6 {
                header { h2 { "The most urgent" } }
                table.plain { tbody {
                    @for row in &meant.sample {
                        tr { td { a.link href=(format!("{}/{}", Section::Findings.of(&tenant), row.id)) { (parts::text(&row.title)) } span.second { (parts::text(&row.project)) } } td { (parts::severity(row.severity)) } td { (parts::state(&row.status)) } }
                    }
                } }
            }
        }
    };
    Ok(Frame { tenant: &tenant, section, title: Some("Triage") }.page(&main))
}

fn choice(form: &Form, decision: TriageDecision) -> Result<TriageChoice, Fault> {
    let text = |name: &str| form.text(name).map(str::to_owned);
    let labels = form.text("labels").unwrap_or_default().split(',').map(str::trim).filter(|it| !it.is_empty());
    Ok(TriageChoice {
        decision,
        reason: text("reason"),
        comment: text("comment"),
        until: form.maybe::<Ahead>("until")?,
        assignee: text("assignee"),
        labels: labels.map(str::to_owned).collect(),
    })
}

/// What a decision would change, on the page on which it is made.
pub(crate) async fn preview(asked: Asked, form: Form) -> Answer {
    let outcome = decided(&asked, &form, true).await;
    match outcome {
        Ok(report) => {
            let would = html! {
                div.notice role="status" {
                    "The decision would change on " (parts::counted(report.changed, "finding")) " of " (parts::number(report.findings)) "."
                }
            };
            Ok(answer::html(show(&asked, &form, &would).await?))
        }
        Err(fault) => {
            let page = show(&asked, &form, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

pub(crate) async fn decide(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        match form.text("do") {
            Some("set") | None => decided(&asked, &form, false).await,
            Some("clear") => Ok(asked.tenant.clear_decisions(targets(&asked)?, &asked.who, false).await?),
            // Never a change that nobody asked for.
            Some(_) => Err(Fault::field("do", "one of set, clear")),
        }
    };
    let outcome = outcome.await;
    match outcome {
        Ok(_) => Ok(see(&back(&asked).1)),
        Err(fault) => {
            let page = show(&asked, &form, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

async fn decided(asked: &Asked, form: &Form, only_shows: bool) -> Result<TriageReport, Fault> {
    let decision: TriageDecision = form
        .text("decision")
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| Fault::field("decision", "choose one"))?;
    Ok(asked.tenant.decide(targets(asked)?, choice(form, decision)?, &asked.who, only_shows).await?)
}
