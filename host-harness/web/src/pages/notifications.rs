//! Notifications on runs and alerts on new policy violations, with their deliveries.

use host_harness::{
    AlertReceiver, AlertReport, DeliveryList, Error, GivenSecret, NotifyReport, WebhookSetup,
    grant::{InstanceName, Origin, Secret},
    store::{AlertFormat, Delivery, DeliveryState},
};
use maud::{Markup, html};

use super::{Frame, Section, form, notice, parts};
use crate::{
    answer::{self, Fault, again, see},
    asked::{Answer, Asked, Form},
};

/// Deliveries that are shown.
const SHOWN: u32 = 50;

/// The formats that are set here. A mail goes to a folder of this machine, which is
/// for whoever is at its command line.
const FORMATS: [(AlertFormat, &str); 3] = [
    (AlertFormat::Webhook, "Webhook: signed JSON"),
    (AlertFormat::Slack, "Slack: the secret is the address"),
    (AlertFormat::Teams, "Teams: the secret is the address"),
];

/// Whom an alert reaches.
pub(crate) fn receiver(
    format: AlertFormat,
    url: Option<String>,
    secret: Secret,
    private_origin: Option<Origin>,
) -> Result<AlertReceiver, Fault> {
    let secret = GivenSecret::Typed(secret);
    match (format, url) {
        (AlertFormat::Webhook, Some(url)) => Ok(AlertReceiver::Webhook(WebhookSetup { url, private_origin, secret })),
        (AlertFormat::Webhook, None) => Err(Fault::field("url", "it is empty")),
        (AlertFormat::Slack | AlertFormat::Teams, None) => Ok(AlertReceiver::Chat { format, private_origin, secret }),
        (AlertFormat::Slack | AlertFormat::Teams, Some(_)) => {
            Err(Fault::field("url", "leave it out: the address of a chat is its secret"))
        }
        (AlertFormat::Mail, _) => {
            Err(Fault::field("format", "mails go to a folder of the server's machine: set it on the command line"))
        }
    }
}

pub(crate) async fn page(asked: Asked) -> Answer {
    let done = notice::done(asked.field("done").as_deref());
    Ok(answer::html(show(&asked, &Form::default(), &done).await?))
}

