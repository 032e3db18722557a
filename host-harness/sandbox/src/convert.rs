//! Between the generated types and those of the model.
//!
//! The two have the same fields under the same names, so that a conversion is
//! a list of them; the compiler refuses one that is not complete.

use appsec_model as model;

use super::bindings::appsec::connector::model as wit;

/// A generated value as one of the model.
pub(super) trait IntoModel {
    type Model;
    fn into_model(self) -> Self::Model;
}

/// A value of the model as a generated one.
pub(super) trait IntoWit {
    type Wit;
    fn into_wit(self) -> Self::Wit;
}

macro_rules! same {
    ($($type:ty),+) => { $(
        impl IntoModel for $type {
            type Model = $type;
            fn into_model(self) -> $type { self }
        }
        impl IntoWit for $type {
            type Wit = $type;
            fn into_wit(self) -> $type { self }
        }
    )+ };
}

same!(String, bool, u16, u32, u64, f64, Vec<String>, Vec<u8>);

impl<T: IntoModel> IntoModel for Option<T> {
    type Model = Option<T::Model>;
    fn into_model(self) -> Self::Model {
        self.map(T::into_model)
    }
}

impl<T: IntoWit> IntoWit for Option<T> {
    type Wit = Option<T::Wit>;
    fn into_wit(self) -> Self::Wit {
        self.map(T::into_wit)
    }
}

macro_rules! lists {
    ($($type:ident),+ $(,)?) => { $(
        impl IntoModel for Vec<wit::$type> {
            type Model = Vec<model::$type>;
            fn into_model(self) -> Self::Model {
                self.into_iter().map(IntoModel::into_model).collect()
            }
        }
    )+ };
}

lists!(
    AdvisoryId,
    Cwe,
    Decision,
    DecisionOutcome,
    Diagnostic,
    DocumentFormat,
    Finding,
    FlowStep,
    FixFailure,
    FixRequest,
    Kind,
    KindAccess,
    KindCount,
    KindSupport,
    OriginNeed,
    Owasp,
    Package,
    Project,
    ProjectRef,
    RawRecord,
    ReviewComment,
    Rule,
    SecretNeed,
    SettingProblem,
    Ticket,
    Upgrade,
);

/// Timestamps are the only numbers with a type of their own.
impl IntoModel for wit::Timestamp {
    type Model = model::Timestamp;
    fn into_model(self) -> model::Timestamp {
        model::Timestamp::from_micros(self)
    }
}

macro_rules! records {
    ($($type:ident { $($field:ident),+ $(,)? })+) => { $(
        impl IntoModel for wit::$type {
            type Model = model::$type;
            fn into_model(self) -> model::$type {
                model::$type { $($field: self.$field.into_model()),+ }
            }
        }
    )+ };
}

