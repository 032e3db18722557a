//! Lists and facts, as wide as there is room.
//!
//! Nothing that somebody may want to copy is broken: lines are broken between
//! words alone. Where a list is wider than the terminal, its longest texts are
//! broken first; then the columns are left out that the list can do without;
//! and where that is not enough, each row is a block of several lines with all
//! that it has.

use std::{borrow::Cow, collections::HashMap};

use appsec_model::{Severity, Timestamp};
use host_harness::{columns::Value, exports::text::short};
use textwrap::{Options, WordSeparator, WordSplitter, core::display_width};

use super::{
    screen::Screen,
    style::{self, Style},
    text,
};

/// Between columns.
const GAP: &str = "  ";

/// A text that is not wider stays in one piece.
const WHOLE: usize = 24;

/// Without a terminal, longer texts move what is behind them in their row alone.
const ALIGNED: usize = 40;

/// A cell: lines of one style. What it is made of stays on one line, if nothing
/// else is said.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    lines: Vec<String>,
    style: Style,
    form: Form,
}

/// What a cell holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Form {
    #[default]
    Text,
    Number,
    Time,
}

impl Cell {
    fn line(text: &str) -> Self {
        Self { lines: vec![text::line(text).into_owned()], ..Self::default() }
    }

    /// A text of several lines.
    pub fn text(text: &str) -> Self {
        Self { lines: text::lines(text).split('\n').map(str::to_owned).collect(), ..Self::default() }
    }

    /// Several texts, each on a line of its own.
    pub fn list(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let lines = texts.into_iter().map(|text| text::line(text.as_ref()).into_owned());
        Self { lines: lines.collect(), ..Self::default() }
    }

    /// A state, by its word.
    pub fn state(word: &str) -> Self {
        Self::from(word).styled(style::state(word))
    }

    /// A number, with its unit.
    #[expect(clippy::needless_pass_by_value, reason = "numbers, and texts made for this cell")]
    pub fn number(text: impl ToString) -> Self {
        Self { form: Form::Number, ..Self::from(text.to_string()) }
    }

    /// The same in a style.
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }

    fn is_empty(&self) -> bool {
        self.lines.iter().all(String::is_empty)
    }

    /// Its text on one line, with the zone of a time.
    fn joined(&self) -> String {
        let text = self.lines.iter().filter(|line| !line.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ");
        if self.form == Form::Time && !text.is_empty() { format!("{text} UTC") } else { text }
    }

    fn width(&self) -> usize {
        self.lines.iter().map(|line| display_width(line)).max().unwrap_or_default()
    }

    /// How narrow it can be.
    fn least(&self) -> usize {
        self.lines.iter().map(|line| least(line)).max().unwrap_or_default()
    }
}

macro_rules! cell_of_text {
    ($($type:ty),+) => {
        $(impl From<$type> for Cell {
            fn from(text: $type) -> Self {
                Self::line(text.as_ref())
            }
        })+
    };
}

macro_rules! cell_of_number {
    ($($type:ty),+) => {
        $(impl From<$type> for Cell {
            fn from(number: $type) -> Self {
                Self::number(number)
            }
        })+
    };
}

cell_of_text!(&str, String, &String, &&str, Cow<'_, str>);
cell_of_number!(u8, u32, u64, usize, i64);

impl From<Severity> for Cell {
    fn from(severity: Severity) -> Self {
        Self::from(severity.as_str()).styled(style::severity(severity))
    }
}

/// Signs of a title that a list shows.
const TITLE: usize = 120;

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => text.into(),
            Value::Title(text) => short(&text, TITLE).into(),
            Value::List(texts) => Self::list(texts),
            Value::State(word) => Self::state(&word),
            Value::Severity(severity) => severity.into(),
            Value::Number(number) => number.into(),
        }
    }
}

/// A moment, to the second, in UTC: its column or its row says so.
impl From<Timestamp> for Cell {
    fn from(moment: Timestamp) -> Self {
        Self { form: Form::Time, ..Self::from(host_harness::seconds(moment)) }
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(Self::default, Into::into)
    }
}

/// The cells of a row, of whatever each is made.
macro_rules! cells {
    ($($cell:expr),* $(,)?) => { [$($crate::table::Cell::from($cell)),*] };
}
pub(crate) use cells;

