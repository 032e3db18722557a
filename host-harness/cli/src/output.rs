//! What commands print: tables for people, JSON for programs.

use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
};

use clap::error::ContextValue;
use host_harness::columns::{Column, CsvWriter, Value};
pub use host_harness::{
    exports::text::{joined, short},
    moment,
};
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Writer},
    },
    registry::LookupSpan,
};

use terminal_size::terminal_size_of;

use super::{
    error::Failure,
    screen::{self, Screen},
    stdout::{self, stdout},
    style::{Colours, Style},
    table::{Cell, Facts, Shown, Table, prose},
    text,
};

/// The option of lists that are printed as CSV too.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct CsvArg {
    /// Print CSV (RFC 4180); cells that look like formulas get a leading apostrophe
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    csv: bool,
}

impl CsvArg {
    pub fn is_given(self) -> bool {
        self.csv
    }
}

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    when: Colours,
    screen: Screen,
}

impl Output {
    pub fn new(json: bool, when: Colours) -> Self {
        Self { json, when, screen: Screen::new(when.on(&io::stdout()), terminal_size_of(io::stdout())) }
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

    /// Prints a list: its rows as CSV if that was asked for, else like a result.
    pub fn listed<T: Serialize, R>(
        self,
        as_csv: CsvArg,
        (columns, rows): (&[Column<R>], &[R]),
        list: &T,
        show: impl FnOnce(&T),
    ) -> Result<(), Failure> {
        if as_csv.csv { print_csv(columns, rows) } else { self.result(list, show) }
    }

    /// Prints a line for people.
    pub fn line(self, text: impl AsRef<str>) {
        if !self.json {
            stdout::print(&format!("{}\n", self.fitted(&text::line(text.as_ref()))));
        }
    }

    /// Prints a line for people, of which a word says how it is.
    pub fn verdict(self, before: &str, (word, style): (&str, Style), after: &str) {
        if self.json {
            return;
        }
        let before = text::line(before);
        let fitted = self.fitted(&format!("{before}{word}{}", text::line(after)));
        let behind =
            fitted.split_at_checked(before.len()).and_then(|(before, rest)| Some((before, rest.split_once(word)?)));
        stdout::print(&match behind {
            Some((before, (gap, rest))) => format!("{before}{gap}{}{rest}\n", self.screen.painted(word, style)),
            // A line's end lies within it.
            None => format!("{fitted}\n"),
        });
    }

    /// A line as it fits the terminal.
    fn fitted(self, line: &str) -> String {
        text::fenced(&prose(line, self.screen.width)).into_owned()
    }

    /// Whether what is printed on standard error is coloured.
    pub fn colours_errors(self) -> bool {
        self.when.on(&io::stderr())
    }

    /// Prints a command for people to type, or to copy: it is not broken.
    pub fn command(self, command: &str) {
        if !self.json {
            stdout::print(&format!("  {}\n", text::fenced(&text::line(command))));
        }
    }

    /// Prints a message of the program for people, indented.
    pub fn message(self, text: &str) {
        if !self.json {
            stdout::print(&format!("{}\n", self.fitted(&format!("  {}", text::message(text)))));
        }
    }

    /// Prints what to do about a run's message, below it.
    pub fn hint(self, hint: &str) {
        if !self.json {
            stdout::print(&format!("{}\n", self.fitted(&format!("  {}", hinted(hint)))));
        }
    }

    /// Asks a person at the terminal; the answer is to be read behind it.
    pub fn question(self, text: &str) {
        stdout::print(&text::fenced(&text::line(text)));
        let _ = stdout().flush();
    }

    /// Prints what the command line says of itself, such as its help.
    pub fn help(self, help: &clap::builder::StyledStr) {
        stdout::print(&if self.screen.colours { help.ansi().to_string() } else { help.to_string() });
    }

    /// Prints the help of a command of which a part is missing, on standard error.
    pub fn missing(self, help: &clap::builder::StyledStr) {
        // Where nobody listens nothing can be told.
        let _ = match self.colours_errors() {
            true => write!(io::stderr(), "{}", help.ansi()),
            false => write!(io::stderr(), "{help}"),
        };
    }

    /// Prints why the arguments are wrong, on standard error.
    pub fn usage(self, said: &mut clap::Error) {
        let shown = usage(said);
        let shown = match said.render() {
            usual if usual.to_string() == shown && self.colours_errors() => usual.ansi().to_string(),
            _ => shown,
        };
        let _ = write!(io::stderr(), "{}", prose(&shown, errors_width()));
    }

    /// Prints a failure on standard error.
    pub fn failure(self, failure: &Failure) {
        let mut stderr = io::stderr().lock();
        let _ = if self.json {
            text::json_line(&mut stderr, &failure.report).and_then(|()| writeln!(stderr))
        } else {
            write!(stderr, "{}", text::fenced(&prose(&told(failure), errors_width())))
        };
    }

    /// A list, with the names of its columns.
    pub fn table(self, header: &[&str]) -> Table {
        Table::new(header)
    }

    /// Rows under the columns that the library has for them.
    pub fn list<R>(self, columns: &[Column<R, Value>], rows: &[R]) -> Table {
        let mut table = Table::new(columns.iter().map(|it| it.name));
        rows.iter().for_each(|row| table.add_row(columns.iter().map(|it| Cell::from((it.of)(row)))));
        table
    }

    /// Facts about one thing, with its name above them.
    pub fn facts(self, kind: &str, name: &str) -> Facts {
        Facts::new(kind, name)
    }

    /// Prints a list or facts.
    pub fn print(self, shown: &impl Shown) {
        if !self.json {
            stdout::print(&text::fenced(&shown.shown(self.screen)));
        }
    }
}

/// The columns of the terminal that errors are shown on.
pub fn errors_width() -> Option<usize> {
    screen::columns(terminal_size_of(io::stderr()))
}

/// What is wrong with arguments, which are shown in it.
fn usage(said: &mut clap::Error) -> String {
    let clean = |text: &String| text::whole(text).into_owned();
    let cleaned: Vec<_> = said
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(clean(text)))),
            ContextValue::Strings(texts) => Some((kind, ContextValue::Strings(texts.iter().map(clean).collect()))),
            _ => None,
        })
        .collect();
    for (kind, value) in cleaned {
        said.insert(kind, value);
    }
    let lines = said.render().to_string();
    let lines = lines.split('\n').map(text::whole).collect::<Vec<_>>().join("\n");
    text::fenced(&lines).into_owned()
}