records! {
    AdvisoryId { source, id }
    Author { name, email, username }
    Assistance { verdict, guidance, autofix, rule_explanation, component, impact }
    Component { tag, risk }
    Connection { deployment, kinds, deployment_wide, diagnostics }
    Cwe { number, name, text }
    DecisionReport { outcomes, also_changed, diagnostics }
    Dependency {
        package, transitivity, lockfile_url, lockfile, introduced_by, affected_range, advisories, reachability, fix,
        epss, malicious
    }
    Deployment { id, slug, name }
    Diagnostic { level, code, index, id, pointer, message }
    DocumentFormat { name, description, kinds }
    DocumentSummary { format, origin, tool, records, kinds, names_projects, completeness, scanned, diagnostics }
    Epss { score, percentile }
    Error { code, detail, subject, did_you_mean, status, retry_after_ms, problems }
    Event { what, id, projects, kinds }
    Explanation { summary, text }
    FlowStep { role, location, content }
    FixFailure { reason, created_at }
    FixRequest { url, created_at }
    Gist { detail, text }
    History { commit, blob, committed_at }
    Identity { key, algorithm, aliases }
    KindAccess { kind, access }
    KindCount { kind, records }
    KindSupport { kind, on_by_default }
    LeakedSecret { service, validation, history, visibility }
    Lifecycle { scan_state, triage, status, created_at, relevant_since, state_changed_at }
    Location { path, start_line, start_column, end_line, end_column }
    Manifest {
        id, name, version, contract_version, vendor, kinds, settings_schema, origins, secrets, formats, webhook, oauth,
        write_back
    }
    Normalized { findings, rules, packages, diagnostics }
    OauthClient { variable, grant, token_url, scope, authentication }
    OriginNeed { purpose, default, setting }
    Owasp { code, edition, name, text }
    Package {
        index, project, package, transitivity, lockfile_url, lockfile, committed_at, licenses, resolved_url,
        introduced_by
    }
    Pending { cursor, retry_after_ms }
    PackageVersion { name, version, ecosystem, purl }
    Policy { id, name, slug }
    Project {
        id, name, url, tags, default_branch, primary_branch, created_at, last_scan_at, archived
    }
    ProjectPage { projects, next, diagnostics }
    ProjectRef { id, name }
    PullRequest { id, title, author }
    RawPage { records, next, diagnostics }
    RawRecord { kind, id, project, body, gist }
    Reachability { verdict, condition, usage }
    ReviewComment { discussion_id, note_id }
    Rule {
        id, name, message, confidence, category, subcategories, vulnerability_classes, cwes, owasp,
        technologies, likelihood, impact, url, references
    }
    Scan {
        id, commit, commit_title, author, branch, pull_request, job_url, trigger, started_at, completed_at
    }
    SecretHeader { name, template }
    SecretNeed { variable, description, placement }
    SettingProblem { key, problem }
    Ticket { key, url, id, linked }
    Triage { state, reason, comment, at }
    Upgrade { package, version }
    Usage { location, url }
    Verdict { conclusion, reason }
    WebhookScheme { signature_header, algorithm, encoding, prefix, timestamp_header, description }
    WriteBack { kinds, decisions, batch, comment_chars, effect }
}

impl IntoModel for wit::Finding {
    type Model = model::Finding;
    fn into_model(self) -> model::Finding {
        model::Finding {
            index: self.index,
            id: self.id,
            identity: self.identity.into_model(),
            kind: self.kind.into_model(),
            project: self.project.into_model(),
            repository_url: self.repository_url,
            r#ref: self.ref_,
            title: self.title,
            message: self.message,
            rule_id: self.rule_id,
            severity: self.severity.into_model(),
            vendor_severity: self.vendor_severity,
            confidence: self.confidence.into_model(),
            categories: self.categories,
            security: self.security,
            location: self.location.into_model(),
            code_url: self.code_url,
            snippet: self.snippet,
            flow: self.flow.into_model(),
            suggested_fix: self.suggested_fix,
            dependency: self.dependency.into_model(),
            secret: self.secret.into_model(),
            lifecycle: self.lifecycle.into_model(),
            assistance: self.assistance.into_model(),
            policy: self.policy.into_model(),
            tickets: self.tickets.into_model(),
            review_comments: self.review_comments.into_model(),
            fix_requests: self.fix_requests.into_model(),
            fix_failures: self.fix_failures.into_model(),
            first_seen_scan: self.first_seen_scan,
        }
    }
}

macro_rules! enums {
    ($($type:ident { $($case:ident),+ $(,)? })+) => { $(
        impl IntoModel for wit::$type {
            type Model = model::$type;
            fn into_model(self) -> model::$type {
                match self { $(Self::$case => model::$type::$case),+ }
            }
        }
    )+ };
}

enums! {
    AdvisorySource { Cve, Ghsa, Mal, Other }
    Decision { Reviewing, Fixing, AcceptedRisk, FalsePositive, WontFix, Duplicate, Reopened }
    DiagnosticLevel { Warning, Skipped, Error }
    ErrorCode {
        InvalidSettings, NotConfigured, Unauthorized, Forbidden, MissingScope, NoDeployment, DeploymentNotFound,
        ProjectNotFound, RateLimited, Unavailable, EgressDenied, Protocol, InvalidCursor, Unsupported, Limit, Internal
    }
    FlowRole { Source, Step, Sink }
    OauthAuthentication { Basic, Body }
    OauthGrant { ClientCredentials, RefreshToken }
    Severity { Critical, High, Medium, Low, Info, Unknown }
    SignatureEncoding { Hex, Base64 }
}

