//! What commands print: tables for people, JSON for programs.

use std::{
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
            let _ = writeln!(io::stdout(), "{}", text.as_ref());
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
            writeln!(stderr, "error: {owner}{}", failure.report.message).and_then(|()| match &failure.report.remedy {
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
