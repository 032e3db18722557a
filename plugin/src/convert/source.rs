//! What all functions but `normalize` take and give.

use appsec_model as model;

use super::{FromWit, ToWit, record_to_wit, words_to_wit};
use crate::bindings::appsec::connector::model as wit;

words_to_wit!(Kind { Sast, Sca, AiSast, Secrets, Packages } Other);
record_to_wit!(ProjectRef { id, name });

record_to_wit!(Manifest {
    id,
    name,
    version,
    contract_version,
    vendor,
    kinds,
    settings_schema,
    origins,
    secrets,
    formats,
    webhook,
    oauth,
    write_back
});
record_to_wit!(KindSupport { kind, on_by_default });
record_to_wit!(OriginNeed { purpose, default, setting });
record_to_wit!(SecretNeed { variable, description, placement });
record_to_wit!(SecretHeader { name, template });

impl ToWit for model::SecretPlacement {
    type Wit = wit::SecretPlacement;

    fn to_wit(self) -> wit::SecretPlacement {
        match self {
            Self::Bearer => wit::SecretPlacement::Bearer,
            Self::Header(header) => wit::SecretPlacement::Header(header.to_wit()),
            Self::BasicUser => wit::SecretPlacement::BasicUser,
            Self::BasicPassword => wit::SecretPlacement::BasicPassword,
            Self::Query(name) => wit::SecretPlacement::Query(name),
            Self::OauthClientId => wit::SecretPlacement::OauthClientId,
            Self::OauthClientSecret => wit::SecretPlacement::OauthClientSecret,
            Self::OauthRefreshToken => wit::SecretPlacement::OauthRefreshToken,
        }
    }
}

record_to_wit!(OauthClient { variable, grant, token_url, scope, authentication });
words_to_wit!(OauthGrant { ClientCredentials, RefreshToken });
words_to_wit!(OauthAuthentication { Basic, Body });
record_to_wit!(WriteBack { kinds, decisions, batch, comment_chars, effect });
words_to_wit!(Decision { Reviewing, Fixing, AcceptedRisk, FalsePositive, WontFix, Duplicate, Reopened });
record_to_wit!(DocumentFormat { name, description, kinds });

record_to_wit!(WebhookScheme { signature_header, algorithm, encoding, prefix, timestamp_header, description });
words_to_wit!(SignatureAlgorithm { HmacSha256 } Other);
words_to_wit!(SignatureEncoding { Hex, Base64 });

record_to_wit!(Connection { deployment, kinds, deployment_wide, diagnostics });
record_to_wit!(Deployment { id, slug, name });
record_to_wit!(KindAccess { kind, access });

impl ToWit for model::Access {
    type Wit = wit::Access;

    fn to_wit(self) -> wit::Access {
        match self {
            Self::Readable => wit::Access::Readable,
            Self::Denied { reason } => wit::Access::Denied(reason),
        }
    }
}

record_to_wit!(ProjectPage { projects, next, diagnostics });
record_to_wit!(Project { id, name, url, tags, default_branch, primary_branch, created_at, last_scan_at, archived });

record_to_wit!(RawPage { records, next, diagnostics });
record_to_wit!(RawRecord { kind, id, project, body, gist });
record_to_wit!(Gist { detail, text });
record_to_wit!(Pending { cursor, retry_after_ms });

impl ToWit for model::NextPage {
    type Wit = wit::NextPage;

    fn to_wit(self) -> wit::NextPage {
        match self {
            Self::Cursor(cursor) => wit::NextPage::Cursor(cursor),
            Self::Pending(pending) => wit::NextPage::Pending(pending.to_wit()),
            Self::Complete => wit::NextPage::Complete,
        }
    }
}

/// A record from the host: the names of all its fields.
macro_rules! record_from_wit {
    ($name:ident { $($field:ident),+ }) => {
        impl FromWit for model::$name {
            type Wit = wit::$name;

            fn from_wit(wit: Self::Wit) -> Self {
                let wit::$name { $($field),+ } = wit;
                Self { $($field: FromWit::from_wit($field)),+ }
            }
        }
    };
}

record_to_wit!(DecisionReport { outcomes, also_changed, diagnostics });

impl ToWit for model::DecisionOutcome {
    type Wit = wit::DecisionOutcome;