/// Open enumerations. A guest may put a word that has a case of its own into
/// `other`; it is the same value all the same.
macro_rules! open_enums {
    ($($type:ident { $($case:ident),+ $(,)? })+) => { $(
        impl IntoModel for wit::$type {
            type Model = model::$type;
            fn into_model(self) -> model::$type {
                match self {
                    $(Self::$case => model::$type::$case,)+
                    Self::Other(word) => word.into(),
                }
            }
        }
    )+ };
}

open_enums! {
    Conclusion { TruePositive, FalsePositive }
    Confidence { High, Medium, Low }
    Ecosystem {
        Npm, Pypi, Go, Cargo, Maven, Gem, Composer, Nuget, Pub, Swift, Hex, Mix, Cocoapods, Opam, NoPackageManager
    }
    Kind { Sast, Sca, AiSast, Secrets, Packages }
    ReachabilityVerdict { AlwaysReachable, Reachable, ConditionallyReachable, Unreachable, NotAnalyzed }
    ScanState { Unresolved, Fixed, Muted, Removed }
    SignatureAlgorithm { HmacSha256 }
    Status { Open, Reviewing, Fixing, Ignored, ProvisionallyIgnored, Fixed, Unknown }
    Transitivity { Direct, Transitive, Unknown }
    TriageState { Untriaged, Reviewing, Fixing, Ignored, ProvisionallyIgnored, Reopened }
    Validation { ConfirmedValid, ConfirmedInvalid, ValidationError, NoValidator, NotSaid }
    Visibility { Public, Private, Unknown }
}

impl IntoModel for wit::Access {
    type Model = model::Access;
    fn into_model(self) -> model::Access {
        match self {
            Self::Readable => model::Access::Readable,
            Self::Denied(reason) => model::Access::Denied { reason },
        }
    }
}

impl IntoModel for wit::Completeness {
    type Model = model::Completeness;
    fn into_model(self) -> model::Completeness {
        match self {
            Self::Complete => model::Completeness::Complete,
            Self::Unknown(reason) => model::Completeness::Unknown { reason },
            Self::Incomplete(reason) => model::Completeness::Incomplete { reason },
        }
    }
}

impl IntoModel for wit::DecisionOutcome {
    type Model = model::DecisionOutcome;
    fn into_model(self) -> model::DecisionOutcome {
        match self {
            Self::Written => model::DecisionOutcome::Written,
            Self::Refused(reason) => model::DecisionOutcome::Refused { reason },
        }
    }
}

impl IntoModel for wit::EventType {
    type Model = model::EventType;
    fn into_model(self) -> model::EventType {
        match self {
            Self::FindingsChanged => model::EventType::FindingsChanged,
            Self::ScanFinished => model::EventType::ScanFinished,
            Self::Ignored(reason) => model::EventType::Ignored { reason },
        }
    }
}

impl IntoModel for wit::Fix {
    type Model = model::Fix;
    fn into_model(self) -> model::Fix {
        match self {
            Self::NotSaid => model::Fix::NotSaid,
            Self::NoneKnown => model::Fix::NoneKnown,
            Self::Upgrades(upgrades) => model::Fix::Upgrades { upgrades: upgrades.into_model() },
        }
    }
}

impl IntoModel for wit::NextPage {
    type Model = model::NextPage;
    fn into_model(self) -> model::NextPage {
        match self {
            Self::Cursor(cursor) => model::NextPage::Cursor(cursor),
            Self::Pending(pending) => model::NextPage::Pending(pending.into_model()),
            Self::Complete => model::NextPage::Complete,
        }
    }
}

impl IntoModel for wit::SecretPlacement {
    type Model = model::SecretPlacement;
    fn into_model(self) -> model::SecretPlacement {
        match self {
            Self::Bearer => model::SecretPlacement::Bearer,
            Self::Header(header) => model::SecretPlacement::Header(header.into_model()),
            Self::BasicUser => model::SecretPlacement::BasicUser,
            Self::BasicPassword => model::SecretPlacement::BasicPassword,
            Self::Query(name) => model::SecretPlacement::Query(name),
            Self::OauthClientId => model::SecretPlacement::OauthClientId,
            Self::OauthClientSecret => model::SecretPlacement::OauthClientSecret,
            Self::OauthRefreshToken => model::SecretPlacement::OauthRefreshToken,
        }
    }
}

