//! What commands print: tables for people, JSON for programs.

use std::{
    borrow::Cow,
    env,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use appsec_model::{Severity, Timestamp};
use comfy_table::{Cell, Color, ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;

use super::error::Failure;

/// A line under the header and no others: rows are read, and cut out by tools.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));

/// How to print.
#[derive(Clone, Copy)]
pub struct Output {
    json: bool,
    colours: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        // https://no-color.org: set and not empty.
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { json, colours: !no_color && io::stdout().is_terminal() }
    }

    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: as JSON if that was asked for, else as `show` does.
    pub fn result<T: Serialize>(self, value: &T, show: impl FnOnce(&T)) -> Result<(), Failure> {
        if self.json {
            print_json(value)?;
        } else {
            show(value);
        }
        Ok(())
    }

    /// Prints a line for people.
    pub fn line(self, text: impl AsRef<str>) {
        if !self.json {
            // A reader that went away, such as `head`, is no failure.
            let _ = writeln!(io::stdout(), "{}", harmless(text.as_ref(), self.colours));
        }
    }

    /// Prints a failure on standard error.
    pub fn failure(self, failure: &Failure) {
        let mut stderr = io::stderr().lock();
        let _ = if self.json {
            serde_json::to_writer_pretty(&mut stderr, &failure.report)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(stderr))
        } else {
            let owner = failure.owner.as_ref().map(|owner| format!("{owner}: ")).unwrap_or_default();
            let message = harmless(&failure.report.message, false);
            writeln!(stderr, "error: {owner}{message}").and_then(|()| match &failure.report.remedy {
                Some(remedy) => writeln!(stderr, "  to do: {remedy}"),
                None => Ok(()),
            })
        };
    }

    /// A table that fits the terminal.
    pub fn table(self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
        if self.colours {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(header);
        table
    }

    /// Prints a table.
    pub fn print(self, table: &Table) {
        self.line(table.to_string());
    }
}

/// A text without what a terminal acts on: titles, names and messages are a
/// vendor's or a connector's. Of escape sequences, those for colours stay where
/// colours are shown.
fn harmless(text: &str, colours: bool) -> Cow<'_, str> {
    let suspicious = |sign: char| sign.is_control() && !matches!(sign, '\n' | '\t');
    if !text.contains(suspicious) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(suspicious) {
        let (before, found) = rest.split_at(at);
        shown.push_str(before);
        let colour = if colours { colour(found) } else { 0 };
        let length = if colour > 0 { colour } else { found.chars().next().map_or(1, char::len_utf8) };
        let (sequence, behind) = found.split_at(length);
        shown.push_str(if colour > 0 { sequence } else { "\u{fffd}" });
        rest = behind;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// The length of the sequence for a colour that a text begins with.
fn colour(text: &str) -> usize {
    let Some(numbers) = text.strip_prefix("\u{1b}[") else { return 0 };
    let length = numbers.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    if numbers.get(length..).is_some_and(|end| end.starts_with('m')) { length + 3 } else { 0 }
}

/// Prints JSON. A reader that went away, such as `head`, is no failure.
pub fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let printed = serde_json::to_writer_pretty(&mut stdout, value).map_err(io::Error::from);
    match printed.and_then(|()| writeln!(stdout)) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A cell in the colour of its severity.
pub fn severity(severity: Severity) -> Cell {
    let cell = Cell::new(severity.as_str());
    match severity {
        Severity::Critical => cell.fg(Color::Magenta),
        Severity::High => cell.fg(Color::Red),
        Severity::Medium => cell.fg(Color::Yellow),
        Severity::Low => cell.fg(Color::Blue),
        Severity::Info | Severity::Unknown => cell,
    }
}

/// A moment as people read it: to the second.
pub fn moment(moment: Timestamp) -> String {
    let text = moment.to_string();
    let seconds = text.split(['.', 'Z']).next().unwrap_or(&text);
    seconds.replace('T', " ")
}

/// A size as people read it.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{:.1} {unit}", bytes as f64 / *size as f64),
        None => format!("{bytes} B"),
    }
}

/// Largest resident memory of this process so far, as Linux tells it.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// A text on one line, cut to a number of signs.
pub fn short(text: &str, signs: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= signs {
        return line;
    }
    line.chars().take(signs.saturating_sub(1)).chain(['…']).collect()
}

/// The user's data folder for this program.
pub fn default_data_dir() -> Result<PathBuf, Failure> {
    directories::ProjectDirs::from("", "", "appsec-harness").map(|dirs| dirs.data_dir().to_owned()).ok_or_else(|| {
        Failure::new(
            "no-data-dir",
            "this system has no home folder for this user",
            Some("give one with --data-dir DIR"),
        )
    })
}

/// Starts the log on standard error. Guests' lines are part of it, under the
/// target `guest`.
pub fn start_log(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    let targets = tracing_subscriber::filter::Targets::new()
        .with_target("host_harness", level)
        .with_target("harness", level)
        .with_target("guest", level);
    use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
    let ansi = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let printed = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(ansi).without_time();
    tracing_subscriber::registry().with(targets).with(printed).init();
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn a_terminal_gets_nothing_to_act_on_but_colours() {
        let text = "\u{1b}[2Ja\u{1b}]0;title\u{7}\r\u{9b}31m\u{1b}[1;31mred\u{1b}[0m\tb\nc\u{1b}";
        assert_eq!(
            harmless(text, true),
            "\u{fffd}[2Ja\u{fffd}]0;title\u{fffd}\u{fffd}\u{fffd}31m\u{1b}[1;31mred\u{1b}[0m\tb\nc\u{fffd}"
        );
        assert!(!harmless(text, false).contains('\u{1b}'));
        assert_eq!(harmless("plain\n", false), "plain\n");
    }
}
