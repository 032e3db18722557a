//! Files of tools whose own formats nobody reads here: what they are, and how to get
//! a report that is read.

/// A format of a tool's own.
struct Format {
    /// Keys on the first level, or of the first objects of a list or stream; those that
    /// begin with `"` are distinctive, and looked for wherever the file begins with them.
    marks: &'static [&'static str],
    name: &'static str,
    /// A command that writes what is read, or else what to do.
    advice: &'static str,
}

const fn by(marks: &'static [&'static str], name: &'static str, advice: &'static str) -> Format {
    Format { marks, name, advice }
}

/// What to do where a tool writes no open format.
const CONVERT: &str = "whose tool writes no open format; convert it to SARIF";

/// What to do with a list of packages that are vulnerable.
const LOCKFILE: &str = "whose tool writes no open format; let OSV-Scanner or Trivy look at the lockfile";

/// What is about a running application.
const RUNNING: &str = "which is about a running application, not about code or packages";

/// Those with the most certain marks come first.
const FORMATS: [Format; 53] = [
    by(&["\"RuleID\""], "Gitleaks JSON", "`gitleaks --report-format sarif`"),
    by(&["\"DetectorName\"", "\"SourceMetadata\""], "TruffleHog JSON", CONVERT),
    by(&["plugins_used", "results"], "a baseline of detect-secrets", CONVERT),
    by(&["SchemaVersion", "Results"], "Trivy JSON", "`trivy --format sarif` or `--format cyclonedx`"),
    by(&["SchemaVersion", "ArtifactName"], "Trivy JSON", "`trivy --format sarif` or `--format cyclonedx`"),
    by(&["matches", "descriptor"], "Grype JSON", "`grype -o sarif` or `-o cyclonedx-json`"),
    by(&["artifacts", "artifactRelationships"], "Syft JSON", "`syft -o cyclonedx-json`"),
    by(&["auditReportVersion"], "JSON of `npm audit`", LOCKFILE),
    by(&["advisories", "muted", "metadata"], "JSON of `npm audit`", LOCKFILE),
    by(&["\"auditAdvisory\""], "JSON of `yarn audit`", LOCKFILE),
    by(&["advisories", "abandoned"], "JSON of `composer audit`", LOCKFILE),
    by(&["vulnerabilities", "packageManager"], "Snyk JSON", "`snyk test --sarif`"),
    by(&["vulnerabilities", "projectName"], "Snyk JSON", "`snyk test --sarif`"),
    by(&["infrastructureAsCodeIssues"], "Snyk JSON", "`snyk iac test --sarif`"),
    by(&["report_meta", "vulnerabilities"], "Safety JSON", "`pip-audit -f cyclonedx-json`"),
    by(&["dependencies", "fixes"], "JSON of pip-audit", "`pip-audit -f cyclonedx-json`"),
    by(&["database", "lockfile", "vulnerabilities"], "JSON of `cargo audit`", "`cargo audit --format sarif`"),
    by(&["metrics", "generated_at"], "Bandit JSON", "`bandit -f sarif` (of `bandit[sarif]`)"),
    by(&["\"test_id\"", "\"issue_text\""], "Bandit JSON", "`bandit -f sarif` (of `bandit[sarif]`)"),
    by(&["\"filePath\"", "\"errorCount\""], "ESLint JSON", "`eslint -f @microsoft/eslint-formatter-sarif`"),
    by(&["check_type", "results"], "Checkov JSON", "`checkov -o sarif`"),
    by(&["\"noqa_row\""], "Ruff JSON", "`ruff check --output-format sarif`"),
    by(&["Golang errors", "Issues"], "gosec JSON", "`gosec -fmt=sarif`"),
    by(&["scan_info", "ignored_warnings"], "Brakeman JSON", "`brakeman -f sarif`"),
    by(&["kics_version"], "KICS JSON", "`kics scan --report-formats sarif`"),
    by(&["\"rule_provider\"", "\"long_id\""], "tfsec JSON", "`tfsec --format sarif`"),
    by(&["\"scan_errors\"", "\"violations\""], "Terrascan JSON", "`terrascan scan -o sarif`"),
    by(&["analysisVulnerabilities"], "Horusec JSON", "`horusec start -o sarif`"),
    by(&["njsscan_version"], "njsscan JSON", "`njsscan --sarif`"),
    by(&["mobsfscan_version"], "mobsfscan JSON", "`mobsfscan --sarif`"),
    by(&["reportSchema", "dependencies"], "Dependency-Check JSON", "`dependency-check --format SARIF`"),
    by(&["\"scanner_name\"", "\"govulncheck\""], "JSON of govulncheck", "`govulncheck -format sarif`"),
    by(&["osv", "finding"], "JSON of govulncheck", "`govulncheck -format sarif`"),
    by(&["code", "file", "level", "column"], "Hadolint JSON", "`hadolint -f sarif`"),
    by(&["\"message-id\"", "\"symbol\""], "Pylint JSON", CONVERT),
    by(&["\"check_name\"", "\"fingerprint\""], "a code quality report", "let the tool write SARIF instead"),
    by(&["issues", "paging"], "an answer of SonarQube", "its connector reads them from the API"),
    by(&["issues", "effortTotal"], "an answer of SonarQube", "its connector reads them from the API"),
    by(&["\"engineId\"", "\"primaryLocation\""], "issues for SonarQube", "let the tool write SARIF instead"),
    by(&["\"security_advisory\"", "\"dependency\""], "alerts of Dependabot", LOCKFILE),
    by(&["\"secret_type\"", "\"push_protection_bypassed\""], "alerts of GitHub", CONVERT),
    by(&["\"most_recent_instance\""], "alerts of GitHub", "download the SARIF of their analysis instead"),
    by(&["pipeline_scan", "findings"], "JSON of Veracode", CONVERT),
    by(&["@programName", "site"], "ZAP JSON", RUNNING),
    by(&["\"template-id\"", "\"matched-at\""], "Nuclei JSON", RUNNING),
    by(
        &["\"AwsAccountId\"", "\"ProductArn\""],
        "findings of AWS",
        "which are about accounts, not about code or packages",
    ),
    by(&["spdxVersion"], "an SPDX bill of materials", "which holds no findings"),
    by(&["SPDXID"], "an SPDX bill of materials", "which holds no findings"),
    by(&["schema_version", "affected"], "one advisory of the OSV schema", "not the report of a scan"),
    by(&["id", "affected"], "one advisory of the OSV schema", "not the report of a scan"),
    by(&["document", "product_tree"], "a CSAF advisory", "not the report of a scan"),
    by(&["document", "vulnerabilities"], "a CSAF advisory", "not the report of a scan"),
    by(
        &["@context", "statements"],
        "an OpenVEX document",
        "which states what its author thinks of vulnerabilities and holds no findings; record such decisions at the \
         scanner, or import them as CycloneDX with package URLs",
    ),
];

/// What JSON of another tool is, by its keys and its beginning, and what to do; none
/// where nobody knows it.
///
/// ```
/// use appsec_model::foreign::named;
///
/// let start = r#"[{"RuleID":"aws","StartLine":1}]"#;
/// assert_eq!(
///     named(&|key| ["RuleID", "StartLine"].contains(&key), start).unwrap(),
///     "Gitleaks JSON; `gitleaks --report-format sarif` writes a report that is read"
/// );
/// assert_eq!(named(&|_| false, "{}"), None);
/// ```
pub fn named(has_key: &dyn Fn(&str) -> bool, start: &str) -> Option<String> {
    let has = |mark: &str| if mark.starts_with('"') { start.contains(mark) } else { has_key(mark) };
    let Format { name, advice, .. } = FORMATS.iter().find(|it| it.marks.iter().all(|mark| has(mark)))?;
    Some(if advice.starts_with('`') {
        format!("{name}; {advice} writes a report that is read")
    } else if ["which ", "whose ", "not "].iter().any(|start| advice.starts_with(start)) {
        format!("{name}, {advice}")
    } else {
        format!("{name}; {advice}")
    })
}
