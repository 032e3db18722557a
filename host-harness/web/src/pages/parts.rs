//! Small parts that pages share. Texts of vendors and of files pass through
//! [`text()`]: what cannot be seen or turns the direction of writing is shown as a
//! sign, and stays apart from what stands beside it.

use appsec_model::{Access, KindAccess, Severity, Timestamp};
use host_harness::{
    columns::Tone,
    exports::text as clean,
    store::{Total, TotalIs},
};
use maud::{Markup, html};
use url::Url;

use super::Section;
use crate::{answer::Fault, asked::Asked};

/// A text of somebody else, on one line.
pub(super) fn text(text: &str) -> Markup {
    html! { bdi { (clean::line(text)) } }
}

/// A text of somebody else in which names stand between backticks.
pub(super) fn prose(text: &str) -> Markup {
    let text = clean::line(text);
    html! { bdi { @for (place, part) in text.split('`').enumerate() { @if place % 2 == 1 { code { (part) } } @else { (part) } } } }
}

/// A text of somebody else, of several lines.
pub(super) fn block(text: &str) -> Markup {
    html! { bdi { (clean::lines(text)) } }
}

/// A sentence that begins with a capital letter and ends with a full stop.
pub(super) fn sentence(text: &str) -> String {
    let text = clean::line(text);
    let mut signs = text.chars();
    let first = signs.next().map(|sign| sign.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{first}{}{end}", signs.as_str())
}

/// A message of several lines on one.
pub(super) fn joined(message: &str) -> Markup {
    text(&clean::joined(message))
}

/// A message: its first line, and below it the others.
pub(super) fn message(message: &str) -> Markup {
    let mut lines = message.lines();
    html! {
        b { (sentence(lines.next().unwrap_or_default())) }
        @for line in lines { div { (text(line.trim())) } }
    }
}

/// A link to an address that somebody else gave: only of the web.
pub(super) fn link(address: &str, name: &str) -> Markup {
    let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    html! {
        @match url {
            Some(url) => a.link href=(url) rel="noopener noreferrer" { (text(name)) },
            None => (text(name)),
        }
    }
}

/// A name as a part of an address.
pub(super) fn segment(name: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    name.replace('+', "%20")
}

/// A severity: the word, and so many lit bars.
pub(super) fn severity(severity: Severity) -> Markup {
    html! { span class=(format!("sev {}", severity_class(severity))) { (bars(severity)) (severity_word(severity)) } }
}

pub(super) fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "s-critical",
        Severity::High => "s-high",
        Severity::Medium => "s-medium",
        Severity::Low => "s-low",
        _ => "s-info",
    }
}

pub(super) fn severity_word(severity: Severity) -> String {
    let word = severity.as_str();
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// Bars: how many are lit is the severity.
pub(super) fn bars(severity: Severity) -> Markup {
    let lit = match severity {
        Severity::Critical => 4,
        Severity::High => 3,
        Severity::Medium => 2,
        Severity::Low => 1,
        _ => 0,
    };
    // As few bytes as may be: they stand in every row of a list.
    let bars = ["M0 9h3v5H0z", "M4 6h3v8H4z", "M8 3h3v11H8z", "M12 0h3v14h-3z"];
    let (lit, unlit) = bars.split_at_checked(lit).unwrap_or((&bars, &[]));
    html! {
        svg class=(format!("bars {}", severity_class(severity))) viewBox="0 0 15 14" aria-hidden="true" {
            @if !lit.is_empty() { path.lit d=(lit.concat()) {} }
            @if !unlit.is_empty() { path d=(unlit.concat()) {} }
        }
    }
}

/// A state by its word, with a colour that says whether it asks for work.
pub(super) fn state(word: &str) -> Markup {
    let class = match Tone::of(word) {
        Tone::Good => "tag good",
        Tone::Attention => "tag warn",
        Tone::Bad => "tag bad",
        Tone::Neutral => "tag",
    };
    html! { span class=(class) { (clean::line(word)) } }
}

/// What a vendor says of whether a vulnerable part of a package is reached.
pub(super) fn reachability(verdict: &str) -> Markup {
    let class = match verdict {
        "reachable" | "always-reachable" => "tag bad",
        "conditionally-reachable" => "tag warn",
        "unreachable" => "tag good",
        _ => "tag",
    };
    html! { span class=(class) { (clean::line(verdict)) } }
}

/// Kinds, and whether the token reads them.
pub(super) fn kinds(kinds: &[KindAccess]) -> Markup {
    html! {
        @for it in kinds {
            @let readable = matches!(it.access, Access::Readable);
            span.tag.good[readable].warn[!readable] { (it.kind.as_str()) @if !readable { ", refused" } } " "
        }
    }
}

/// How old something is, with the moment in full where a mouse points at it.
pub(super) fn old(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(moment(at)) { (age(at, now)) } }
}

