//! What each code of an error means and what to do about it: for pages that fail, for
//! the pages that the `type` of a problem leads to, and for the reference.

mod library;

use host_harness::grant::{Class, Code};
use http::StatusCode;

/// Below this address each code has a page.
pub(crate) const BASE: &str = "/problems";

/// The code of a fault: one of the library, or one of this server alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FaultCode {
    Library(Code),
    Own(Own),
}

/// What is to be known of a code.
pub(crate) struct About {
    /// What has happened.
    pub means: &'static str,
    /// What to do.
    pub advice: &'static str,
}

const fn about(means: &'static str, advice: &'static str) -> About {
    About { means, advice }
}

macro_rules! own {
    ($($variant:ident $word:literal [$($status:ident)*] $means:literal $advice:literal)*) => {
        /// What goes wrong with requests, before anything of the library is asked.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Own {
            $($variant,)*
        }

        impl Own {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The statuses that it comes with, the usual one first.
            pub const fn statuses(self) -> &'static [StatusCode] {
                match self {
                    $(Self::$variant => &[$(StatusCode::$status),*],)*
                }
            }

            const fn about(self) -> About {
                match self {
                    $(Self::$variant => about($means, $advice),)*
                }
            }
        }
    };
}

own! {
    WrongHost "wrong-host" [MISDIRECTED_REQUEST]
        "The request names another host than the address of this server."
        "Use the address that `harness serve` has printed."
    Proxied "proxied" [FORBIDDEN]
        "The request came through a proxy, behind which everybody would come from this machine."
        "Open the address on this machine, without a proxy. From elsewhere, use a tunnel: ssh -L."
    CrossSite "cross-site" [FORBIDDEN]
        "A page of another site sent the request."
        "Open the page in this server itself, and send the form from there. A program sends a token and no session."
    NotLetIn "not-let-in" [UNAUTHORIZED]
        "The browser has no session here, and the request no token."
        "Open the newest link that `harness serve` has printed in its terminal, or make one with `harness link`: it lets one browser in. A program sends a token: `harness token add`."
    LinkInvalid "link-invalid" [UNAUTHORIZED]
        "The link was used before, or is older than ten minutes."
        "Open the newest link that `harness serve` has printed in its terminal, or make one with `harness link`: it lets one browser in."
    TokenInvalid "token-invalid" [UNAUTHORIZED]
        "The token is not one of this server, or it has expired or was revoked."
        "Add another token, on the page API tokens or with `harness token add`, and send it as `Authorization: Bearer TOKEN`."
    TokenMissing "token-missing" [UNAUTHORIZED]
        "The request has neither a token nor the session of a browser."
        "Send a token as `Authorization: Bearer TOKEN`: `harness token add` makes one."
    TwoCredentials "two-credentials" [BAD_REQUEST]
        "The request has a token and the session of a browser."
        "Send one of them."
    AccessUnavailable "access-unavailable" [SERVICE_UNAVAILABLE]
        "Sessions and the audit log cannot be read or written; what cannot be written down is not done."
        "Check the disk of the data directory, and that its files are writable; then try again."
    NotPermitted "not-permitted" [FORBIDDEN]
        "The role of the token may not do this."
        "Use a token of a role that may: viewer, triager, manager or admin, in this order."
    NotFound "not-found" [NOT_FOUND]
        "Nothing is at the address, or it is of a tenant that the token does not see."
        "Check the address. Names with a slash are written with %2F."
    MethodNotAllowed "method-not-allowed" [METHOD_NOT_ALLOWED]
        "The address is there, and takes no request of this method."
        "Use one of the methods that the header `Allow` lists."
    InvalidField "invalid-field" [UNPROCESSABLE_ENTITY]
        "A field of the form, the query or the body cannot be read as what it is."
        "Correct the field that the message names."
    InvalidBody "invalid-body" [UNPROCESSABLE_ENTITY]
        "The body is not the JSON document that the operation takes."
        "Correct it: /api/v1/openapi.json describes what each operation takes. A name that it does not know is an error."
    BodyRefused "body-refused" [BAD_REQUEST PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE]
        "The body is too large, or broke off on the way."
        "Send at most 1 MiB, or 2 GiB for a file that is imported."
    BodyTooSlow "body-too-slow" [REQUEST_TIMEOUT]
        "The body did not come in time."
        "Try again over a connection that holds."
    IfMatchMissing "if-match-missing" [PRECONDITION_REQUIRED]
        "The change does not name the state that it is for."
        "Get it, and send the `ETag` of that answer as `If-Match`."
    IfMatchFailed "if-match-failed" [PRECONDITION_FAILED]
        "It was changed or removed since it was read, so that the change would overwrite what nobody has seen."
        "Get it again, and send the change for what it is now."
    RequestUnderWay "request-under-way" [CONFLICT]
        "The first request with this `Idempotency-Key` has not ended yet."
        "Try again later with the same key."
    AnswerNotKept "answer-not-kept" [CONFLICT]
        "The first request with this `Idempotency-Key` did its work, and its answer was too long to be kept."
        "Nothing was begun again: `Location` leads to the run, if there is one."
    NotStoppable "not-stoppable" [CONFLICT]
        "The run was not begun by this server, or it is over."
        "Stop it where it was begun: the command line, or another process."
    TooManyWatched "too-many-watched" [SERVICE_UNAVAILABLE]
        "As many runs are watched live as this server takes at one time."
        "Close other pages of runs, or read the run again from time to time."
    TooSlow "too-slow" [GATEWAY_TIMEOUT]
        "The request takes longer than a request may."
        "What it began goes on: look at the runs. A list is faster with a filter."
}

