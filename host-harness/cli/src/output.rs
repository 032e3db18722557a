//! What commands print: tables for people, JSON for programs.

use std::{
    borrow::Cow,
    env,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use appsec_model::{Severity, Timestamp};
use comfy_table::{Cell, Color, Column, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use host_harness::FindingId;
use serde::Serialize;

use super::{
    error::Failure,
    stdout::{self, stdout},
};

/// A line under the header and no others: rows are read, and cut out by tools.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));

/// Columns whose cells are given to other commands: a part of one is nothing.
const IDS: [&str; 6] = ["FINDING", "ISSUE", "ID", "RUN", "VENDOR ID", "WOULD VANISH"];

/// Signs of the longest id that is kept in one piece. A vendor's may be of any
/// length.
const ID: u16 = 64;

/// Signs that every other column keeps, however narrow the terminal is.
const LEAST: u16 = 5;

/// How to print.
#[derive(Clone, Copy)]
pub struct Output {
    json: bool,
    colours: bool,
    /// The columns of the terminal; none where there is no terminal, or one that
    /// does not tell.
    width: Option<u16>,
}

impl Output {
    pub fn new(json: bool) -> Self {
        // https://no-color.org: set and not empty.
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        // Some terminals tell 0 for what they do not know.
        let width = Table::new().width().filter(|width| *width > 0);
        Self { json, colours: !no_color && io::stdout().is_terminal(), width }
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
            stdout::print(&format!("{}\n", harmless(text.as_ref(), self.colours)));
        }
    }

    /// Asks a person at the terminal; the answer is to be read behind it.
    pub fn question(self, text: &str) {
        stdout::print(&harmless(text, self.colours));
        let _ = stdout().flush();
    }

    /// Prints what the command line says of itself, such as its help.
    pub fn help(self, help: &clap::builder::StyledStr) {
        stdout::print(&if self.colours { help.ansi().to_string() } else { help.to_string() });
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
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
        if self.colours {
            table.enforce_styling();
        }
        table.set_header(header);
        for (column, name) in table.column_iter_mut().zip(header) {
            if IDS.contains(name) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            } else if name.parse::<FindingId>().is_ok() {
                // Facts about one thing, with its id above them.
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(name.len() as u16)));
            }
        }
        table
    }

    /// Prints a table.
    pub fn print(self, table: &Table) {
        self.line(self.arranged(table).to_string());
    }

    /// A table as it fits the terminal: where that is narrow, with little space
    /// between the columns. What cannot be broken, and a little of all else, makes
    /// lines longer than the terminal is wide.
    fn arranged(self, table: &Table) -> Cow<'_, Table> {
        let Some(width) = self.width else { return Cow::Borrowed(table) };
        let contents = table.column_max_content_widths();
        let sum = |widths: &mut dyn Iterator<Item = u16>| widths.fold(1_u16, |all, it| all.saturating_add(it + 1));
        let paddings = table.column_iter().map(Column::padding_width);
        if sum(&mut contents.iter().zip(paddings).map(|(content, padding)| content.saturating_add(padding))) <= width {
            return Cow::Borrowed(table);
        }
        let mut table = table.clone();
        let least = table.column_iter_mut().zip(contents).map(|(column, content)| {
            column.set_padding((0, 0));
            match column.constraint() {
                Some(ColumnConstraint::ContentWidth) if content <= ID => content,
                Some(ColumnConstraint::LowerBoundary(Width::Fixed(least))) => *least,
                _ => {
                    column.remove_constraint();
                    content.min(LEAST)
                }
            }
        });
        let least = sum(&mut least.collect::<Vec<_>>().into_iter());
        table.set_width(width.max(least));
        Cow::Owned(table)
    }
}

/// A text without what a terminal acts on: titles, names and messages are a
/// vendor's or a connector's. Of escape sequences, those for colours stay where
/// colours are shown.
pub fn harmless(text: &str, colours: bool) -> Cow<'_, str> {
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

/// Prints JSON.
pub fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(stdout());
    let printed = serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from);
    stdout::written(printed.and_then(|()| writeln!(out)).and_then(|()| out.flush()))
}

/// Prints a remark on standard error, beside the result.
pub fn remark(text: impl AsRef<str>) {
    // Where nobody listens nothing can be told.
    let _ = writeln!(io::stderr(), "{}", harmless(text.as_ref(), false));
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
    use super::{Output, harmless};

    const ID: &str = "0123456789abcdef";

    fn printed(width: Option<u16>, header: &[&str], row: &[&str]) -> String {
        let output = Output { json: false, colours: false, width };
        let mut table = output.table(header);
        table.add_row(row);
        output.arranged(&table).to_string()
    }

    #[test]
    fn ids_are_never_broken_and_all_else_fits_the_terminal() {
        let header = ["FINDING", "SEVERITY", "TITLE", "WHERE"];
        let title = "A title that is rather long, and has many words to say what is wrong";
        let row = [ID, "critical", title, "src/a/path/that/is/long.rs:12"];
        for width in [1, 20, 35, 40, 60, 80] {
            let text = printed(Some(width), &header, &row);
            assert!(text.contains(ID), "{width}:\n{text}");
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            let least = 16 + 3 * 5 + 5;
            assert!(widest <= usize::from(width).max(least), "{width}: {widest}\n{text}");
        }
        let text = printed(None, &header, &row);
        assert!(text.contains(title) && text.lines().count() == 3, "{text}");
        assert!(printed(Some(10), &["finding", ID], &["title", title]).contains(ID));
        // Whoever gives ids of any length does not make lines of any length.
        let text = printed(Some(80), &["VENDOR ID", "REF"], &[&"a".repeat(500), "main"]);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

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