/// How long ago something was.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { (old(at, now)) @if at.as_micros() <= now.as_micros() - 60_000_000 { " ago" } }
}

/// A moment in full, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    host_harness::moment(at)
}

fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_micros().saturating_sub(at.as_micros()) / 1_000_000;
    match seconds {
        ..0 => "in the future".to_owned(),
        0..60 => "just now".to_owned(),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A number with commas between its thousands.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// How many there are, as far as it is known.
pub(super) fn total(total: Total) -> String {
    match total.total_is {
        TotalIs::Exact => number(total.total),
        TotalIs::AtLeast => format!("more than {}", number(total.total)),
    }
}

/// A number and its noun.
pub(super) fn counted(count: u64, noun: &str) -> String {
    let all = host_harness::grant::counted(count, noun);
    all.replacen(&count.to_string(), &number(count), 1)
}

/// A text to be copied; the script adds the button that does it.
pub(super) fn copied(text: &str) -> Markup {
    html! { div.copied { code { (clean::line(text)) } button.quiet type="button" data-copy=(clean::line(text)) hidden { "Copy" } } }
}

/// A text as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = text.chars().all(|sign| sign.is_ascii_alphanumeric() || "/._-".contains(sign));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// A name and a value of a list of facts; nothing where there is no value.
pub(super) fn fact(name: &str, value: Option<Markup>) -> Markup {
    html! { @if let Some(value) = value { dt { (name) } dd { (value) } } }
}

/// That a list shows nothing: without a filter it is asked whether anything was
/// looked at, as what nobody has scanned is not clean.
pub(super) async fn nothing(asked: &Asked, is_filtered: bool, here: &str) -> Result<Markup, Fault> {
    let tenant = asked.tenant.id().as_str();
    let has_sources = is_filtered || !asked.tenant.instances().await?.is_empty();
    Ok(empty(&html! {
        @match (is_filtered, has_sources) {
            (true, _) => { "Nothing is found. " a.link href=(here) { "Remove all filters" } },
            (_, false) => (no_source(tenant)),
            (_, true) => { "Nothing that is known is open. " a.link href=(Section::Coverage.of(tenant)) { "What was looked at, and what was not" } },
        }
    }))
}

/// That there is no source, and how there is one.
pub(super) fn no_source(tenant: &str) -> Markup {
    html! {
        "No source is set up yet. " a.link href=(Section::Sources.of(tenant)) { "Add a source" } " or " a.link href=(Section::Import.of(tenant)) { "import a report" } "."
    }
}

/// A page of a list that shows nothing, and why.
pub(super) fn empty(why: &Markup) -> Markup {
    html! { div.empty { (why) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn what_others_wrote_is_text() {
        insta::assert_snapshot!(text("<b onclick=x>\u{202e}&\n\"").into_string(), @r#"<bdi>&lt;b onclick=x&gt;&lt;U+202E&gt;&amp;␤&quot;</bdi>"#);
        insta::assert_snapshot!(block("a\u{7}\n<script>").into_string(), @r#"
    <bdi>a␇
    &lt;script&gt;</bdi>
    "#);
    }

    #[test]
    fn only_addresses_of_the_web_are_links() {
        insta::assert_snapshot!(link("https://example.com/?a=1&b=\"", "name").into_string(), @r#"<a class="link" href="https://example.com/?a=1&amp;b=%22" rel="noopener noreferrer"><bdi>name</bdi></a>"#);
        for address in ["javascript:alert(1)", "data:text/html,x", "/relative", "http:", " vbscript:x", "file:///etc"] {
            assert_eq!(link(address, "name").into_string(), "<bdi>name</bdi>", "{address}");
        }
    }

    #[test]
    fn numbers_and_ages_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "finding"), "1 finding");
        assert_eq!(counted(12_345, "finding"), "12,345 findings");
        let ages =
            [-5, 0, 59, 60, 3_599, 3_600, 86_399, 86_400, 864_000].map(|ago| age(at(1_000_000 - ago), at(1_000_000)));
        assert_eq!(ages, ["in the future", "just now", "just now", "1 min", "59 min", "1 h", "23 h", "1 d", "10 d"]);
    }

    #[test]
    fn a_sentence_begins_and_ends_as_one() {
        assert_eq!(sentence("there is none"), "There is none.");
        assert_eq!(sentence("Élan?"), "Élan?");
        assert_eq!(sentence(""), ".");
    }
}
