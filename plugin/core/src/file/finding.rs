//! What findings of all file formats have in common.

use appsec_model::{Finding, Kind, Lifecycle, Location, ProjectRef, ScanState, Severity, Status, Triage, TriageState};

use super::{
    identity::{identity, record_id},
    place,
    record::FileHead,
    sketch::Sketch,
};
use crate::{
    normalize::{branch_name, rules::RuleView, words},
    wire::shorten,
};

/// A finding that says what the sketch of its result says, and nothing else.
///
/// A result is what the scan of the file saw, so it is unresolved and open; one
/// that is suppressed in the code is muted, and thereby ignored, as the
/// platform shows it. Nobody's triage is in a file.
pub fn base(index: usize, project: Option<&ProjectRef>, head: &FileHead<'_>, sketch: &Sketch) -> Finding {
    let branch = head.ref_.as_deref().filter(|name| !name.is_empty());
    let (scan_state, status) = match sketch.position.suppressed {
        true => (ScanState::Muted, Status::Ignored),
        false => (ScanState::Unresolved, Status::Open),
    };
    Finding {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        id: record_id(sketch.group, head.ordinal, branch),
        identity: identity(sketch.group, head.ordinal, None, false),
        kind: sketch.kind.clone(),
        project: project.cloned().unwrap_or_default(),
        repository_url: None,
        r#ref: branch.map(|name| branch_name(name).to_owned()),
        title: String::new(),
        message: None,
        rule_id: None,
        severity: Severity::Unknown,
        vendor_severity: None,
        confidence: None,
        categories: Vec::new(),
        security: None,
        location: None,
        code_url: None,
        snippet: None,
        flow: Vec::new(),
        suggested_fix: None,
        dependency: None,
        secret: None,
        lifecycle: Lifecycle {
            scan_state: Some(scan_state),
            triage: Triage { state: TriageState::Untriaged, reason: None, comment: None, at: None },
            status,
            created_at: None,
            relevant_since: None,
            state_changed_at: None,
        },
        assistance: None,
        policy: None,
        tickets: Vec::new(),
        review_comments: Vec::new(),
        fix_requests: Vec::new(),
        fix_failures: Vec::new(),
        first_seen_scan: None,
    }
}

/// Adds what the rule says; the message must be there.
pub fn add_rule(finding: &mut Finding, view: &RuleView<'_>) {
    let rule = view.rule();
    let title = view.title().trim();
    // A pattern of the command line has the id `-`.
    finding.title = if title.is_empty() {
        let line = finding.message.as_deref().and_then(|text| text.lines().find(|line| !line.trim().is_empty()));
        shorten(line.unwrap_or(&rule.id).trim())
    } else {
        title.to_owned()
    };
    finding.rule_id = Some(rule.id.clone());
    finding.confidence = rule.confidence.clone();
    finding.categories = rule.category.iter().cloned().collect();
    finding.security = words::security(&finding.kind, &finding.categories, None);
    finding.message = finding.message.take().filter(|message| rule.message.as_ref() != Some(message));
}

/// Adds the matched code, unless the rule looks for credentials: then it is one.
pub fn add_code(finding: &mut Finding, rule: &RuleView<'_>, snippet: Option<&str>) {
    if finding.kind == Kind::Secrets || finding.kind != Kind::Sca && rule.shows_credentials() {
        finding.flow.iter_mut().for_each(|step| step.content = None);
        finding.suggested_fix = None;
    } else {
        finding.snippet = snippet.and_then(|text| place::code(text, place::MAX_SNIPPET_CHARS));
    }
}

/// Whether a file lists packages: nothing else than a package's version can be
/// found in one.
pub fn lists_packages(path: &str) -> bool {
    /// Ends of names.
    const ENDS: [&str; 8] =
        [".lock", "-lock.json", "lock.yaml", ".lockfile", ".resolved", ".csproj", ".sum", ".gradle"];
    /// Whole names.
    const NAMES: [&str; 14] = [
        "go.mod",
        "pom.xml",
        "package.json",
        "npm-shrinkwrap.json",
        "composer.json",
        "packages.lock.json",
        "packages.config",
        "maven_dep_tree.txt",
        "gradle_dependencies.txt",
        "build.gradle.kts",
        "pyproject.toml",
        "cargo.toml",
        "gemfile",
        "podfile",
    ];
    let path = path.to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    NAMES.contains(&name)
        || ENDS.iter().any(|end| name.ends_with(end))
        || (path.contains("requirement") && (name.ends_with(".txt") || name.ends_with(".pip")))
}

/// The place of a result, with at least the path.
pub fn path_of(location: Option<&Location>) -> &str {
    location.map_or("", |location| &location.path)
}

#[cfg(test)]
mod tests {
    use super::lists_packages;

    #[test]
    fn lockfiles_are_known_by_their_names() {
        for path in [
            "yarn.lock",
            "a/package-lock.json",
            "a/pnpm-lock.yaml",
            "go.mod",
            "requirements.txt",
            "requirements/dev.txt",
            "Cargo.lock",
            "ios/Package.resolved",
            "gradle.lockfile",
            "x/maven_dep_tree.txt",
        ] {
            assert!(lists_packages(path), "{path}");
        }
        for path in ["a.py", "web/cart.js", "notes.txt", "lock", "go.mod/a.go", ""] {
            assert!(!lists_packages(path), "{path}");
        }
    }
}
