//! The checks: what each promise is called, and what it takes to provoke a
//! breach of it.

use serde::Serialize;

/// How much a promise matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// A host relies on it.
    Must,
    /// People are better off with it.
    Should,
}

/// What a check takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needs {
    /// The component alone.
    Nothing,
    /// A vendor that answers.
    Vendor,
    /// A file of each format that it reads.
    Sample,
    /// The version before, and a vendor that answers.
    Previous,
}

/// A promise of the contract, and how it is checked.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Stable, such as `A4`.
    pub id: &'static str,
    /// Stable, for people.
    pub name: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// How much it matters.
    pub requirement: Requirement,
    /// What it takes.
    pub needs: Needs,
}

const fn must(id: &'static str, name: &'static str, promise: &'static str) -> Check {
    Check { id, name, promise, requirement: Requirement::Must, needs: Needs::Nothing }
}

const fn should(id: &'static str, name: &'static str, promise: &'static str) -> Check {
    Check { requirement: Requirement::Should, ..must(id, name, promise) }
}

const fn with_vendor(check: Check) -> Check {
    Check { needs: Needs::Vendor, ..check }
}

const fn with_sample(check: Check) -> Check {
    Check { needs: Needs::Sample, ..check }
}

const fn with_previous(check: Check) -> Check {
    Check { needs: Needs::Previous, ..check }
}

/// All checks, in the order in which they run.
pub const CHECKS: &[Check] = &[
    must("A1", "component.valid", "The file is a component that exports the contract in the version of the host."),
    must("A2", "component.imports", "It imports nothing that the host does not provide."),
    must("A3", "component.fits", "It fits into a sandbox, compiles and links."),
    must("A4", "describe.silent", "`describe` works with nothing granted, and asks for nothing."),
    must("A5", "describe.same", "`describe` gives the same answer at another time, with other random numbers."),
    must("A6", "describe.manifest", "The manifest is well-formed: id, version, contract, origins, names."),
    must(
        "A7",
        "schema.valid",
        "The schema of the settings is valid JSON Schema; each setting is described and has a valid default or is required.",
    ),
    should("A8", "schema.secrets", "No setting asks for a secret."),
    must("A9", "unconfigured", "Before `configure`, calls answer `not-configured` or `unsupported`, and send nothing."),
    must(
        "A10",
        "settings.invalid",
        "Wrong settings are refused as `invalid-settings` with their key, before any request; the bucket stays as it was.",
    ),
    with_vendor(must(
        "B1",
        "configure.good",
        "`configure` names the deployment and, for each kind asked for, whether it can be read.",
    )),
    with_vendor(must("B2", "configure.twice", "`configure` gives the same connection and bucket again.")),
    with_vendor(must(
        "B3",
        "configure.fail",
        "A failure of the vendor or the network is reported as what it is; the bucket stays as it was.",
    )),
    with_vendor(must(
        "B4",
        "configure.secret",
        "Secrets stand where the manifest places them and nowhere else, in whatever call; at most 16 requests a call.",
    )),
    with_vendor(should("B5", "configure.denied", "A refused origin is reported as `egress-denied`.")),
    with_vendor(must(
        "B6",
        "bucket.fail",
        "A bucket that cannot be read, or takes nothing more, is an error, not a crash.",
    )),
    with_vendor(must("C1", "projects.end", "`list-projects` ends; ids are not empty and unique, names not empty.")),
    with_vendor(must(
        "C2",
        "projects.cursor",
        "A foreign or damaged cursor of `list-projects` is `invalid-cursor`, one of `fetch-findings` as well.",
    )),
    with_vendor(must(
        "C3",
        "fetch.one-request",
        "A call of `fetch-findings` sends one request, also where it fails, and never waits.",
    )),
    with_vendor(must(
        "C4",
        "fetch.end",
        "Each readable kind can be read to the end: one project, all, none; the whole deployment where that is announced.",
    )),
    with_vendor(must("C5", "fetch.again", "The same cursor gives the same page, once the vendor has prepared it.")),
    with_vendor(must(
        "C6",
        "fetch.cursor",
        "Cursors have at most 4 KiB; one that is cut, empty, damaged, of another kind or of `list-projects` is `invalid-cursor`.",
    )),
    with_vendor(must(
        "C7",
        "fetch.fail",
        "A failure in the middle of a read is reported as what it is; afterwards the same cursor succeeds.",
    )),
    with_vendor(should(
        "C8",
        "fetch.short",
        "A page that is shorter than others, or the same as the one before, does not end a read: it goes on, or says `protocol`.",
    )),
    with_vendor(should("C9", "fetch.since", "A read since a moment brings a part of what a whole read brings.")),
    with_vendor(must("C10", "fetch.kind", "A kind that is not announced is `unsupported`.")),
    with_vendor(must(
        "C11",
        "record.bytes",
        "A record is valid JSON, and a part of the answer, byte for byte; of one that shows a credential, less of it.",
    )),
    with_vendor(must(
        "C12",
        "record.id",
        "Ids of records are unique within a kind, and their projects those that were asked for.",
    )),
    with_vendor(must("C13", "page.size", "A page has at most 10,000 records.")),
    with_vendor(should("C14", "page.large", "An answer of 16 MiB is read within the limits of time and memory.")),
    with_vendor(must(
        "D1",
        "normalize.pure",
        "`normalize` gives the same output at another time, with other random numbers.",
    )),
    with_vendor(must(
        "D2",
        "normalize.alone",
        "A record gives alone what it gives in a page, and the order of the input is kept.",
    )),
    with_vendor(must(
        "D3",
        "normalize.none-lost",
        "Each record becomes a finding, a package, or a diagnostic `error` or `skipped`; not all that a vendor sends are errors.",
    )),
    must("D4", "normalize.junk", "A record that cannot be read becomes a diagnostic and leaves its neighbours alone."),
    with_vendor(must(
        "D5",
        "finding.sound",
        "Findings are sound: identity, rules, places, times, scores; code that moves keeps its identity, and a severity that nobody knows is `unknown`, with a remark.",
    )),
    with_vendor(must(
        "D6",
        "secret.unseen",
        "The secret, or what stands for it, is in no result; findings of secrets show no code.",
    )),
    with_sample(must(
        "D7",
        "document",
        "A file gives the same findings whole and from the reader, and not errors alone; a format that is not announced is `unsupported`.",
    )),
    with_sample(must(
        "D8",
        "reader.cuts",
        "The reader gives the same records however a file is cut into pieces, and as many as it says; a cut file is not complete.",
    )),
    must(
        "D9",
        "event",
        "`interpret-event` takes nothing else for an event: it answers `protocol` or `unsupported`, or says that it is to be ignored; always the same.",
    ),
    with_vendor(must(
        "D10",
        "scan",
        "`fetch-scan` of an unknown id is none or `unsupported`, after one request at most.",
    )),
    with_vendor(must(
        "D11",
        "decisions",
        "`write-decisions` refuses what is not announced, before any request; a failure of the vendor is reported as what it is, and nothing is sent twice.",
    )),
    with_vendor(must(
        "E1",
        "sync.twice",
        "A second sync changes nothing, also where the first was interrupted and resumed.",
    )),
    with_vendor(must("E2", "renormalize.same", "Stored records give the same findings again.")),
    with_previous(must("F1", "previous.settings", "Settings of the version before still work.")),
    with_previous(must(
        "F2",
        "previous.identity",
        "A record gives findings with the identity that it had before, or with that as an alias.",
    )),
    with_previous(should(
        "F3",
        "previous.kinds",
        "No kind, format or setting is gone, unless the major version is another.",
    )),
    with_vendor(should(
        "G1",
        "log",
        "The log of a call has at most 32 KiB, and holds no secret and no control characters.",
    )),
    with_previous(should(
        "G2",
        "budget",
        "`normalize` takes at most a quarter more time and memory than in the version before.",
    )),
];

