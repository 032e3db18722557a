//! Every list and every screen at three widths, with its colours, over one world.

use std::fmt::Write;

use vendor_sim::WorldShape;

use crate::support::{TestContext, done};

/// Screens, by name, with what is typed.
const SCREENS: [(&str, &[&str]); 31] = [
    ("findings", &["findings", "--limit", "4"]),
    ("vulnerabilities", &["vulnerabilities", "--limit", "4"]),
    ("weaknesses", &["weaknesses", "--limit", "4"]),
    ("secrets", &["secrets", "--limit", "4"]),
    ("finding", &["finding", "FINDING"]),
    ("issues", &["issues", "--limit", "4"]),
    ("issue", &["issue", "FINDING"]),
    ("packages", &["packages", "--limit", "4"]),
    ("dashboard", &["dashboard", "--top", "3"]),
    // The vendor's dates are fixed ones, and old one day.
    ("coverage", &["coverage", "--stale-after", "36500"]),
    ("policy check", &["policy", "check", "--limit", "2"]),
    ("policy list", &["policy", "list"]),
    ("policy results", &["policy", "results", "--limit", "3"]),
    ("runs", &["runs", "--limit", "1"]),
    ("status", &["status"]),
    ("instance list", &["instance", "list"]),
    ("instance show", &["instance", "show", "code"]),
    ("projects", &["projects"]),
    ("repositories list", &["repositories", "list"]),
    ("mapping list", &["mapping", "list"]),
    ("inspect", &["inspect"]),
    ("notify list", &["notify", "list"]),
    ("notify deliveries", &["notify", "deliveries"]),
    ("webhook events", &["webhook", "events"]),
    ("instance schedule", &["instance", "schedule", "code"]),
    ("vault show", &["vault", "show", "--vault-key-file", "KEY"]),
    ("tenant list", &["tenant", "list"]),
    ("tenant show", &["tenant", "show", "default"]),
    ("backup", &["backup", "BACKUP", "--vault-key-file", "KEY"]),
    ("doctor", &["doctor", "--vault-key-file", "KEY"]),
    ("restore", &["restore", "BACKUP", "--as", "AGAIN", "--vault-key-file", "KEY"]),
];