async fn show(asked: &Asked, typed: &Form, happened: &Markup) -> Result<Markup, Fault> {
    let webhooks = asked.tenant.notify_list().await?.webhooks;
    let alerts = asked.tenant.alert_list().await?.alerts;
    let begin = asked.number("offset")?.unwrap_or_default();
    let DeliveryList { total, deliveries } = asked.tenant.delivery_list(None, SHOWN, begin).await?;
    let sources: Vec<_> = asked.tenant.instances().await?.into_iter().map(|it| it.made.name).collect();
    let tenant = asked.tenant.id().to_string();
    let here = Section::Notifications.of(&tenant);
    let text = |name: &str| typed.text(name).unwrap_or_default();
    let source = |id: &str| {
        html! {
            div.setting {
                label for=(id) { "Source" }
                select id=(id) name="instance" { @for it in &sources { option value=(it) selected[it.as_str() == text("instance")] { (it) } } }
            }
        }
    };
    let private = html! {
        label.check { input type="checkbox" name="private" value="true" checked[typed.is_ticked("private")]; "The receiver may be at an address of this machine or network" }
    };
    let main = html! {
        div.head {
            h1 { "Notifications" }
            span.sum { (parts::counted((webhooks.len() + alerts.len()) as u64, "receiver")) }
            div.tools { a.button href=(Section::Notifications.api(&tenant)) { "JSON" } }
        }
        (happened)
        h2.part { "When a run ends" }
        @if webhooks.is_empty() { (parts::empty(&html! { "Nobody is notified." })) } @else {
            div.sheet { div.wide { table.list {
                caption.unseen { "Webhooks, by source" }
                thead { tr { th scope="col" { "Source" } th scope="col" { "URL" } th.late scope="col" { "Set" } th scope="col" { span.unseen { "What can be done" } } } }
                tbody { @for it in &webhooks { (webhook(it, &here)) } }
            } } }
        }
        h2.part { "When policies are newly violated" }
        @if alerts.is_empty() { (parts::empty(&html! { "No alert is set." })) } @else {
            div.sheet { div.wide { table.list {
                caption.unseen { "Alerts, by source and format" }
                thead { tr { th scope="col" { "Source" } th scope="col" { "Format" } th scope="col" { "Receiver" } th.late scope="col" { "Policies" } th.late scope="col" { "Set" } th scope="col" { span.unseen { "What can be done" } } } }
                tbody { @for it in &alerts { (alert(it, &here)) } }
            } } }
        }
        @if !sources.is_empty() {
            div.grid {
                section.card.c6 {
                    header { h2 { "Notify when a run ends" } }
                    form.settings method="post" action=(here) {
                        (source("run-source"))
                        div.setting { label for="run-url" { "URL" } input id="run-url" type="url" name="url" value=(text("url")) required placeholder="https://receiver.example/harness"; }
                        div.setting {
                            label for="run-secret" { "Signing secret" }
                            input id="run-secret" type="password" name="secret" required autocomplete="off" aria-describedby="run-help";
                            p.help id="run-help" { "Sealed in the vault. Each message is signed with it, as Standard Webhooks are." }
                        }
                        (private)
                        div.actions { button.button.primary { "Set webhook" } }
                    }
                }
                section.card.c6 {
                    header { h2 { "Alert on new violations" } }
                    form.settings method="post" action={ (here) "/alerts" } {
                        (source("alert-source"))
                        div.setting {
                            label for="format" { "Format" }
                            select id="format" name="format" { @for (format, title) in FORMATS { option value=(format.as_str()) selected[format.as_str() == text("format")] { (title) } } }
                        }
                        div.setting { label for="alert-url" { "Webhook URL" } input id="alert-url" type="url" name="url" value=(text("url")) placeholder="https://receiver.example/alerts"; }
                        div.setting {
                            label for="alert-secret" { "Secret" }
                            input id="alert-secret" type="password" name="secret" required autocomplete="off" aria-describedby="alert-help";
                            p.help id="alert-help" { "The signing secret of a webhook, or the address that the chat has given." }
                        }
                        div.setting { label for="policies" { "Policies (comma-separated; empty for all)" } input id="policies" type="text" name="policies" value=(text("policies")) spellcheck="false"; }
                        (private)
                        div.actions { button.button.primary { "Set alert" } }
                    }
                }
            }
        }
        h2.part { "Deliveries" }
        @if total == 0 { (parts::empty(&html! { "Nothing was sent yet." })) } @else {
            div.sheet { div.wide { table.list {
                caption.unseen { "Deliveries, newest first" }
                thead { tr { th scope="col" { "About" } th scope="col" { "State" } th scope="col" { "Answer" } th.late.num scope="col" { "Tries" } th.late scope="col" { "Last" } th scope="col" { span.unseen { "What can be done" } } } }
                tbody { @for it in &deliveries { (delivery(it, &here, &tenant)) } }
            } }
            (form::pages(|offset| format!("{here}?offset={offset}"), (begin, deliveries.len(), SHOWN), total)) }
        }
    };
    Ok(Frame { tenant: &tenant, section: Section::Notifications, title: None }.page(&main))
}

/// What can be done with a receiver.
fn tools(at: &str) -> Markup {
    html! {
        td.num {
            form.inline method="post" action={ (at) "/test" } { button.button { "Send a test" } }
            form.inline method="post" action={ (at) "/remove" } { button.button { "Remove" } }
        }
    }
}

fn webhook(it: &NotifyReport, here: &str) -> Markup {
    html! {
        tr {
            td { span.title { (parts::text(&it.instance)) } }
            td.cut { (parts::text(&it.url)) @if it.private { span.second { "may be at a private address" } } span.second { "signed with the secret from " (parts::text(&it.secret)) } }
            td.late { (parts::moment(it.set_at)) }
            (tools(&format!("{here}/{}", it.instance)))
        }
    }
}

fn alert(it: &AlertReport, here: &str) -> Markup {
    html! {
        tr {
            td { span.title { (parts::text(&it.instance)) } }
            td { (it.format.as_str()) }
            td.cut { (parts::text(&it.target)) @if let Some(secret) = &it.secret { span.second { "secret from " (parts::text(secret)) } } }
            td.late { @if it.policies.is_empty() { "all" } @else { (parts::text(&it.policies.join(", "))) } }
            td.late { (parts::moment(it.set_at)) }
            (tools(&format!("{here}/alerts/{}/{}", it.instance, it.format.as_str())))
        }
    }
}

fn delivery(it: &Delivery, here: &str, tenant: &str) -> Markup {
    html! {
        tr {
            td {
                @match it.run {
                    Some(run) => a.title href=(format!("{}/{run}", Section::Runs.of(tenant))) { "Run " (run) },
                    None => span.title { "Test" },
                }
                span.under { (parts::text(&it.instance)) @if let Some(format) = it.alert { span.tag { (format.as_str()) " alert" } } }
            }
            td { (parts::state(it.state.as_str())) }
            td.cut { (answered(it)) }
            td.late.num { (it.tries) }
            td.late { @if let Some(at) = it.tried_at { (parts::moment(at)) } @if let Some(at) = it.next_at { span.second { "next " (parts::moment(at)) } } }
            td.num { form.inline method="post" action=(format!("{here}/deliveries/{}/resend", it.id)) { button.button { "Resend" } } }
        }
    }
}

