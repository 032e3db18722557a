//! What an alert says, in the forms that receivers take. Texts of others are
//! data in each of them: no mention, no link, no markup, no header.

use appsec_exports::text::{line, short};
use appsec_model::Timestamp;
use appsec_store::FindingRow;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// Findings that a message lists; of more it says how many.
pub(crate) const LISTED: u32 = 50;

/// Findings that a chat shows: a message there may have 28 KiB.
const IN_CHAT: usize = 20;

/// Signs of a title and of a place.
const SIGNS: usize = 160;

/// Findings that newly violate policies.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AlertEvent {
    /// Name of the tenant.
    pub tenant: String,
    /// Name of the instance.
    pub instance: String,
    /// The run that found the first of them.
    pub run: Option<i64>,
    /// When that was noticed.
    pub at: Timestamp,
    /// How many findings there are.
    pub total: u64,
    /// The most urgent of them, at most 50.
    pub findings: Vec<AlertFinding>,
}

/// A finding that newly violates policies.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AlertFinding {
    /// Ids of the policies that it violates since.
    pub policies: Vec<String>,
    /// The finding.
    #[serde(flatten)]
    pub finding: FindingRow,
}

impl AlertFinding {
    /// It on a line.
    fn line(&self) -> String {
        let it = &self.finding;
        let place = match (&it.path, it.start_line, &it.package) {
            (Some(path), Some(line), _) => format!("{path}:{line}"),
            (Some(path), None, _) => path.clone(),
            (None, _, package) => package.clone().unwrap_or_default(),
        };
        let place = [it.project.as_str(), &place].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ");
        let text = format!(
            "{} {}: {} ({}) violates {}; finding {}",
            it.severity.as_str(),
            it.priority,
            short(&it.title, SIGNS),
            short(&place, SIGNS),
            self.policies.join(", "),
            it.id
        );
        line(&text).into_owned()
    }
}

impl AlertEvent {
    /// What it is about, in a line.
    fn headline(&self) -> String {
        let verb = if self.total == 1 { "violates" } else { "violate" };
        let count = appsec_grant::counted(self.total, "new finding");
        format!("{}/{}: {count} {verb} policies", self.tenant, self.instance)
    }

    /// The findings in lines, at most so many, and a line for those that are not there.
    fn lines(&self, most: usize) -> Vec<String> {
        let mut lines: Vec<String> = self.findings.iter().take(most).map(AlertFinding::line).collect();
        let left = self.total.saturating_sub(lines.len() as u64);
        if left > 0 {
            lines.push(format!("and {left} more"));
        }
        lines
    }
}

/// What is sent to a receiver that shows lines.
pub(crate) struct Note {
    headline: String,
    in_chat: Vec<String>,
    in_mail: Vec<String>,
}

impl Note {
    /// Of findings.
    pub fn of(event: &AlertEvent) -> Self {
        Self { headline: event.headline(), in_chat: event.lines(IN_CHAT), in_mail: event.lines(LISTED as usize) }
    }

    /// A test.
    pub fn test(tenant: &str, instance: &str) -> Self {
        let headline = format!("{tenant}/{instance}: this is a test");
        Self { headline, in_chat: Vec::new(), in_mail: Vec::new() }
    }

    /// The body for an incoming webhook of Slack: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.
    pub fn slack(&self) -> Value {
        // These three signs begin mentions and links, whatever else is switched off.
        let escaped = |text: &String| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let lines = std::iter::once(&self.headline).chain(&self.in_chat).map(escaped);
        json!({
            "text": lines.collect::<Vec<_>>().join("\n"),
            "mrkdwn": false,
            "unfurl_links": false,
            "unfurl_media": false,
        })
    }

    /// A message with an adaptive card, for a workflow of Teams: <https://adaptivecards.io/explorer>.
    pub fn teams(&self) -> Value {
        // Text runs know no markup; text blocks do.
        let run = |text: &String| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text }] });
        let head = json!({
            "type": "RichTextBlock",
            "inlines": [{ "type": "TextRun", "text": self.headline, "weight": "Bolder" }],
        });
        let body: Vec<Value> = std::iter::once(head).chain(self.in_chat.iter().map(run)).collect();
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": body,
                },
            }],
        })
    }

    /// A mail as RFC 5322 has it, for `sendmail -t`. `id` is the same in every try.
    pub fn mail(&self, from: &str, to: &str, id: &str, at: Timestamp) -> String {
        // A line of a mail may have 998 bytes; one of ours is a paragraph.
        let wrapped = self.in_mail.iter().map(|it| format!("* {}\n", wrap(it)));
        let body = std::iter::once(format!("{}\n\n", self.headline)).chain(wrapped).collect::<String>();
        let date = httpdate::fmt_http_date(
            std::time::UNIX_EPOCH + std::time::Duration::from_micros(u64::try_from(at.as_micros()).unwrap_or_default()),
        )
        .replace("GMT", "+0000");
        // Names of tenants and instances are plain ASCII, and so are the other headers.
        format!(
            "From: {from}\nTo: {to}\nSubject: {}\nDate: {date}\nMessage-ID: <{id}@appsec-harness.invalid>\n\
             Auto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: 8bit\n\n{body}",
            self.headline
        )
    }
}

/// A text in lines of a mail.
fn wrap(text: &str) -> String {
    const COLUMNS: usize = 200;
    let mut lines = vec![String::new()];
    for sign in text.chars() {
        let is_full = lines.last().is_some_and(|line| line.chars().count() >= COLUMNS);
        if is_full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push(sign);
        }
    }
    lines.join("\n  ")
}

#[cfg(test)]
mod tests;
