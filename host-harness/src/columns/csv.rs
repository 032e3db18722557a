//! CSV for spreadsheets and scripts: RFC 4180, safe to open.

use std::io;

use super::Column;
use appsec_exports::text;

/// Rows as they come, under the names of their columns.
pub struct CsvWriter<'a, R, W: io::Write> {
    columns: &'a [Column<R>],
    writer: csv::Writer<W>,
    /// A first cell that is the same in each row.
    first: Option<&'a str>,
}

impl<'a, R, W: io::Write> CsvWriter<'a, R, W> {
    /// Writes the header.
    pub fn new(columns: &'a [Column<R>], out: W) -> io::Result<Self> {
        let mut writer = writer(out);
        writer.write_record(columns.iter().map(|it| it.name)).map_err(failed)?;
        Ok(Self { columns, writer, first: None })
    }

    /// Rows of one of several: with a first column that names it, and with the
    /// header only where they are the first ones.
    pub fn of_one(
        columns: &'a [Column<R>],
        (name, value): (&'static str, &'a str),
        begins: bool,
        out: W,
    ) -> io::Result<Self> {
        let mut writer = writer(out);
        if begins {
            writer.write_record([name].into_iter().chain(columns.iter().map(|it| it.name))).map_err(failed)?;
        }
        Ok(Self { columns, writer, first: Some(value) })
    }

    /// Writes a row.
    pub fn write(&mut self, row: &R) -> io::Result<()> {
        let cells = self.columns.iter().map(|it| escape_formula(&(it.of)(row)));
        self.writer.write_record(self.first.map(escape_formula).into_iter().chain(cells)).map_err(failed)
    }

    /// Writes what is left.
    pub fn end(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn writer<W: io::Write>(out: W) -> csv::Writer<W> {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        // A separator that is not ours separates nothing within quotes.
        .quote_style(csv::QuoteStyle::NonNumeric)
        .from_writer(out)
}

fn failed(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A cell on one line that no spreadsheet takes for a formula: where the first
/// sign that is seen is `=`, `+`, `-` or `@`, also in their wide forms, it gets
/// an apostrophe in front; and likewise behind `;` and `|`, which other settings
/// separate cells with. What findings hold was written by whoever wrote the code
/// that was scanned.
fn escape_formula(cell: &str) -> String {
    let begins = |sign: char| matches!(sign, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    // Whose cells end elsewhere finds quotes within them.
    let passed = |sign: char| text::is_unseen(sign) || sign == '"';
    let line = text::line(cell);
    let mut safe = String::with_capacity(line.len() + 1);
    for part in line.split_inclusive([';', '|']) {
        if part.trim_start_matches(passed).starts_with(begins) {
            safe.push('\'');
        }
        safe.push_str(part);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::CsvWriter;
    use crate::columns::Column;
    use appsec_exports::text::is_unseen;

    fn written<'a>(rows: &[[&'a str; 2]]) -> String {
        let columns: [Column<[&'a str; 2]>; 2] =
            [Column { name: "a", of: |row| row[0].to_owned() }, Column { name: "b", of: |row| row[1].to_owned() }];
        let mut out = Vec::new();
        let mut csv = CsvWriter::new(&columns, &mut out).unwrap();
        rows.iter().for_each(|row| csv.write(row).unwrap());
        csv.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    /// A cell as whoever reads the CSV gets it.
    fn read(cell: &str) -> String {
        let csv = written(&[[cell, "x"]]);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        reader.records().next().unwrap().unwrap()[0].to_owned()
    }

    #[test]
    fn cells_are_quoted_as_the_standard_says() {
        let csv = written(&[["plain", "with, comma"], ["with \"quotes\"", "two\nlines"], ["", "größe"], ["1", "2.5"]]);
        assert_eq!(
            csv,
            "\"a\",\"b\"\r\n\"plain\",\"with, comma\"\r\n\"with \"\"quotes\"\"\",\"two␤lines\"\r\n\"\",\"größe\"\r\n1,2.5\r\n"
        );
    }

    #[test]
    fn no_cell_is_a_formula() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "＝1", "=HYPERLINK(\"x\")"] {
            assert_eq!(read(evil), format!("'{evil}"));
        }
        for unseen in ["\u{feff}", "\u{200b}", "\u{2060}\u{200d}", "\u{ad} ", "\u{3000}", "\u{2800}", "\u{e0001}"] {
            for begin in ['=', '+', '-', '@'] {
                let evil = format!("{unseen}{begin}1");
                assert_eq!(read(&evil), format!("'{evil}"), "{evil:?}");
            }
        }
        for fine in ["a=b", "1", "'x", "CVE-2024-1", "http://a/?b=c", "a; b", "a|b", "x;1"] {
            assert_eq!(read(fine), fine);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_cell_is_a_formula_in_any_separator(
            cells in proptest::array::uniform2("[-=+@;|,\t\r\n \"'a1\u{feff}\u{200b}＝]{0,12}")
        ) {
            let csv = written(&[cells.each_ref().map(String::as_str)]);
            let is_formula = |field: &str| {
                field.trim_matches('"').trim_start_matches(is_unseen).starts_with(['=', '+', '-', '@', '＝'])
            };
            let mut records = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes()).into_records();
            let fields = records.by_ref().flat_map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<_>>());
            let fields: Vec<String> = fields.collect();
            proptest::prop_assert_eq!(fields.len(), 4);
            proptest::prop_assert!(!fields.iter().any(|field| is_formula(field)), "{}", csv);
            for separator in [';', '|', '\t'] {
                // Whether quotes are looked at or not.
                let bare = csv.split([separator, '\r', '\n']).any(is_formula);
                proptest::prop_assert!(!bare, "{:?}: {}", separator, csv);
                let mut reader = csv::ReaderBuilder::new();
                reader.has_headers(false).flexible(true).delimiter(separator as u8);
                for record in reader.from_reader(csv.as_bytes()).records() {
                    proptest::prop_assert!(!record.unwrap().iter().any(is_formula), "{:?}: {}", separator, csv);
                }
            }
        }
    }

    #[test]
    fn a_cell_is_one_line_that_no_terminal_acts_on() {
        assert_eq!(read("a\u{1b}[2Jb\0c\u{9b}d\u{202e}"), "a␛[2Jb␀c<U+009B>d<U+202E>");
        assert_eq!(read("one\r\ntwo\nthree\rfour\tfive"), "one␤two␤three␍four five");
        assert_eq!(read("\n::error::x"), "␤::error::x");
        assert_eq!(read("\t=1"), "' =1");
        assert_eq!(read("\u{feff}@x"), "'\u{feff}@x");
        assert_eq!(read("a; =1|+2"), "a;' =1|'+2");
        let long = "ä".repeat(10_000);
        assert_eq!(read(&long), long);
    }
}
