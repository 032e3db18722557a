//! Triage of findings: of one, or of all that match a filter, with a preview.

use host_harness::{
    TriageChoice, TriageDecision, TriageReport, TriageTargets, View,
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

/// What the address is about: one finding, or those of a filter.
fn targets(asked: &Asked) -> Result<TriageTargets, Fault> {
    Ok(match asked.field("finding") {
        Some(finding) => TriageTargets { findings: vec![finding], ..TriageTargets::default() },
        None => TriageTargets { query: Some(asked.query(List::Findings(View::All))?), ..TriageTargets::default() },
    })
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
    let (tenant, one) = (asked.tenant.id().to_string(), asked.field("finding"));
    let back = match &one {
        Some(id) => format!("{}/{id}", Section::Findings.of(&tenant)),
        None => Section::Findings.of(&tenant),
    };
    let text = |name: &str| form.text(name).unwrap_or_default().to_owned();
    let chosen = text("decision");
    let main = html! {
        p.path { a.link href=(back) { "Findings" } " / Triage" }
        div.head {
            h1 { "Triage " (parts::counted(meant.findings, "finding")) }
            @if one.is_none() { span.sum { "every finding that matches the filter, on all pages" } }
        }
        (happened)
        div.grid {
            section.card.c6 {
                form.settings method="post" {
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
                        button.button name="do" value="look" { "Preview" }
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
    Ok(Frame { tenant: &tenant, section: Section::Findings, title: Some("Triage") }.page(&main))
}

fn choice(form: &Form, decision: TriageDecision) -> Result<TriageChoice, Fault> {
    let text = |name: &str| form.text(name).map(str::to_owned);
    let labels = form.text("labels").unwrap_or_default().split(',').map(str::trim).filter(|it| !it.is_empty());
    let until = form.text("until").map(|it| it.parse::<Ahead>().map_err(|why| Fault::field("until", &why.to_string())));
    Ok(TriageChoice {
        decision,
        reason: text("reason"),
        comment: text("comment"),
        until: until.transpose()?,
        assignee: text("assignee"),
        labels: labels.map(str::to_owned).collect(),
    })
}

pub(crate) async fn decide(asked: Asked, form: Form) -> Answer {
    let does = form.text("do").unwrap_or("set").to_owned();
    let outcome = async {
        let on = targets(&asked)?;
        match does.as_str() {
            "set" | "look" => {}
            "clear" => return Ok(asked.tenant.clear_decisions(on, &asked.who, false).await?),
            // Never a change that nobody asked for.
            _ => return Err(Fault::field("do", "one of set, look, clear")),
        }
        let decision: TriageDecision = form
            .text("decision")
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| Fault::field("decision", "choose one"))?;
        Ok::<TriageReport, Fault>(asked.tenant.decide(on, choice(&form, decision)?, &asked.who, does == "look").await?)
    };
    let outcome = outcome.await;
    match outcome {
        Ok(report) if report.dry_run => {
            let would = html! {
                div.notice role="status" {
                    "The decision would change on " (parts::counted(report.changed, "finding")) " of " (parts::number(report.findings)) "."
                }
            };
            Ok(answer::html(show(&asked, &form, &would).await?))
        }
        Ok(_) => {
            let tenant = asked.tenant.id().to_string();
            let back = Section::Findings.of(&tenant);
            Ok(match asked.field("finding") {
                Some(id) => see(&format!("{back}/{id}")),
                None => see(&back),
            })
        }
        Err(fault) => match show(&asked, &form, &notice::failed(&fault)).await {
            Ok(page) => Ok(again(fault, page)),
            Err(_) => Err(fault),
        },
    }
}