/// What is printed as it fits.
pub trait Shown {
    /// Its lines.
    fn shown(&self, screen: Screen) -> String;
}

/// A list.
#[derive(Debug)]
pub struct Table {
    header: Vec<String>,
    /// Columns that it can do without, the first one first.
    spare: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(header: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let header = header.into_iter().map(|name| text::line(name.as_ref()).into_owned()).collect();
        Self { header, spare: &[], rows: Vec::new() }
    }

    /// Names columns that are left out where there is no room, the first one
    /// first.
    pub fn spare(self, spare: &'static [&'static str]) -> Self {
        Self { spare, ..self }
    }

    /// Adds a row.
    pub fn add_row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn column(&self, at: usize) -> Column<'_> {
        let key = self.header.get(at).map(String::as_str).unwrap_or_default();
        let cells: Vec<Option<&Cell>> = self.rows.iter().map(|row| row.get(at)).collect();
        let filled = || cells.iter().copied().flatten().filter(|cell| !cell.is_empty());
        let is_time = filled().any(|cell| cell.form == Form::Time);
        let name = if is_time { Cow::Owned(format!("{key} (UTC)")) } else { Cow::Borrowed(key) };
        let is_filled = filled().next().is_some();
        let is_number = is_filled && filled().all(|cell| cell.form == Form::Number);
        let (head, head_least) = (display_width(&name), least(&name));
        let width = filled().map(Cell::width).max().unwrap_or_default().max(head);
        let least = filled().map(Cell::least).max().unwrap_or_default().max(head_least);
        Column { key, name, cells, is_filled, is_number, width, least }
    }

    /// Each row as a block: what names it, and all that it has.
    fn blocks(&self, screen: Screen, columns: &[Column<'_>], width: usize) -> String {
        let mut shown = String::new();
        for row in 0..self.rows.len() {
            let mut lines = Packed::new(width);
            for column in columns {
                let Some(cell) = column.cells.get(row).copied().flatten().filter(|cell| !cell.is_empty()) else {
                    continue;
                };
                let value = cell.joined();
                // The first says which row it is, and needs no name.
                let name = if lines.is_empty() { String::new() } else { column.key.to_lowercase() };
                lines.add(&name, &value, |part, is_name| {
                    screen.painted(part, if is_name { style::FAINT } else { cell.style })
                });
            }
            shown.push_str(&lines.end());
        }
        shown
    }
}

impl Shown for Table {
    /// Each line begins with a blank, and not with what others say.
    fn shown(&self, screen: Screen) -> String {
        let within = screen.narrower(1);
        let lines = self.fitted(within);
        lines.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!(" {line}\n") }).collect()
    }
}

impl Table {
    fn fitted(&self, screen: Screen) -> String {
        let all: Vec<Column<'_>> = (0..self.header.len()).map(|at| self.column(at)).collect();
        let Some(width) = screen.width else {
            let widths = all.iter().map(|it| it.width.min(ALIGNED)).collect::<Vec<_>>();
            return grid(screen, &all, &widths, false);
        };
        let mut columns = all.clone();
        let empty = all.iter().filter(|it| !it.is_filled).map(|it| it.key);
        let mut spare = empty.chain(self.spare.iter().copied());
        loop {
            if let Some(widths) = widths(&columns, width) {
                return grid(screen, &columns, &widths, true);
            }
            match spare.next() {
                Some(name) if self.tells_apart(name, &all) => {}
                Some(name) => columns.retain(|it| it.key != name),
                None => return self.blocks(screen, &all, width),
            }
        }
    }

    /// Whether two rows of one name are told apart by whose they are.
    fn tells_apart(&self, column: &str, all: &[Column<'_>]) -> bool {
        let cells = |key: &str| all.iter().find(|it| it.key == key).map(|it| &it.cells);
        let name = all.iter().find(|it| !self.spare.contains(&it.key)).map(|it| &it.cells);
        let (Some(names), Some(owners)) = (name, cells(column).filter(|_| OWNERS.contains(&column))) else {
            return false;
        };
        let text = |cell: &Option<&Cell>| cell.map(Cell::joined).unwrap_or_default();
        let mut known: HashMap<String, String> = HashMap::new();
        names.iter().zip(owners).any(|(name, owner)| {
            let owner = text(owner);
            *known.entry(text(name)).or_insert_with(|| owner.clone()) != owner
        })
    }
}

/// Columns that say whose something is.
const OWNERS: [&str; 2] = ["TENANT", "INSTANCE"];

/// A column of a list.
#[derive(Clone)]
struct Column<'a> {
    /// Its name in the program.
    key: &'a str,
    /// Its name as it is shown.
    name: Cow<'a, str>,
    cells: Vec<Option<&'a Cell>>,
    is_filled: bool,
    is_number: bool,
    width: usize,
    least: usize,
}

