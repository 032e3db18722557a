//! What commands print: tables for people, JSON for programs.

use std::{
    borrow::Cow,
    env, fmt,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use appsec_model::{Severity, Timestamp};
use clap::error::ContextValue;
pub use comfy_table::Color;
use comfy_table::{Column, ColumnConstraint, ContentArrangement, LineStyle, TableStyle, Width};
use host_harness::FindingId;
use serde::Serialize;
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FormatFields,
        format::{DefaultFields, Writer},
    },
};

use super::{
    error::Failure,
    stdout::{self, stdout},
    text,
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
        let width = comfy_table::Table::new().width().filter(|width| *width > 0);
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
            stdout::print(&format!("{}\n", text::fenced(&text::line(text.as_ref()))));
        }
    }

    /// Prints a message of the program for people, indented.
    pub fn message(self, text: &str) {
        if !self.json {
            stdout::print(&text::fenced(&format!("  {}\n", text::message(text))));
        }
    }

    /// Prints what to do about a run's message, below it.
    pub fn hint(self, hint: &str) {
        if !self.json {
            stdout::print(&text::fenced(&format!("  {}\n", hinted(hint))));
        }
    }

    /// Asks a person at the terminal; the answer is to be read behind it.
    pub fn question(self, text: &str) {
        stdout::print(&text::fenced(&text::line(text)));
        let _ = stdout().flush();
    }

    /// Prints what the command line says of itself, such as its help.
    pub fn help(self, help: &clap::builder::StyledStr) {
        stdout::print(&if self.colours { help.ansi().to_string() } else { help.to_string() });
    }

    /// Prints why the arguments are wrong, on standard error.
    pub fn usage(self, said: &mut clap::Error) {
        let shown = usage(said);
        // Where nobody listens nothing can be told.
        let _ = if said.render().to_string() == shown { said.print() } else { write!(io::stderr(), "{shown}") };
    }

    /// Prints a failure on standard error.
    pub fn failure(self, failure: &Failure) {
        let mut stderr = io::stderr().lock();
        let _ = if self.json {
            text::json_lines(&mut stderr, &failure.report).and_then(|()| writeln!(stderr))
        } else {
            write!(stderr, "{}", told(failure))
        };
    }

    /// A table that fits the terminal.
    pub fn table(self, header: &[&str]) -> Table {
        let mut table = comfy_table::Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
        if self.colours {
            table.enforce_styling();
        }
        table.set_header(header.iter().map(|name| text::line(name).into_owned()));
        for (column, name) in table.column_iter_mut().zip(header) {
            if IDS.contains(name) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            } else if name.parse::<FindingId>().is_ok() {
                // Facts about one thing, with its id above them.
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(name.len() as u16)));
            }
        }
        Table(table)
    }

    /// Facts about one thing, with its name above them.
    pub fn facts(self, kind: &str, name: &str) -> Facts {
        Facts(self.table(&[kind, name]))
    }

    /// Prints a table.
    pub fn print(self, table: &Table) {
        if !self.json {
            stdout::print(&format!("{}\n", self.shown(table)));
        }
    }

    fn shown(self, table: &Table) -> String {
        text::fenced(&self.arranged(&table.0).to_string()).into_owned()
    }

    /// A table as it fits the terminal: where that is narrow, with little space
    /// between the columns. What cannot be broken, and a little of all else, makes
    /// lines longer than the terminal is wide.
    fn arranged(self, table: &comfy_table::Table) -> Cow<'_, comfy_table::Table> {
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

/// A table, whose cells are texts of others before they get a colour.
pub struct Table(comfy_table::Table);

impl Table {
    /// Adds a row.
    pub fn add_row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.0.add_row(cells.into_iter().map(|cell| cell.into().0));
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A cell of a table. What it is made of stays on one line, if nothing else is
/// said.
pub struct Cell(comfy_table::Cell);

impl Cell {
    /// A text of several lines.
    pub fn text(text: &str) -> Self {
        Self(comfy_table::Cell::new(text::lines(text)))
    }

    /// Several texts, each on a line of its own.
    pub fn list(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let lines = texts.into_iter().map(|text| text::line(text.as_ref()).into_owned());
        Self(comfy_table::Cell::new(lines.collect::<Vec<_>>().join("\n")))
    }