// ---- Into the guest ---------------------------------------------------------

impl IntoWit for model::Kind {
    type Wit = wit::Kind;
    fn into_wit(self) -> wit::Kind {
        match self {
            Self::Sast => wit::Kind::Sast,
            Self::Sca => wit::Kind::Sca,
            Self::AiSast => wit::Kind::AiSast,
            Self::Secrets => wit::Kind::Secrets,
            Self::Packages => wit::Kind::Packages,
            Self::Other(word) => wit::Kind::Other(word),
        }
    }
}

impl IntoWit for model::ProjectRef {
    type Wit = wit::ProjectRef;
    fn into_wit(self) -> wit::ProjectRef {
        wit::ProjectRef { id: self.id, name: self.name }
    }
}

impl IntoWit for model::ProjectScope {
    type Wit = wit::ProjectScope;
    fn into_wit(self) -> wit::ProjectScope {
        wit::ProjectScope { id: self.id, name: self.name, primary_branch: self.primary_branch }
    }
}

impl IntoWit for model::FetchRequest {
    type Wit = wit::FetchRequest;
    fn into_wit(self) -> wit::FetchRequest {
        wit::FetchRequest {
            kind: self.kind.into_wit(),
            scope: match self.scope {
                model::Scope::Deployment => wit::Scope::Deployment,
                model::Scope::Projects(projects) => {
                    wit::Scope::Projects(projects.into_iter().map(IntoWit::into_wit).collect())
                }
            },
            since: self.since.map(model::Timestamp::as_micros),
            cursor: self.cursor,
        }
    }
}

impl IntoWit for model::DecisionBatch {
    type Wit = wit::DecisionBatch;
    fn into_wit(self) -> wit::DecisionBatch {
        let Self { kind, decision, comment, ids } = self;
        wit::DecisionBatch { kind: kind.into_wit(), decision: decision.into_wit(), comment, ids }
    }
}

impl IntoWit for model::Decision {
    type Wit = wit::Decision;
    fn into_wit(self) -> wit::Decision {
        match self {
            Self::Reviewing => wit::Decision::Reviewing,
            Self::Fixing => wit::Decision::Fixing,
            Self::AcceptedRisk => wit::Decision::AcceptedRisk,
            Self::FalsePositive => wit::Decision::FalsePositive,
            Self::WontFix => wit::Decision::WontFix,
            Self::Duplicate => wit::Decision::Duplicate,
            Self::Reopened => wit::Decision::Reopened,
        }
    }
}

impl IntoWit for model::Gist {
    type Wit = wit::Gist;
    fn into_wit(self) -> wit::Gist {
        wit::Gist { detail: self.detail, text: self.text }
    }
}

impl IntoWit for model::RawRecord {
    type Wit = wit::RawRecord;
    fn into_wit(self) -> wit::RawRecord {
        wit::RawRecord {
            kind: self.kind.into_wit(),
            id: self.id,
            project: self.project.into_wit(),
            body: self.body,
            gist: self.gist.into_wit(),
        }
    }
}

impl IntoWit for model::RawInput {
    type Wit = wit::RawInput;
    fn into_wit(self) -> wit::RawInput {
        match self {
            Self::Records(records) => wit::RawInput::Records(records.into_iter().map(IntoWit::into_wit).collect()),
            Self::Document(model::Document { head, content }) => {
                wit::RawInput::Document(wit::Document { head: head.into_wit(), content })
            }
        }
    }
}

impl IntoWit for model::DocumentHead {
    type Wit = wit::DocumentHead;
    fn into_wit(self) -> wit::DocumentHead {
        let Self { format, name, project, r#ref, root } = self;
        wit::DocumentHead { format, name, project: project.into_wit(), ref_: r#ref, root }
    }
}
