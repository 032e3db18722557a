//! The first lines of the README, typed in as they stand there.

use std::fs;

use crate::support::{Desk, TOKEN, done, shape};

#[test]
fn a_team_gets_from_a_token_to_dashboards_in_ten_lines() {
    let desk = Desk::new(shape(), vec![]);
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let (_, rest) = readme.split_once("From a token to dashboards").unwrap();
    let (_, rest) = rest.split_once("```sh\n").unwrap();
    let (lines, _) = rest.split_once("```").unwrap();
    assert_eq!(lines.lines().count(), 10, "{lines}");

    // The vendor is on this machine; nothing else differs.
    let vendor = format!("--set origin={0} --allow-private-origin {0}", desk.simulator.url());
    let script = lines
        .replace("SEMGREP_APP_TOKEN=…", &format!("SEMGREP_APP_TOKEN={TOKEN}"))
        .replace("onboard code", &format!("onboard code {vendor}"));
    let path = std::path::Path::new(env!("CARGO_BIN_EXE_harness")).parent().unwrap();
    let mut shell = desk.command_of("sh", &["-euc", &script]);
    shell.current_dir(desk.folder.path()).env("PATH", format!("{}:/usr/bin:/bin", path.display()));
    let done = done(shell.output().unwrap());
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    for expected in ["full run 1 is complete", "FIRST SEEN", "ADVISORIES", "exit code 4", "Nothing of it is left"] {
        assert!(done.stdout.contains(expected), "{expected}: {}", done.stdout);
    }
}