    /// The same in a colour.
    pub fn fg(self, colour: Color) -> Self {
        Self(self.0.fg(colour))
    }

    fn is_empty(&self) -> bool {
        self.0.content().is_empty()
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self(comfy_table::Cell::new(text::line(&text.to_string())))
    }
}

/// Facts about one thing: a table of two columns, without what is empty.
pub struct Facts(pub Table);

impl Facts {
    /// Adds a fact, if there is one.
    pub fn add(&mut self, name: &str, value: Option<impl Into<Cell>>) {
        if let Some(value) = value.map(Into::into).filter(|value| !value.is_empty()) {
            self.0.add_row([name.into(), value]);
        }
    }
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

/// Prints a remark on standard error, beside the result.
pub fn remark(text: impl AsRef<str>) {
    // Where nobody listens nothing can be told.
    let _ = writeln!(io::stderr(), "{}", text::fenced(&text::line(text.as_ref())));
}

/// A cell in the colour of its severity.
pub fn severity(severity: Severity) -> Cell {
    let cell = Cell::from(severity.as_str());
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
    let printed = tracing_subscriber::fmt::layer().fmt_fields(Values).with_writer(io::stderr).with_ansi(ansi);
    tracing_subscriber::registry().with(targets).with(printed.without_time()).init();
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
    use appsec_model::Severity;

    use super::{Cell, Color, Failure, Output, severity, told, usage};

    const ID: &str = "0123456789abcdef";

    fn printed(width: Option<u16>, header: &[&str], row: &[&str]) -> String {
        let output = Output { json: false, colours: false, width };
        let mut table = output.table(header);
        table.add_row(row);
        output.shown(&table)
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

    /// Tables with a title in the middle of them, with and without colours, on
    /// terminals of several widths.
    fn tables(title: &str) -> Vec<(bool, String)> {
        let forms = [(false, None), (true, None), (true, Some(200)), (true, Some(30)), (true, Some(1))];
        let shown = forms.map(|(colours, width)| {
            let output = Output { json: false, colours, width };
            let mut table = output.table(&["SEVERITY", "TITLE", title]);
            table.add_row([severity(Severity::High), title.into(), Cell::text(title)]);
            table.add_row([Cell::list([title, title]), Cell::from(title).fg(Color::Red), "end".into()]);
            (colours, output.shown(&table))
        });
        shown.to_vec()
    }

    /// A text without the colours that tables give it.
    fn without_own_colours(text: &str) -> String {
        ["38;5;9", "38;5;1", "39", "0"]
            .iter()
            .fold(text.to_owned(), |text, own| text.replace(&format!("\u{1b}[{own}m"), ""))
    }

    #[test]
    fn a_terminal_gets_nothing_to_act_on_but_colours() {
        let text = "\u{1b}[2Ja\u{1b}]0;title\u{7}\r\u{9b}31m\u{1b}[1;31mred\u{1b}[0m\tb\nc\u{1b}\u{7f}\u{202e}\u{2028}";
        for (_, shown) in tables(text) {
            let shown = without_own_colours(&shown);
            assert!(!shown.contains(|sign: char| sign != '\n' && sign.is_control()), "{shown:?}");
            assert!(!shown.contains(['\u{202e}', '\u{2028}']), "{shown:?}");
        }
        let mut json = Vec::new();
        super::text::json_lines(&mut json, &text).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert!(!json.contains(|sign: char| sign.is_control() || !sign.is_ascii()), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn a_title_brings_no_colour_of_its_own() {
        for (colours, shown) in tables("A \u{1b}[8mhidden\u{1b}[30;40m \u{1b}[39m text \u{1b}[999999999m \u{9b}8m") {
            assert_eq!(shown.contains('\u{1b}'), colours, "{shown:?}");
            let own = tables("A hidden text").into_iter().find(|it| it.0 == colours).unwrap().1;
            let colours = |text: &str| -> Vec<String> {
                let found = text.split('\u{1b}').skip(1).map(|it| it.split('m').next().unwrap().to_owned());
                found.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
            };
            assert_eq!(colours(&shown), colours(&own), "{shown:?}");
        }
    }

    #[test]
    fn no_line_of_a_table_is_a_command() {
        for (_, shown) in tables("::error::x\n::error::y ::error::z") {
            assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
        }
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
