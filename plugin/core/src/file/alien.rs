//! What to say of files that the connector does not read.

use appsec_model::{Error, foreign, text};

use super::{Fault, format::Format};
use crate::wire::shorten;

/// How much of a file's beginning is kept to tell what it is, in bytes.
pub const MAX_BEGINNING_BYTES: usize = 4096;

/// The error of a file.
pub fn error(name: &str, fault: Fault) -> Error {
    let name = shorten(name);
    match fault {
        Fault::Alien(what) => {
            let formats: Vec<_> = Format::ALL.map(Format::name).into();
            Error::unsupported(format!("`{name}`: the connector cannot read {what}. It reads {}", formats.join(", ")))
        }
        Fault::Large(what) => Error::limit(format!("`{name}`: the connector does not take {what}")),
        Fault::Unknown => error(&name, Fault::Alien("its form".to_owned())),
        Fault::Misused(what) => Error::internal(format!("`{name}`: {what}")),
    }
}

/// What the first bytes of a file tell, if they are of something else than
/// UTF-8 text.
pub fn by_magic(start: &[u8]) -> Option<String> {
    text::packed(start).map(|what| format!("a file that is {what}"))
}

/// A guess at what an alien file is, by its beginning and by the keys on its
/// first level.
pub fn looks_like(beginning: &[u8], keys: &[String]) -> String {
    let start = String::from_utf8_lossy(beginning);
    let start = start.trim_start();
    if let Some(what) = text::no_json(start) {
        return what;
    }
    let has = |word: &str| start.contains(word);
    let key = |word: &str| keys.iter().any(|key| key == word);
    if let Some(what) = foreign::named(&key, start) {
        return what;
    }
    let what = if start.is_empty() {
        "nothing: it is empty"
    } else if !start.starts_with(['{', '[']) {
        match text::plain(start) {
            Some(what) if what.starts_with("a table") => {
                "a table without a column `Id`, which the platform's export has"
            }
            Some(what) => what,
            None => "a file that is neither JSON nor a CSV export with a column `Id`",
        }
    } else if key("bomFormat") || has("\"CycloneDX\"") {
        "a CycloneDX bill of materials; it is read as a report of another scanner"
    } else if key("vulnerabilities") && key("version") {
        "a GitLab security report; it is read as a report of another scanner"
    } else if key("results") && has("\"packages\"") && has("\"source\"") {
        "OSV-Scanner JSON; it is read as a report of another scanner"
    } else if key("ignores") || key("searched_paths") || has("\"syntactic_id\"") && has("\"check_id\"") {
        "what `semgrep ci` uploads to the platform; use the output of `semgrep ci --json` instead"
    } else if key("dependency_parser_errors") || key("exit_code") {
        "what `semgrep ci` tells the platform when it ends: it holds no findings"
    } else if key("deployments") || key("projects") || key("policies") {
        "an answer of the API that holds no findings"
    } else if key("error") || key("message") && !key("results") {
        "an error answer of the API"
    } else if key("results") {
        "JSON whose list `results` is not Semgrep's"
    } else if key("findings") && has("\"findings\":[{") {
        "JSON whose list `findings` is not Semgrep's"
    } else if key("runs") || key("$schema") && has("sarif") {
        "SARIF without a run"
    } else {
        "JSON without a list `findings`, `dependencies`, `vulns`, `results` or `runs`"
    };
    what.to_owned()
}
