use std::collections::BTreeSet;

use clap::CommandFactory;
use host_harness::{CheckHint, View, grant::Code, query::List};

use super::{
    Cli, GROUPS,
    hint::{check_hint, hint},
    recorded,
};

#[test]
fn the_help_lists_every_command_under_one_heading() {
    let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, members)| members.iter().copied()).collect();
    let command = Cli::command();
    let known: BTreeSet<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(listed.len(), known.len(), "a command is listed twice or not at all");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), known);
}

/// Every command, with its words.
fn all<'a>(command: &'a clap::Command, path: &str, found: &mut Vec<(String, &'a clap::Command)>) {
    for it in command.get_subcommands() {
        let path = format!("{path} {}", it.get_name());
        all(it, &path, found);
        found.push((path, it));
    }
}

/// Commands that change nothing of a data folder, or whose work is in the run log.
const LOOK: [&str; 60] = [
    "notify alert list",
    "demo",
    "inspect",
    "instance list",
    "instance show",
    "tenant list",
    "tenant show",
    "vault show",
    "projects",
    "repositories list",
    "repositories show",
    "mapping list",
    "mapping suggest",
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
    "triage list",
    "triage export",
    "advisories show",
    "policy list",
    "policy show",
    "policy init",
    "policy check",
    "policy results",
    "serve",
    "token list",
    "audit list",
    "audit verify",
    "daemon",
    "status",
    "runs",
    "notify show",
    "notify list",
    "notify deliveries",
    "webhook events",
    "backup",
    "doctor",
    "connector list",
    "catalogue list",
    "catalogue search",
    "catalogue outdated",
    "catalogue build",
    "catalogue sign",
    "catalogue generate-key",
    "new",
    "rehearse",
    "call",
    "conformance",
    "normalize",
    "mock-vendor",
    "schema",
    "completions",
];

/// Commands that are written down when somebody has confirmed them.
const CONFIRMED: [&str; 2] = ["instance delete", "tenant delete"];

#[test]
fn every_command_is_one_that_looks_or_one_that_is_written_down() {
    let command = Cli::command();
    let mut commands = Vec::new();
    all(&command, "", &mut commands);
    let written: BTreeSet<&str> = recorded::commands().map(|(command, _)| command).collect();
    let has_own = |it: &clap::Command| !it.is_subcommand_required_set();
    let known = commands.iter().filter(|(_, it)| has_own(it)).map(|(path, _)| path.trim_start());
    let unknown: Vec<&str> = known
        .filter(|it| {
            [written.contains(it), LOOK.contains(it), CONFIRMED.contains(it)].into_iter().filter(|it| *it).count() != 1
        })
        .collect();
    assert_eq!(unknown, [""; 0], "either in LOOK or in CHANGES, and not in both");
    for (path, arguments) in recorded::commands() {
        let (_, it) = commands.iter().find(|(known, _)| known.trim_start() == path).expect(path);
        for name in arguments {
            assert!(it.get_arguments().any(|it| it.get_id() == name), "{path}: {name}");
        }
    }
}

#[test]
fn lists_take_the_fields_of_their_table_and_no_others() {
    let command = Cli::command();
    for (name, list) in [
        ("findings", List::Findings(View::All)),
        ("vulnerabilities", List::Findings(View::Vulnerabilities)),
        ("weaknesses", List::Findings(View::Weaknesses)),
        ("secrets", List::Findings(View::Secrets)),
        ("export", List::Export),
        ("issues", List::Issues),
        ("packages", List::Packages),
        ("dashboard", List::Dashboard),
        ("coverage", List::Coverage),
        ("runs", List::Runs),
    ] {
        let known = command.find_subcommand(name).unwrap().get_arguments().filter_map(clap::Arg::get_long);
        // The form is not asked of the list.
        let forms = [
            "csv",
            "output",
            "at",
            "for",
            "unreachable-not-affected",
            "all-tenants",
            "baseline",
            "cursor-file",
            "spec-version",
        ];
        // It is of the notes of one run.
        let is_of_one = |option: &str| name == "runs" && option == "level";
        let known: BTreeSet<&str> = known.filter(|option| !forms.contains(option) && !is_of_one(option)).collect();
        assert_eq!(known, list.fields().iter().map(|field| field.name).collect(), "{name}");
    }
}

