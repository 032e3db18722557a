//! The commands as the help groups them.

/// The commands of the help, under their headings.
pub const GROUPS: [(&str, &[&str]); 6] = [
    ("Get started", &["demo", "onboard", "inspect"]),
    (
        "Ingest",
        &["sync", "import", "instance", "connector", "catalogue", "projects", "repositories", "mapping", "renormalize"],
    ),
    (
        "Explore",
        &[
            "findings",
            "vulnerabilities",
            "weaknesses",
            "secrets",
            "finding",
            "issues",
            "issue",
            "packages",
            "dashboard",
            "coverage",
            "export",
        ],
    ),
    ("Decide", &["triage", "policy", "advisories"]),
    (
        "Operate",
        &[
            "serve", "link", "token", "audit", "daemon", "status", "runs", "notify", "webhook", "vault", "tenant",
            "backup", "restore", "doctor",
        ],
    ),
    (
        "Develop connectors",
        &["new", "rehearse", "call", "conformance", "normalize", "mock-vendor", "schema", "completions"],
    ),
];
