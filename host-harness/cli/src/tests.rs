use std::collections::BTreeSet;

use clap::CommandFactory;
use host_harness::{CheckHint, Code, View, query::List};

use super::{
    Cli, GROUPS,
    hint::{check_hint, hint},
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
        let forms = ["csv", "output", "at", "for", "unreachable-not-affected"];
        let known: BTreeSet<&str> = known.filter(|option| !forms.contains(option)).collect();
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
        let is_part = |sign: char| sign.is_ascii_lowercase() || sign == '-';
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
    Diagnose Discard Fail Fetch Filter Generate Ignore Import Include Increase Inject Inspect Judge Keep Limit
    List Listen Manage Map Mark Normalize Pause Print Re-encrypt Read Receive Record Remove Replace Require
    Resend Reset Restore Resume Reverse Revoke Run Select Send Serve Set Show Skip Sort Start Store Sync Test Unmap
    Use Validate Write";
