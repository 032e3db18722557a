//! CSV for spreadsheets and scripts: RFC 4180, safe to open.

use std::io;

use super::{
    error::Failure,
    output,
    stdout::{stdout, written},
};

/// Prints a header and rows as CSV.
pub fn print_csv<R: IntoIterator<Item = String>>(
    header: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> Result<(), Failure> {
    written(write_csv(stdout(), header, rows))
}

fn write_csv<R: IntoIterator<Item = String>>(
    out: impl io::Write,
    header: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    };
    writer.write_record(header).map_err(failed)?;
    for row in rows {
        writer.write_record(row.into_iter().map(|cell| harmless(&cell))).map_err(failed)?;
    }
    writer.flush()
}

/// A cell that no spreadsheet takes for a formula and no terminal acts on: one
/// whose first sign that is seen is `=`, `+`, `-` or `@`, also in their wide
/// forms, or that begins with a tab or a line break, gets an apostrophe in
/// front. What findings hold was written by whoever wrote the code that was
/// scanned.
fn harmless(cell: &str) -> String {
    let begins = |sign: char| matches!(sign, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    let breaks = cell.starts_with(['\t', '\r', '\n']);
    let guard = if breaks || cell.trim_start_matches(unseen).starts_with(begins) { "'" } else { "" };
    // A line break of two signs stays one.
    let lines: Vec<_> = cell.split("\r\n").map(|line| output::harmless(line, false)).collect();
    format!("{guard}{}", lines.join("\r\n"))
}

/// Whether nothing is seen of a sign: white space, what controls a terminal, and
/// what Unicode says to be ignored where it is shown (the property
/// `Default_Ignorable_Code_Point`), with the few other signs that are blank.
fn unseen(sign: char) -> bool {
    sign.is_whitespace()
        || sign.is_control()
        || matches!(sign,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::write_csv;

    fn written(rows: &[&[&str]]) -> String {
        let mut out = Vec::new();
        let rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()));
        write_csv(&mut out, &["a", "b"], rows).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// A cell as whoever reads the CSV gets it.
    fn read(cell: &str) -> String {
        let csv = written(&[&[cell, "x"]]);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        reader.records().next().unwrap().unwrap()[0].to_owned()
    }

    #[test]
    fn cells_are_quoted_as_the_standard_says() {
        let csv = written(&[&["plain", "with, comma"], &["with \"quotes\"", "two\nlines"], &["", "größe"]]);
        assert_eq!(csv, "a,b\r\nplain,\"with, comma\"\r\n\"with \"\"quotes\"\"\",\"two\nlines\"\r\n,größe\r\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "\n=1", "  =1", "＝1", "=HYPERLINK(\"x\")"] {
            assert_eq!(read(evil), format!("'{evil}"));
        }
        for unseen in ["\u{feff}", "\u{200b}", "\u{2060}\u{200d}", "\u{ad} ", "\u{3000}", "\u{2800}", "\u{e0001}"] {
            for begin in ['=', '+', '-', '@'] {
                let evil = format!("{unseen}{begin}1");
                assert_eq!(read(&evil), format!("'{evil}"), "{evil:?}");
            }
        }
        for fine in ["a=b", "1", "'x", "CVE-2024-1", "http://a/?b=c"] {
            assert_eq!(written(&[&[fine, "x"]]), format!("a,b\r\n{fine},x\r\n"));
        }
    }

    #[test]
    fn a_terminal_finds_nothing_to_act_on_and_line_breaks_stay() {
        assert_eq!(read("a\u{1b}[2Jb\0c\u{9b}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(read("one\r\ntwo\nthree\rfour\tfive"), "one\r\ntwo\nthree\u{fffd}four\tfive");
        assert_eq!(read("\0=1"), "'\u{fffd}=1");
        assert_eq!(read("\r=1"), "'\u{fffd}=1");
        assert_eq!(read("\u{1b}\u{feff}@x"), "'\u{fffd}\u{feff}@x");
    }
}