/// A failure in words. What to do is the last line, and no other one.
fn told(failure: &Failure) -> String {
    let instance_path =
        failure.instance_path.as_ref().map(|instance_path| format!("{instance_path}: ")).unwrap_or_default();
    let message = text::message(&failure.report.message);
    let hint = failure.report.hint.as_ref().map(|it| format!("  {}\n", hinted(it)));
    let lines = format!("error: {}{message}\n{}", text::line(&instance_path), hint.unwrap_or_default());
    text::fenced(&lines).into_owned()
}

/// What to do, as it is shown below what happened.
fn hinted(hint: &str) -> String {
    format!("{} {}", text::HINT, text::line(hint))
}

/// Prints JSON.
pub fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(stdout());
    let printed = text::json_lines(&mut out, value);
    stdout::written(printed.and_then(|()| writeln!(out)).and_then(|()| out.flush()))
}

/// A path as a shell takes it for one word.
pub fn quoted(path: &str) -> String {
    let is_plain = |sign: char| sign.is_alphanumeric() || "/._-+@:,".contains(sign);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Prints rows as CSV.
pub fn print_csv<R>(columns: &[Column<R>], rows: &[R]) -> Result<(), Failure> {
    let print = || {
        let mut csv = CsvWriter::new(columns, stdout())?;
        rows.iter().try_for_each(|row| csv.write(row))?;
        csv.end()
    };
    stdout::written(print())
}

/// Prints a remark on standard error, beside the result.
pub fn remark(text: impl AsRef<str>) {
    // Where nobody listens nothing can be told.
    let _ = writeln!(io::stderr(), "{}", text::fenced(&prose(&text::line(text.as_ref()), errors_width())));
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

/// The user's data folder for this program.
pub fn default_data_dir() -> Result<PathBuf, Failure> {
    directories::ProjectDirs::from("", "", "appsec-harness").map(|dirs| dirs.data_dir().to_owned()).ok_or_else(|| {
        Failure::new("no-data-dir", "this user has no home directory", Some("give one with --data-dir DIR"))
    })
}

/// Starts the log on standard error. Guests' lines are part of it, under the
/// target `guest`.
pub fn start_log(verbose: u8, colours: Colours) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    let targets = tracing_subscriber::filter::Targets::new()
        // All crates of the host by the beginning of their names.
        .with_target("appsec_", level)
        .with_target("host_harness", level)
        .with_target("harness", level)
        .with_target("guest", level);
    use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
    let ansi = colours.on(&io::stderr());
    let registry = tracing_subscriber::registry().with(targets);
    let printed = tracing_subscriber::fmt::layer().fmt_fields(Values).with_writer(io::stderr).with_ansi(ansi);
    match verbose {
        0 => registry.with(printed.event_format(Sentence)).init(),
        _ => registry.with(printed.without_time()).init(),
    }
}

/// An event for whoever did not ask for the log: whom it is about, what happened,
/// and why.
struct Sentence;

impl<S, N> FormatEvent<S, N> for Sentence
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let word = if *event.metadata().level() == tracing::Level::ERROR { "error" } else { "warning" };
        let sentence = prose(&said.sentence(word), errors_width()).into_owned();
        writeln!(writer, "{}", text::fenced(&sentence))
    }
}