fn world() -> TestContext {
    let shape = WorldShape { projects: 6, sast: 90, sca: 60, ai_sast: 6, secrets: 12, ..WorldShape::default() };
    let context = TestContext::new(shape, vec![]);
    let done = context.add(&["--set", r#"kinds=["sast","sca","secrets","packages"]"#]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    context.ok(&["instance", "schedule", "code", "--cron", "0 3 1 1 *"]);
    // One after the other: what is equally urgent is in the order of arrival.
    context.ok(&["sync", "--kind", "packages"]);
    for kind in ["sast", "sca", "secrets"] {
        for project in context.json(&["projects"])["projects"].as_array().unwrap() {
            context.run(&["sync", "--kind", kind, "--project", project["name"].as_str().unwrap()]);
        }
    }
    // What the vault, webhooks and their deliveries show.
    let key = key(&context);
    context.ok(&["vault", "generate-key", "--output", &key]);
    let receiver = context.simulator.url();
    let url = format!("{receiver}/runs");
    let secret = "a-signing-secret-that-is-long-enough-for-it";
    let set = ["notify", "set", "code", "--url", &url, "--allow-private-origin", receiver, "--vault-key-file", &key];
    let done = context.fed(&[&set[..], &["--secret-stdin", "--store-secret"]].concat(), secret);
    assert_eq!(done.code, 0, "{}", done.stderr);
    context.ok(&["sync", "--vault-key-file", &key]);
    let starter = context.ok(&["policy", "init"]);
    context.ok(&["policy", "import", &context.file("policies.toml", &starter)]);
    context.ok(&["policy", "check", "--fail-on", "never"]);
    context
}

/// File of the key of the vault.
fn key(context: &TestContext) -> String {
    context.folder.path().join("key").to_str().unwrap().to_owned()
}

/// A screen on a terminal of this width, with its colours.
fn screen(context: &TestContext, typed: &[&str], width: usize) -> String {
    let mut command = context.command(&[typed, &["--color", "always"]].concat());
    let done = done(command.env("COLUMNS", width.to_string()).output().unwrap());
    assert!(done.code == 0 || done.code == 4, "{typed:?}: {}{}", done.stdout, done.stderr);
    // Both differ from run to run.
    let folder = context.folder.path().to_str().unwrap();
    done.stdout.replace(context.simulator.url(), "http://127.0.0.1:12345").replace(folder, "FOLDER")
}

/// A text with its colours as tags.
fn seen(text: &str) -> String {
    let tags = [
        ("\u{1b}[0m", "</>"),
        ("\u{1b}[1m", "<b>"),
        ("\u{1b}[2m", "<faint>"),
        ("\u{1b}[31m", "<red>"),
        ("\u{1b}[32m", "<green>"),
        ("\u{1b}[33m", "<yellow>"),
        ("\u{1b}[34m", "<blue>"),
        ("\u{1b}[35m", "<magenta>"),
    ];
    let text = tags.iter().fold(text.to_owned(), |text, (code, tag)| text.replace(code, tag));
    assert!(!text.contains('\u{1b}'), "{text:?}");
    text
}

fn plain(text: &str) -> String {
    let mut plain = String::new();
    for part in text.split('\u{1b}') {
        plain.push_str(if plain.is_empty() && !text.starts_with('\u{1b}') {
            part
        } else {
            part.split_once('m').map_or(part, |it| it.1)
        });
    }
    plain
}

/// A text without what is random or differs with each build: sums, ids of keys,
/// sizes, numbers of files and packages, and the revision, which a checkout with changes
/// has none of.
fn steady(text: &str) -> String {
    let is_random = |part: &str| part.len() >= 16 && part.bytes().all(|sign| sign.is_ascii_hexdigit());
    let mut steady = String::new();
    for part in text.split_inclusive(|sign: char| !sign.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|sign: char| !sign.is_ascii_alphanumeric());
        let masked = if is_random(word) { "0".repeat(word.len()) } else { word.to_owned() };
        steady.push_str(&part.replacen(word, &masked, usize::from(!word.is_empty())));
    }
    let lines = steady.lines().filter(|line| !line.contains(">revision<")).map(|line| {
        let number = [" MiB", " KiB", " files and directories", " (--sbom"].iter().find_map(|it| line.find(it));
        let (before, after) = line.split_at(number.unwrap_or_default());
        let kept = before.trim_end_matches(|sign: char| sign.is_ascii_digit() || sign == '.');
        format!("{kept}{}{after}\n", if number.is_some() { "#" } else { "" })
    });
    lines.collect()
}

/// A text without its times, each of which is as long as before.
fn timeless(text: &str) -> String {
    let form = "0000-00-00 00:00:00";
    let is_time = |part: &[char]| {
        part.len() == form.len()
            && part
                .iter()
                .zip(form.chars())
                .all(|(sign, form)| if form == '0' { sign.is_ascii_digit() } else { *sign == form })
    };
    let signs: Vec<char> = text.chars().collect();
    let (mut masked, mut at) = (String::new(), 0);
    while at < signs.len() {
        if is_time(&signs[at..signs.len().min(at + form.len())]) {
            masked.push_str("YYYY-MM-DD hh:mm:ss");
            at += form.len();
        } else {
            masked.push(signs[at]);
            at += 1;
        }
    }
    masked
}

#[test]
fn screens_are_reviewed_at_three_widths_with_colours() {
    let context = world();
    let key = key(&context);
    let first = context.json(&["findings", "--limit", "1"])["findings"][0]["id"].as_str().unwrap().to_owned();
    for (name, typed) in SCREENS {
        let mut shown = String::new();
        for width in [80, 120, 200] {
            let (backup, again) =
                (context.folder.path().join(format!("backup-{width:03}")), format!("again-{width:03}"));
            let filled = typed.iter().map(|it| match *it {
                "FINDING" => first.as_str(),
                "KEY" => &key,
                "BACKUP" => backup.to_str().unwrap(),
                "AGAIN" => &again,
                it => it,
            });
            let text = screen(&context, &filled.collect::<Vec<_>>(), width);
            for line in plain(&text).lines() {
                let is_word = line.split_whitespace().nth(1).is_none();
                assert!(line.chars().count() <= width || is_word, "{name} at {width}: {line}");
                assert_eq!(line.trim_end(), line, "{name} at {width}");
            }
            let _ = writeln!(shown, "== {width} columns\n{}", seen(&text));
        }
        let shown = match name {
            // How old things are changes from day to day.
            "dashboard" => shown.replace(|sign: char| sign.is_ascii_digit(), "#"),
            "inspect" | "vault show" | "tenant list" | "tenant show" | "backup" | "restore" | "doctor" => {
                steady(&timeless(&shown))
            }
            _ => timeless(&shown),
        };
        insta::with_settings!({ description => typed.join(" "), omit_expression => true }, {
            insta::assert_snapshot!(name.replace(' ', "_"), shown);
        });
    }
}

#[test]
fn doctor_is_as_wide_as_the_terminal_and_coloured() {
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() }, vec![]);
    context.added();
    let text = screen(&context, &["doctor"], 80);
    assert!(seen(&text).contains("<green>good</>"), "{}", seen(&text));
    for line in plain(&text).lines() {
        assert!(line.chars().count() <= 80 || line.split_whitespace().nth(1).is_none(), "{line}");
    }
}

#[test]
fn colours_are_those_that_are_asked_for() {
    let context = TestContext::new(WorldShape { projects: 1, ..WorldShape::default() }, vec![]);
    context.added();
    let coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = context.command(&[&["instance", "list"], arguments].concat());
        done(command.envs(variables.iter().copied()).output().unwrap()).stdout.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[("TERM", "xterm")]), "this is no terminal");
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1"), ("TERM", "dumb")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    let help = done(context.command(&["--help", "--color=always"]).output().unwrap()).stdout;
    assert!(help.contains('\u{1b}'));
    let wrong = done(context.command(&["instance", "nothing", "--color=always"]).output().unwrap()).stderr;
    assert!(wrong.contains('\u{1b}'), "{wrong}");
}
