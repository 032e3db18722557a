//! What `normalize` gives.

use appsec_model as model;

use super::{ToWit, record_to_wit, words_to_wit};
use crate::bindings::appsec::connector::model as wit;

record_to_wit!(Normalized { findings, rules, packages, diagnostics });
record_to_wit!(Finding {
    index,
    id,
    identity,
    kind,
    project,
    repository_url,
    title,
    message,
    rule_id,
    severity,
    vendor_severity,
    confidence,
    categories,
    security,
    location,
    code_url,
    snippet,
    flow,
    suggested_fix,
    dependency,
    secret,
    lifecycle,
    assistance,
    policy,
    tickets,
    review_comments,
    fix_requests,
    fix_failures,
    first_seen_scan;
    r#ref as ref_
});
record_to_wit!(Identity { key, algorithm, aliases });
words_to_wit!(Severity { Critical, High, Medium, Low, Info, Unknown });
words_to_wit!(Confidence { High, Medium, Low } Other);
record_to_wit!(Location { path, start_line, start_column, end_line, end_column });

record_to_wit!(Rule {
    id,
    name,
    message,
    confidence,
    category,
    subcategories,
    vulnerability_classes,
    cwes,
    owasp,
    technologies,
    likelihood,
    impact,
    url,
    references
});
record_to_wit!(Cwe { number, name, text });
record_to_wit!(Owasp { code, edition, name, text });

record_to_wit!(FlowStep { role, location, content });
words_to_wit!(FlowRole { Source, Step, Sink });

record_to_wit!(Dependency {
    package,
    transitivity,
    lockfile_url,
    lockfile,
    introduced_by,
    affected_range,
    advisories,
    reachability,
    fix,
    epss,
    malicious
});
record_to_wit!(LeakedSecret { service, validation, history, visibility });
words_to_wit!(Validation { ConfirmedValid, ConfirmedInvalid, ValidationError, NoValidator, NotSaid } Other);
record_to_wit!(History { commit, blob, committed_at });
words_to_wit!(Visibility { Public, Private, Unknown } Other);

record_to_wit!(PackageVersion { name, version, ecosystem, purl });
words_to_wit!(Ecosystem {
    Npm,
    Pypi,
    Go,
    Cargo,
    Maven,
    Gem,
    Composer,
    Nuget,
    Pub,
    Swift,
    Hex,
    Mix,
    Cocoapods,
    Opam,
    NoPackageManager
} Other);
words_to_wit!(Transitivity { Direct, Transitive, Unknown } Other);
record_to_wit!(AdvisoryId { source, id });
words_to_wit!(AdvisorySource { Cve, Ghsa, Mal, Other });
record_to_wit!(Reachability { verdict, condition, usage });
words_to_wit!(ReachabilityVerdict {
    AlwaysReachable,
    Reachable,
    ConditionallyReachable,
    Unreachable,
    NotAnalyzed
} Other);
record_to_wit!(Usage { location, url });

impl ToWit for model::Fix {
    type Wit = wit::Fix;

    fn to_wit(self) -> wit::Fix {
        match self {
            Self::NotSaid => wit::Fix::NotSaid,
            Self::NoneKnown => wit::Fix::NoneKnown,
            Self::Upgrades { upgrades } => wit::Fix::Upgrades(upgrades.to_wit()),
        }
    }
}

record_to_wit!(Upgrade { package, version });
record_to_wit!(Epss { score, percentile });

record_to_wit!(Lifecycle { scan_state, triage, status, created_at, relevant_since, state_changed_at });
words_to_wit!(ScanState { Unresolved, Fixed, Muted, Removed } Other);
record_to_wit!(Triage { state, reason, comment, at });
words_to_wit!(TriageState { Untriaged, Reviewing, Fixing, Ignored, ProvisionallyIgnored, Reopened } Other);
words_to_wit!(Status { Open, Reviewing, Fixing, Ignored, ProvisionallyIgnored, Fixed, Unknown } Other);

record_to_wit!(Assistance { verdict, guidance, autofix, rule_explanation, component, impact });
record_to_wit!(Verdict { conclusion, reason });
words_to_wit!(Conclusion { TruePositive, FalsePositive } Other);
record_to_wit!(Explanation { summary, text });
record_to_wit!(Component { tag, risk });

record_to_wit!(Policy { id, name, slug });
record_to_wit!(Ticket { key, url, id, linked });
record_to_wit!(ReviewComment { discussion_id, note_id });
record_to_wit!(FixRequest { url, created_at });
record_to_wit!(FixFailure { reason, created_at });
record_to_wit!(Package {
    index,
    project,
    package,
    transitivity,
    lockfile_url,
    lockfile,
    committed_at,
    licenses,
    resolved_url,
    introduced_by
});