/// How narrow a line can be: a short one stays whole, and so does each word.
fn least(line: &str) -> usize {
    let whole = display_width(line);
    if whole <= WHOLE {
        return whole;
    }
    line.split(' ').map(display_width).max().unwrap_or_default().max(WHOLE)
}

/// The widths of columns, if they fit: each as wide as its content, and where
/// there is less room, those that lack most go without.
fn widths(columns: &[Column<'_>], width: usize) -> Option<Vec<usize>> {
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    let room = width.checked_sub(gaps)?;
    let mut rest = room.checked_sub(columns.iter().map(|it| it.least).sum())?;
    let mut widths: Vec<usize> = columns.iter().map(|it| it.least).collect();
    while rest > 0 {
        let lacks = columns.iter().zip(&mut widths).map(|(column, width)| (column.width - *width, width));
        let Some((_, width)) = lacks.filter(|(lack, _)| *lack > 0).min_by_key(|(lack, _)| *lack) else { break };
        *width += 1;
        rest -= 1;
    }
    Some(widths)
}

fn grid(screen: Screen, columns: &[Column<'_>], widths: &[usize], ruled: bool) -> String {
    let rows = columns.iter().map(|it| it.cells.len()).max().unwrap_or_default();
    let heads: Vec<Cell> = columns.iter().map(|it| Cell::from(&*it.name).styled(style::HEADING)).collect();
    let mut shown = grid_row(screen, columns, widths, heads.iter().map(Some));
    if ruled {
        let width = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        shown.push_str(&screen.painted(&"─".repeat(width), style::FAINT));
        shown.push('\n');
    }
    for row in 0..rows {
        shown.push_str(&grid_row(
            screen,
            columns,
            widths,
            columns.iter().map(|it| it.cells.get(row).copied().flatten()),
        ));
    }
    shown
}

fn grid_row<'a>(
    screen: Screen,
    columns: &[Column<'_>],
    widths: &[usize],
    cells: impl Iterator<Item = Option<&'a Cell>>,
) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut reached = 0;
    let mut ends: Vec<usize> = Vec::new();
    for ((cell, width), column) in cells.zip(widths).zip(columns) {
        let texts = cell.iter().flat_map(|cell| &cell.lines);
        let texts: Vec<Cow<'_, str>> = match screen.width {
            Some(_) => texts.flat_map(|line| wrapped(line, *width)).collect(),
            None => texts.map(|line| Cow::Borrowed(line.as_str())).collect(),
        };
        for (at, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            if lines.len() <= at {
                lines.resize(at + 1, String::new());
                ends.resize(at + 1, 0);
            }
            let (Some(line), Some(end)) = (lines.get_mut(at), ends.get_mut(at)) else { continue };
            let wide = display_width(text);
            let start = reached + if column.is_number { width.saturating_sub(wide) } else { 0 };
            // What was longer than its column moves what is behind it.
            let start = if *end == 0 { start } else { start.max(*end + GAP.len()) };
            line.push_str(&" ".repeat(start - *end));
            line.push_str(&screen.painted(text, cell.map(|it| it.style).unwrap_or_default()));
            *end = start + wide;
        }
        reached += width + GAP.len();
    }
    if lines.is_empty() { "\n".to_owned() } else { lines.iter().map(|line| format!("{line}\n")).collect() }
}

/// A line in lines of this width, which are broken between words.
fn wrapped(line: &str, width: usize) -> Vec<Cow<'_, str>> {
    textwrap::wrap(line, options(width.max(1)))
}

/// A text in lines of a width, which break between words.
pub fn fill(text: &str, width: usize) -> String {
    textwrap::fill(text, options(width))
}

fn options(width: usize) -> Options<'static> {
    Options::new(width)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
}