    fn to_wit(self) -> wit::DecisionOutcome {
        match self {
            Self::Written => wit::DecisionOutcome::Written,
            Self::Refused { reason } => wit::DecisionOutcome::Refused(reason),
        }
    }
}

record_from_wit!(DecisionBatch { kind, decision, comment, ids });

impl FromWit for model::Decision {
    type Wit = wit::Decision;

    fn from_wit(wit: wit::Decision) -> Self {
        match wit {
            wit::Decision::Reviewing => Self::Reviewing,
            wit::Decision::Fixing => Self::Fixing,
            wit::Decision::AcceptedRisk => Self::AcceptedRisk,
            wit::Decision::FalsePositive => Self::FalsePositive,
            wit::Decision::WontFix => Self::WontFix,
            wit::Decision::Duplicate => Self::Duplicate,
            wit::Decision::Reopened => Self::Reopened,
        }
    }
}

record_from_wit!(FetchRequest { kind, scope, since, cursor });
record_from_wit!(ProjectScope { id, name, primary_branch });
record_from_wit!(RawRecord { kind, id, project, body, gist });
record_from_wit!(Gist { detail, text });
record_from_wit!(ProjectRef { id, name });

impl FromWit for model::Document {
    type Wit = wit::Document;

    fn from_wit(wit: wit::Document) -> Self {
        // Field by field: the bytes move as they are.
        let wit::Document { head, content } = wit;
        Self { head: FromWit::from_wit(head), content }
    }
}

impl FromWit for model::DocumentHead {
    type Wit = wit::DocumentHead;

    fn from_wit(wit: wit::DocumentHead) -> Self {
        let wit::DocumentHead { format, name, project, ref_, root } = wit;
        Self { format, name, project: FromWit::from_wit(project), r#ref: ref_, root }
    }
}

record_to_wit!(DocumentSummary {
    format,
    origin,
    tool,
    records,
    kinds,
    names_projects,
    completeness,
    scanned,
    diagnostics
});
record_to_wit!(KindCount { kind, records });

impl ToWit for model::Completeness {
    type Wit = wit::Completeness;

    fn to_wit(self) -> wit::Completeness {
        match self {
            Self::Complete => wit::Completeness::Complete,
            Self::Unknown { reason } => wit::Completeness::Unknown(reason),
            Self::Incomplete { reason } => wit::Completeness::Incomplete(reason),
        }
    }
}

record_to_wit!(Scan {
    id,
    commit,
    commit_title,
    author,
    branch,
    pull_request,
    job_url,
    trigger,
    started_at,
    completed_at
});
record_to_wit!(Author { name, email, username });
record_to_wit!(PullRequest { id, title, author });

record_to_wit!(Event { what, id, projects, kinds });

impl ToWit for model::EventType {
    type Wit = wit::EventType;

    fn to_wit(self) -> wit::EventType {
        match self {
            Self::FindingsChanged => wit::EventType::FindingsChanged,
            Self::ScanFinished => wit::EventType::ScanFinished,
            Self::Ignored { reason } => wit::EventType::Ignored(reason),
        }
    }
}

impl FromWit for model::RawInput {
    type Wit = wit::RawInput;

    fn from_wit(wit: wit::RawInput) -> Self {
        match wit {
            wit::RawInput::Records(records) => Self::Records(FromWit::from_wit(records)),
            wit::RawInput::Document(document) => Self::Document(FromWit::from_wit(document)),
        }
    }
}

impl FromWit for model::Scope {
    type Wit = wit::Scope;

    fn from_wit(wit: wit::Scope) -> Self {
        match wit {
            wit::Scope::Deployment => Self::Deployment,
            wit::Scope::Projects(projects) => Self::Projects(FromWit::from_wit(projects)),
        }
    }
}

impl FromWit for model::Kind {
    type Wit = wit::Kind;

    fn from_wit(wit: wit::Kind) -> Self {
        match wit {
            wit::Kind::Sast => Self::Sast,
            wit::Kind::Sca => Self::Sca,
            wit::Kind::AiSast => Self::AiSast,
            wit::Kind::Secrets => Self::Secrets,
            wit::Kind::Packages => Self::Packages,
            wit::Kind::Other(word) => Self::Other(word),
        }
    }
}
