//! What the compiled connector asks of a host, and how large it is.

use host_harness::sandbox::{Inspection, Limits, Runtime};
use tests::{HOSTILE_GUEST, SEMGREP_CONNECTOR, workspace};

/// What a component may weigh. It is compiled once per machine and version; a
/// megabyte takes about a second of that.
const MAX_COMPONENT_BYTES: usize = 830_000;

fn inspect(component: &str) -> Inspection {
    let limits = Limits { sandboxes: 1, ..Limits::default() };
    let runtime = Runtime::new(limits, Some(&workspace().join("target/tmp/code"))).unwrap();
    runtime.load_file(component.as_ref()).unwrap().inspection().clone()
}

/// Names without the patch of their version, which the compiler's library
/// decides and any host of the line serves.
fn lines(imports: &[String]) -> String {
    let line = |import: &String| match import.strip_suffix("-draft") {
        Some(_) => import.clone(),
        None => import.rsplit_once('.').map_or(import.clone(), |(line, _)| format!("{line}.x")),
    };
    imports.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_connector_imports_what_the_contract_allows_and_nothing_else() {
    let inspection = inspect(SEMGREP_CONNECTOR);
    insta::assert_snapshot!(lines(&inspection.imports), @"
    appsec:connector/model@0.2.x
    wasi:cli/environment@0.2.x
    wasi:cli/exit@0.2.x
    wasi:cli/stderr@0.2.x
    wasi:cli/stdin@0.2.x
    wasi:cli/stdout@0.2.x
    wasi:cli/terminal-input@0.2.x
    wasi:cli/terminal-output@0.2.x
    wasi:cli/terminal-stderr@0.2.x
    wasi:cli/terminal-stdin@0.2.x
    wasi:cli/terminal-stdout@0.2.x
    wasi:clocks/monotonic-clock@0.2.x
    wasi:http/outgoing-handler@0.2.x
    wasi:http/types@0.2.x
    wasi:io/error@0.2.x
    wasi:io/poll@0.2.x
    wasi:io/streams@0.2.x
    wasi:keyvalue/store@0.2.0-draft
    ");
    for forbidden in ["wasi:filesystem", "wasi:sockets", "wasi:random"] {
        let found = inspection.imports.iter().find(|import| import.starts_with(forbidden));
        assert_eq!(found, None);
    }
}

#[test]
fn the_connector_exports_the_contract_alone() {
    assert_eq!(inspect(SEMGREP_CONNECTOR).exports, ["appsec:connector/source@0.2.0"]);
}

#[test]
fn the_connector_is_small() {
    let size = inspect(SEMGREP_CONNECTOR).size_bytes;
    assert!(size <= MAX_COMPONENT_BYTES, "{size} bytes are more than {MAX_COMPONENT_BYTES}");
}

#[test]
fn the_hostile_guest_is_a_connector_like_any_other() {
    let inspection = inspect(HOSTILE_GUEST);
    assert_eq!(inspection.contract_version.as_deref(), Some("0.2.0"));
    assert!(inspection.imports.iter().any(|import| import.starts_with("wasi:http/outgoing-handler")));
}