#[test]
fn hints_name_commands_and_options_that_exist() {
    let command = Cli::command();
    let mut commands = Vec::new();
    all(&command, "harness", &mut commands);
    let paths: BTreeSet<&str> = commands.iter().map(|(path, _)| path.as_str()).collect();
    let arguments = commands.iter().flat_map(|(_, it)| it.get_arguments()).chain(command.get_arguments());
    let options: BTreeSet<&str> = arguments.filter_map(clap::Arg::get_long).collect();
    let group = |path: &str| paths.iter().any(|it| it.starts_with(&format!("{path} ")));
    let of_checks = CheckHint::ALL.iter().map(|hint| check_hint(*hint, None));
    let of_codes = Code::ALL.iter().filter_map(|code| hint(*code)).map(str::to_owned);
    for text in of_codes.chain(of_checks) {
        let is_part = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-';
        for named in text.split("harness ").skip(1) {
            let mut words = named.split(|sign| !is_part(sign));
            let mut path = format!("harness {}", words.next().unwrap_or_default());
            if group(&path) {
                path = format!("{path} {}", words.next().unwrap_or_default());
            }
            assert!(paths.contains(path.trim_end()), "{path}: {text}");
        }
        for option in text.split(|sign| !is_part(sign)).filter_map(|word| word.strip_prefix("--")) {
            assert!(options.contains(option), "--{option}: {text}");
        }
    }
}

#[test]
fn an_option_of_every_command_stands_once_before_or_behind_it() {
    let said = |line: &str| {
        let arguments = clap_lex::RawArgs::new(line.split(' '));
        super::repeated(Cli::command(), &arguments).map(|said| said.to_string()).unwrap_or_default()
    };
    for line in [
        "harness --tenant a findings --tenant=b",
        "harness findings --json --json",
        "harness --max-wait 1 sync --max-wait 2",
    ] {
        assert!(said(line).contains("cannot be used multiple times"), "{line}: {}", said(line));
    }
    for line in [
        "harness --tenant a findings",
        "harness -v findings -v --verbose",
        "harness --vault-key-file a sync --vault-key-file b",
        "harness findings --severity high --severity low",
        "harness --json import --project a -- --json",
    ] {
        assert_eq!(said(line), "", "{line}");
    }
}

#[test]
fn every_help_line_begins_with_a_verb() {
    let command = Cli::command();
    let mut commands = Vec::new();
    all(&command, "harness", &mut commands);
    let mut wrong = Vec::new();
    let mut look = |what: String, help: Option<&clap::builder::StyledStr>| {
        let help = help.map(ToString::to_string).unwrap_or_default();
        let first = help.split([' ', ',', ':']).next().unwrap_or_default();
        if !VERBS.split_whitespace().any(|verb| verb == first) {
            wrong.push(format!("{what}: {help}"));
        }
    };
    for (path, command) in commands.iter().map(|(path, it)| (path.clone(), *it)).chain([("harness".into(), &command)]) {
        look(path.clone(), command.get_about());
        // What stands for itself needs no verb: NAME, FILE.
        for arg in command.get_arguments().filter(|it| !it.is_positional()) {
            look(format!("{path} --{}", arg.get_id()), arg.get_help());
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// What help begins with.
const VERBS: &str = "
    Accept Add Allow Back Change Check Choose Clear Close Collect Confirm Connect Continue Decide Delay Delete
    Diagnose Discard Export Fail Fetch Filter Find Generate Ignore Import Include Increase Inject Inspect Install Judge Keep Limit
    List Listen Manage Map Mark Normalize Pause Print Re-encrypt Read Receive Record Refuse Remove Replace Report Require
    Resend Reset Restore Resume Reverse Revoke Run Select Send Serve Set Show Skip Sort Start Store Sync Test Unmap Update
    Use Validate Write";