/// What a vendor refuses of what was sent here: the sender may do it, and sent what
/// does not work.
const VENDORS: [Code; 8] = [
    Code::Unauthorized,
    Code::Forbidden,
    Code::MissingScope,
    Code::NoDeployment,
    Code::DeploymentNotFound,
    Code::EgressDenied,
    Code::NoReadableKind,
    Code::KindNotReadable,
];

/// The status of an error of the library.
pub(crate) fn status(code: Code) -> StatusCode {
    match code.class() {
        _ if VENDORS.contains(&code) => StatusCode::UNPROCESSABLE_ENTITY,
        // Something that was named is not there.
        Class::Usage if code.as_str().ends_with("-not-found") => StatusCode::NOT_FOUND,
        Class::Usage => StatusCode::BAD_REQUEST,
        Class::Refused => StatusCode::FORBIDDEN,
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Class::Conflict => StatusCode::CONFLICT,
        Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl FaultCode {
    /// All of them, by word.
    pub fn all() -> Vec<Self> {
        let own = Own::ALL.iter().map(|it| Self::Own(*it));
        let mut all: Vec<Self> = own.chain(Code::ALL.iter().map(|it| Self::Library(*it))).collect();
        all.sort_by_key(|it| it.as_str());
        all
    }

    /// The code of a word.
    pub fn named(word: &str) -> Option<Self> {
        Self::all().into_iter().find(|it| it.as_str() == word)
    }

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Library(code) => code.as_str(),
            Self::Own(own) => own.as_str(),
        }
    }

    /// What it means, and what to do.
    pub const fn about(self) -> About {
        match self {
            Self::Library(code) => library::of(code),
            Self::Own(own) => own.about(),
        }
    }

    /// The statuses that it comes with.
    pub fn statuses(self) -> Vec<StatusCode> {
        match self {
            Self::Library(code) => vec![status(code)],
            Self::Own(own) => own.statuses().to_vec(),
        }
    }

    /// The address of its page.
    pub fn address(self) -> String {
        format!("{BASE}/{}", self.as_str())
    }
}

impl From<Code> for FaultCode {
    fn from(code: Code) -> Self {
        Self::Library(code)
    }
}

impl From<Own> for FaultCode {
    fn from(own: Own) -> Self {
        Self::Own(own)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write};

    use super::*;

    #[test]
    fn every_code_is_another_word_and_says_in_sentences_what_it_means_and_what_to_do() {
        let all = FaultCode::all();
        let words: BTreeSet<&str> = all.iter().map(|it| it.as_str()).collect();
        assert_eq!(words.len(), all.len());
        for code in all {
            let About { means, advice } = code.about();
            for text in [means, advice] {
                assert!(
                    text.ends_with('.') && text.starts_with(char::is_uppercase) || text.starts_with('`'),
                    "{code:?}: {text}"
                );
            }
            assert!(!code.statuses().is_empty(), "{code:?}");
        }
    }

    #[test]
    fn the_reference_lists_every_problem() {
        let mut text = String::from(
            "# Problems of the HTTP API\n\nThe `code` of a problem is stable. Its `type` is `/problems/CODE`, a page that says the \
             same as this one. Codes of the command line are the same.\n\nThis page is generated, and checked by a test.\n\n\
             | code | status | what it means | what to do |\n|---|---|---|---|\n",
        );
        for code in FaultCode::all() {
            let statuses: Vec<String> = code.statuses().iter().map(|it| it.as_u16().to_string()).collect();
            let About { means, advice } = code.about();
            writeln!(text, "| `{}` | {} | {means} | {advice} |", code.as_str(), statuses.join(", ")).unwrap();
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/problems.md");
        if std::fs::read_to_string(path).unwrap_or_default() != text {
            std::fs::write(path, text).unwrap();
            panic!("docs/reference/problems.md differed and is rewritten: read what changed, and run the tests again");
        }
    }
}