/// What came back of the last try.
fn answered(it: &Delivery) -> Markup {
    html! {
        @if let Some(status) = it.status { (status) " " }
        @if let Some(text) = it.answer.as_deref().or(it.problem.as_deref()) { (parts::text(text)) }
    }
}

/// The page after a change, or what kept it from being made. A secret is typed again.
async fn changed(asked: &Asked, typed: &Form, outcome: Result<(), Fault>, done: &'static str) -> Answer {
    match outcome {
        Ok(()) => Ok(see(&format!("{}?done={done}", Section::Notifications.of(asked.tenant.id().as_str())))),
        Err(fault) => {
            let page = show(asked, typed, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

/// The page after something was sent, with what came of it.
async fn sent(asked: &Asked, outcome: Result<Delivery, Error>) -> Answer {
    match outcome {
        Ok(it) => {
            let is_taken = it.state == DeliveryState::Delivered;
            let told = html! {
                div.notice.good[is_taken].bad[!is_taken] role="status" { div {
                    b { @if is_taken { "Delivered." } @else { "Not delivered." } }
                    p { (answered(&it)) }
                } }
            };
            Ok(answer::html(show(asked, &Form::default(), &told).await?))
        }
        Err(error) => changed(asked, &Form::default(), Err(error.into()), "").await,
    }
}

/// The origin of an address, where a form says that it may be a private one.
fn private(form: &Form, url: &str) -> Result<Option<Origin>, Fault> {
    let origin = form.is_ticked("private").then(|| Origin::of_url(url)).transpose();
    origin.map_err(|why| Fault::field("url", &why.to_string()))
}

fn secret(form: &Form) -> Result<Secret, Fault> {
    Ok(Secret::typed(form.text("secret").unwrap_or_default()).map_err(Error::from)?)
}

pub(crate) async fn set(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        let (name, url): (InstanceName, String) = (form.read("instance")?, form.read("url")?);
        let private_origin = private(&form, &url)?;
        let setup = WebhookSetup { url, private_origin, secret: GivenSecret::Typed(secret(&form)?) };
        asked.tenant.set_webhook(&name, setup).await?;
        Ok(())
    };
    let outcome = outcome.await;
    changed(&asked, &form, outcome, "notified").await
}

pub(crate) async fn remove(asked: Asked) -> Answer {
    let outcome = async { Ok(asked.tenant.remove_webhook(&asked.instance()?).await?) };
    let outcome = outcome.await;
    changed(&asked, &Form::default(), outcome, "unnotified").await
}

pub(crate) async fn test(asked: Asked) -> Answer {
    let name = asked.instance()?;
    let outcome = asked.tenant.test_webhook(&name).await;
    sent(&asked, outcome).await
}

pub(crate) async fn set_alert(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        let (name, format): (InstanceName, AlertFormat) = (form.read("instance")?, form.read("format")?);
        let (url, secret) = (form.text("url").map(str::to_owned), secret(&form)?);
        let origin = match &url {
            Some(url) => private(&form, url)?,
            // What is wrong with the address of a chat is reported without it.
            None => private(&form, secret.reveal()).unwrap_or_default(),
        };
        let policies = form.text("policies").unwrap_or_default().split(',').map(str::trim).filter(|it| !it.is_empty());
        let policies = policies.map(str::to_owned).collect();
        asked.tenant.set_alert(&name, policies, receiver(format, url, secret, origin)?).await?;
        Ok(())
    };
    let outcome = outcome.await;
    changed(&asked, &form, outcome, "alerted").await
}

pub(crate) async fn remove_alert(asked: Asked) -> Answer {
    let outcome = async { Ok(asked.tenant.remove_alert(&asked.instance()?, asked.named("format")?).await?) };
    let outcome = outcome.await;
    changed(&asked, &Form::default(), outcome, "unalerted").await
}

pub(crate) async fn test_alert(asked: Asked) -> Answer {
    let name = asked.instance()?;
    let outcome = asked.tenant.test_alert(&name, asked.named("format")?).await;
    sent(&asked, outcome).await
}

pub(crate) async fn resend(asked: Asked) -> Answer {
    let outcome = asked.tenant.retry_delivery(asked.named("delivery")?).await;
    sent(&asked, outcome).await
}
