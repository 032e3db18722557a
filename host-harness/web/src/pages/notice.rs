//! What just happened, on the page on which it happened; and what a person can do
//! about a fault.

use host_harness::exports::text::line;
use maud::{Markup, html};

use super::parts;
use crate::answer::Fault;

/// What was done, by the word in the address of the page that shows it.
const DONE: [(&str, &str); 26] = [
    ("policies", "The policies are changed, and evaluated over everything."),
    ("unrated", "All ratings are forgotten; priorities are those without them."),
    ("listed", "The repositories are in the list."),
    ("removed", "The repository is removed from the list."),
    ("fields", "What is said of the project's scans is saved."),
    ("pause", "Paused. It is not synced until somebody resumes it."),
    ("resume", "Resumed."),
    ("schedule", "The schedule is set."),
    ("unscheduled", "The schedule is removed: it is synced on request only."),
    ("guard", "The guard against mass removal is set."),
    ("settings", "The vendor has accepted the settings, and they are saved."),
    ("heard", "Events are accepted. Set path and secret at the vendor."),
    ("unheard", "Events are not accepted any more."),
    ("token", "The vendor has accepted the token, and it is sealed in the vault."),
    ("scanner", "The project is a scanner of this repository; it is read from the next sync on."),
    ("mapped", "The mapping is changed."),
    ("mode", "It is set what becomes of new projects."),
    ("accepted", "The proposals are accepted."),
    ("revoked", "The token is revoked."),
    ("discarded", "The setup is discarded; nothing of it is left."),
    ("notified", "The webhook is set. Send a test to see whether it arrives."),
    ("unnotified", "The webhook is removed; what still waited is discarded."),
    (
        "alerted",
        "The alert is set: what newly violates policies is reported from now on. Send a test to see whether it arrives.",
    ),
    ("unalerted", "The alert is removed; what still waited is discarded."),
    ("stop", "The sync stops at the end of its page; the next one goes on there."),
    ("sync", "The sync has not begun yet: the vendor asks to wait. It begins as soon as the vendor lets it."),
];

/// What was done, if the address says that something was.
pub(super) fn done(word: Option<&str>) -> Markup {
    let said = word.and_then(|word| DONE.iter().find(|(known, _)| *known == word));
    html! { @if let Some((_, text)) = said { div.notice.good role="status" { (text) } } }
}

/// What failed, and what to do about it.
pub(super) fn failed(fault: &Fault) -> Markup {
    html! {
        div.notice.bad role="alert" {
            div {
                b { (prose(&parts::sentence(&line(&fault.detail)))) }
                p { (prose(fault.code.about().advice)) }
                p.muted { "Code: " a.link.mono href=(fault.code.address()) { (fault.code.as_str()) } }
            }
        }
    }
}

/// A text of ours in which what is typed stands between backticks.
pub(super) fn prose(text: &str) -> Markup {
    html! { @for (place, part) in text.split('`').enumerate() { @if place % 2 == 1 { code { (part) } } @else { (part) } } }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn only_known_words_of_an_address_are_shown() {
        assert!(done(Some("pause")).into_string().contains("Paused."));
        for word in [None, Some(""), Some("<script>"), Some("nothing")] {
            assert_eq!(done(word).into_string(), "");
        }
    }

    #[test]
    fn a_fault_is_told_with_what_to_do() {
        let fault = Fault {
            status: StatusCode::FORBIDDEN,
            code: host_harness::grant::Code::Unauthorized.into(),
            detail: "the vendor says <no>".to_owned(),
        };
        insta::assert_snapshot!(failed(&fault).into_string(), @r#"<div class="notice bad" role="alert"><div><b>The vendor says &lt;no&gt;.</b><p>Create a new token at the vendor, and give it here.</p><p class="muted">Code: <a class="link mono" href="/problems/unauthorized">unauthorized</a></p></div></div>"#);
    }
}