/// What an event says, part by part.
#[derive(Default)]
struct Said {
    about: Vec<String>,
    message: String,
    why: String,
    more: Vec<String>,
}

impl Said {
    fn sentence(&self, word: &str) -> String {
        let about = self.about.join("/");
        let parts = [word, &about, &self.message, &self.why].into_iter().filter(|part| !part.is_empty());
        let sentence = parts.collect::<Vec<_>>().join(": ");
        let more = if self.more.is_empty() { String::new() } else { format!(" ({})", self.more.join(", ")) };
        text::line(&(sentence + &more)).into_owned()
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "error" => value.clone_into(&mut self.why),
            "instance_path" | "tenant" | "instance" => self.about.push(value.to_owned()),
            name => self.more.push(format!("{name} {value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_str(field, &value.to_string());
    }
}

/// What an event of the log holds, on one line.
struct Values;

impl<'writer> FormatFields<'writer> for Values {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        writer.write_str(&text::whole(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Said, told, usage};

    #[test]
    fn an_event_is_a_sentence_for_whoever_did_not_ask_for_the_log() {
        let said = Said {
            about: vec!["default".to_owned(), "code".to_owned()],
            message: "webhooks are notified later".to_owned(),
            why: "no\n::error::x".to_owned(),
            more: vec!["id 7".to_owned()],
        };
        let sentence = said.sentence("warning");
        assert_eq!(sentence, "warning: default/code: webhooks are notified later: no␤::error::x (id 7)");
    }

    #[test]
    fn a_failure_is_told_in_lines_of_the_program() {
        let mut failure = Failure::new("x", "a\n::error::b\n  hint: run this\n  connector: c", Some("wait\n::d"));
        failure.instance_path = Some("default/x".to_owned());
        assert_eq!(
            told(&failure),
            "error: default/x: a␤::error::b␤  hint: run this\n  connector: c\n  hint: wait␤::d\n"
        );
    }

    #[test]
    fn wrong_usage_quotes_no_command() {
        let command =
            || clap::Command::new("x").arg(clap::Arg::new("n").long("n").value_parser(clap::value_parser!(u8)));
        for evil in ["--a\n::error::x", "--n=\n::error::\u{1b}[8mx", "b\n::error::##vso[x]\u{202e}"] {
            let mut said = command().try_get_matches_from(["x", evil]).unwrap_err();
            let shown = usage(&mut said);
            let lines = || shown.lines();
            assert!(lines().any(|line| line.contains("::error")), "{shown}");
            assert!(!lines().any(|line| line.trim_start().starts_with("::") || line.contains("##vso")), "{shown}");
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
        }
    }
}