/// A text of the program whose lines fit the terminal; what goes on in the next
/// line is indented like the line, and a little more.
pub fn prose(text: &str, width: Option<usize>) -> Cow<'_, str> {
    let Some(width) = width.filter(|width| text.split('\n').any(|line| display_width(line) > *width)) else {
        return Cow::Borrowed(text);
    };
    let lines = text.split('\n').map(|line| {
        let indent = " ".repeat(line.len() - line.trim_start_matches(' ').len() + GAP.len());
        textwrap::fill(line, options(width).subsequent_indent(&indent))
    });
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// Names and values, as many in a line as fit. Lines behind the first are
/// indented.
struct Packed {
    width: usize,
    shown: String,
    reached: usize,
}

impl Packed {
    fn new(width: usize) -> Self {
        Self { width, shown: String::new(), reached: 0 }
    }

    fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    fn add(&mut self, name: &str, value: &str, paint: impl Fn(&str, bool) -> String) {
        let named = if name.is_empty() { 0 } else { display_width(name) + 1 };
        let wide = named + display_width(value);
        if self.reached > 0 && self.reached + GAP.len() + wide > self.width {
            self.shown.push('\n');
            self.reached = 0;
        }
        if !self.shown.is_empty() {
            self.shown.push_str(GAP);
            self.reached += GAP.len();
        }
        if named > 0 {
            self.shown.push_str(&paint(name, true));
            self.shown.push(' ');
        }
        let indent = GAP.len() + named;
        let room = self.width.saturating_sub(indent);
        // Only what stands in a line of its own can be broken.
        if wide + GAP.len() > self.width && display_width(value) > room {
            let lines = wrapped(value, room.max(WHOLE));
            let between = format!("\n{}", " ".repeat(indent));
            let lines: Vec<String> = lines.iter().map(|line| paint(line, false)).collect();
            self.shown.push_str(&lines.join(&between));
            self.reached = self.width;
        } else {
            self.shown.push_str(&paint(value, false));
            self.reached += wide;
        }
    }

    fn end(mut self) -> String {
        self.shown.push('\n');
        self.shown
    }
}

/// Facts about one thing, below its name and without what is empty.
#[derive(Debug)]
pub struct Facts {
    kind: String,
    name: String,
    facts: Vec<(String, Cell)>,
}

impl Facts {
    pub fn new(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), name: text::line(name).into_owned(), facts: Vec::new() }
    }

    /// Adds a fact, if there is one.
    pub fn add(&mut self, name: &str, value: impl Into<Cell>) {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push((text::line(name).into_owned(), value));
        }
    }
}

impl Shown for Facts {
    fn shown(&self, screen: Screen) -> String {
        let mut shown = format!("{} {}\n", self.kind, screen.painted(&self.name, style::HEADING));
        let names = self.facts.iter().map(|(name, _)| display_width(name)).max().unwrap_or_default();
        let indent = GAP.len() + names + GAP.len();
        for (name, cell) in &self.facts {
            let room = screen.width.map(|width| width.saturating_sub(indent));
            // What is longer than there is room beside its name stands below it.
            let word = cell.lines.iter().flat_map(|line| line.split(' ')).map(display_width).max().unwrap_or_default();
            let below = room.is_some_and(|room| word > room);
            let (indent, room) = if below {
                (2 * GAP.len(), screen.width.map(|width| width.saturating_sub(2 * GAP.len())))
            } else {
                (indent, room)
            };
            let zone = if cell.form == Form::Time { " UTC" } else { "" };
            // Of several texts, each begins where no line goes on.
            let hanging = if cell.lines.len() > 1 { GAP } else { "" };
            let mut lines = cell.lines.iter().flat_map(|line| match room {
                Some(room) => textwrap::wrap(line, options(room.max(1)).subsequent_indent(hanging)),
                None => vec![Cow::Borrowed(line.as_str())],
            });
            shown.push_str(GAP);
            shown.push_str(&screen.painted(name, style::FAINT));
            if !below && let Some(first) = lines.next() {
                shown.push_str(&" ".repeat(names - display_width(name) + GAP.len()));
                shown.push_str(&screen.painted(&format!("{first}{zone}"), cell.style));
            }
            for line in lines {
                shown.push('\n');
                shown.push_str(&" ".repeat(if line.is_empty() { 0 } else { indent }));
                shown.push_str(&screen.painted(&line, cell.style));
            }
            shown.push('\n');
        }
        shown
    }
}

#[cfg(test)]
mod tests;