impl Check {
    /// The check of an id.
    pub fn of(id: &str) -> Option<&'static Self> {
        CHECKS.iter().find(|check| check.id.eq_ignore_ascii_case(id) || check.name == id)
    }
}

#[cfg(test)]
mod tests {
    use super::CHECKS;

    /// Those of the file itself are the sandbox's, and told by `inspect`.
    const OF_THE_FILE: [&str; 3] = ["A1", "A2", "A3"];

    #[test]
    fn each_check_is_of_a_promise_of_the_contract() {
        let text = include_str!("../../../wit/README.md");
        let (_, promises) = text.split_once("## Connector obligations").unwrap();
        let (promises, _) = promises.split_once("\n## ").unwrap();
        let mut named = Vec::new();
        for list in promises.split('(').skip(1).filter_map(|rest| rest.split(')').next()) {
            for item in list.split(", ") {
                let number = |id: &str| id.get(1..).and_then(|it| it.parse::<u32>().ok());
                let (first, last) = item.split_once(" to ").unwrap_or((item, item));
                if let (Some(from), Some(to)) = (number(first), number(last)) {
                    named.extend((from..=to).map(|it| format!("{}{it}", &first[..1])));
                }
            }
        }
        let known: Vec<_> = CHECKS.iter().map(|it| it.id).filter(|id| !OF_THE_FILE.contains(id)).collect();
        let missing: Vec<_> = known.iter().filter(|id| !named.iter().any(|it| it == *id)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let unknown: Vec<_> = named.iter().filter(|it| !known.contains(&it.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
