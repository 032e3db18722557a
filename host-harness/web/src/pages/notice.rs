//! What just happened, on the page on which it happened; and what a person can do
//! about a fault.

use host_harness::text::line;
use maud::{Markup, html};

use super::parts;
use crate::answer::Fault;

/// What was done, by the word in the address of the page that shows it.
const DONE: [(&str, &str); 14] = [
    ("test", "Connection successful."),
    ("pause", "Paused. It is not synced until somebody resumes it."),
    ("resume", "Resumed."),
    ("schedule", "The schedule is set."),
    ("unscheduled", "The schedule is removed: it is synced on request only."),
    ("guard", "The guard against mass removal is set."),
    ("settings", "The vendor has accepted the settings, and they are saved."),
    ("token", "The vendor has accepted the token, and it is sealed in the vault."),
    ("mapped", "The mapping is changed."),
    ("accepted", "The proposals are accepted."),
    ("revoked", "The token is revoked."),
    ("discarded", "The setup is discarded; nothing of it is left."),
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
                b { (parts::sentence(&line(&fault.detail))) }
                @if let Some(advice) = advice(fault.code) { p { (advice) } }
                p.muted { "Code: " span.mono { (fault.code) } }
            }
        }
    }
}

/// What a person in front of a page can do about a fault.
pub(super) fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "not-let-in" | "link-invalid" => {
            "Open the newest link that `harness serve` has printed in its terminal, or make one with `harness link`: it lets \
             one browser in."
        }
        "wrong-host" => "Use the address that `harness serve` has printed.",
        "proxied" => "Open the address on this machine, without a proxy. From elsewhere, use a tunnel: ssh -L.",
        "cross-site" => "Open the page in this server itself, and send the form from there.",
        "unauthorized" => "Create a new token at the vendor, and give it here.",
        "forbidden" => "The token is valid but lacks a permission: ask its owner to grant it at the vendor.",
        "missing-scope" => {
            "Make sure that the token has the scope for the vendor's Web API, and that the deployment's name is right."
        }
        "deployment-not-found" => "Correct the name of the deployment under “More settings”, or leave it out.",
        "no-deployment" => {
            "Sign in to the vendor, make sure that there is an active deployment, and create the token there."
        }
        "rate-limited" => "Nothing is lost: try again later.",
        "unavailable" | "protocol" => {
            "Check that the vendor's address under “More settings” is right and reachable from this machine."
        }
        "egress-denied" => {
            "If the address is one of this machine or network on purpose, tick the box below it; only then may it be reached."
        }
        "secret" | "secret-not-given" => "Type the token into the form.",
        "vault-key" => "The key of the vault is not given: start `harness serve` with --vault-key-file.",
        "vault-key-mismatch" => "Start `harness serve` with the key that this tenant's vault was sealed with.",
        "instance-exists" | "onboarding-exists" => "Choose another name.",
        "account-mismatch" => "Use a token of the same account, or add another instance for this one.",
        "locked" => "Wait until the work on it has ended, then try again.",
        "paused" => "Resume it first.",
        "not-confirmed" => "Type the name exactly as it is shown.",
        "findings-undecided" => "Choose what becomes of its findings.",
        "onboarding-connector-changed" => "The connector is another one by now: discard this setup and begin anew.",
        "store-busy" => "Try again in a moment.",
        _ => return None,
    })
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
        let fault =
            Fault { status: StatusCode::FORBIDDEN, code: "unauthorized", detail: "the vendor says <no>".to_owned() };
        insta::assert_snapshot!(failed(&fault).into_string(), @r#"<div class="notice bad" role="alert"><div><b>The vendor says &lt;no&gt;.</b><p>Create a new token at the vendor, and give it here.</p><p class="muted">Code: <span class="mono">unauthorized</span></p></div></div>"#);
    }
}
