//! Events that a source's vendor sends: whether they are taken, and under which secret.

use host_harness::{
    Error, GivenSecret, InboxReport,
    grant::{Code, InstanceName, Secret},
    store::{EventRow, EventState},
};
use maud::{Markup, html};

use super::parts;
use crate::{
    answer::Fault,
    asked::{Asked, Form},
};

/// Events that are shown.
const SHOWN: u32 = 5;

/// How a source takes events.
pub(super) struct Inbox {
    report: InboxReport,
    events: Vec<EventRow>,
}

impl Inbox {
    /// That of an instance whose vendor has events.
    pub async fn of(asked: &Asked, name: &InstanceName) -> Result<Self, Fault> {
        let inbox = match asked.tenant.inbox(name).await {
            Ok(it) => Some(it),
            Err(error) if error.code() == Code::WebhookNotFound => None,
            Err(error) => return Err(error.into()),
        };
        let events = asked.tenant.event_list(Some(name), SHOWN).await?.events;
        Ok(Self { report: InboxReport::of(name, inbox), events })
    }

    /// The card of it. `where_` is where a person sets it at the vendor.
    pub fn card(&self, at_vendor: &str, here: &str, now: appsec_model::Timestamp) -> Markup {
        let report = &self.report;
        html! {
            section.card {
                header { h2 { "Events of the vendor" } span.muted { (if report.accepts_events { "accepted" } else { "not accepted" }) } }
                p.help { "With them a sync begins as soon as something has changed there. " (parts::sentence(at_vendor)) }
                @if let Some(path) = &report.path {
                    dl.facts.beside {
                        (parts::fact("Path", Some(html! { code { (parts::text(path)) } span.second { "behind the address at which the vendor reaches this server" } })))
                        (parts::fact("Secret", report.secret.as_deref().map(|it| html! { "from " (parts::text(it)) })))
                    }
                }
                form.settings.beside method="post" action={ (here) "/events" } {
                    div.setting {
                        label for="signing-secret" { (if report.accepts_events { "Another signing secret" } else { "Signing secret" }) }
                        input id="signing-secret" type="password" name="signing-secret" autocomplete="off" required aria-describedby="signing-secret-help";
                        p.help id="signing-secret-help" { "Set the same one at the vendor. It is sealed in the vault and shown nowhere." }
                    }
                    div.actions {
                        button.button { (if report.accepts_events { "Change the secret" } else { "Accept events" }) }
                        @if report.accepts_events { button.button name="remove" value="true" formnovalidate { "Accept none any more" } }
                    }
                }
                @if !self.events.is_empty() {
                    table.plain.beside {
                        caption.unseen { "Events, newest first" }
                        tbody { @for it in &self.events { (event(it, now)) } }
                    }
                }
            }
        }
    }
}

fn event(it: &EventRow, now: appsec_model::Timestamp) -> Markup {
    let is_good = it.state != EventState::Failed;
    html! {
        tr {
            td { (parts::ago(it.received_at, now)) }
            td { span.tag.bad[!is_good] { (it.state.as_str()) } @if let Some(problem) = &it.problem { span.second { (parts::text(problem)) } } }
            td.num { @if let Some(run) = it.run { "run " (run) } }
        }
    }
}

/// Takes events under the secret that was typed, or none any more.
pub(super) async fn set(asked: &Asked, form: &Form) -> Result<&'static str, Fault> {
    let name = asked.instance()?;
    if form.is_ticked("remove") {
        asked.tenant.remove_inbox(&name).await?;
        return Ok("unheard");
    }
    let secret = Secret::typed(form.text("signing-secret").unwrap_or_default()).map_err(Error::from)?;
    asked.tenant.set_inbox(&name, GivenSecret::Typed(secret)).await?;
    Ok("heard")
}
