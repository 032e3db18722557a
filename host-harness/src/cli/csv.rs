//! CSV for spreadsheets and scripts: RFC 4180, safe to open.

use std::io;

use super::error::Failure;

/// Prints a header and rows as CSV. A reader that went away, such as `head`,
/// is no failure.
pub fn print_csv<R: IntoIterator<Item = String>>(
    header: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> Result<(), Failure> {
    match write_csv(io::stdout().lock(), header, rows) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
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
        writer.write_record(row.into_iter().map(harmless)).map_err(failed)?;
    }
    writer.flush()
}

/// A cell that no spreadsheet takes for a formula: one that begins with `=`,
/// `+`, `-`, `@`, a tab or a line break, also behind spaces or in the wide forms
/// of these signs, gets an apostrophe in front. What findings hold was written
/// by whoever wrote the code that was scanned.
fn harmless(cell: String) -> String {
    let begins = |sign: char| matches!(sign, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    let breaks = cell.starts_with(['\t', '\r', '\n']);
    if breaks || cell.trim_start().starts_with(begins) { format!("'{cell}") } else { cell }
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

    #[test]
    fn cells_are_quoted_as_the_standard_says() {
        let csv = written(&[&["plain", "with, comma"], &["with \"quotes\"", "two\nlines"], &["", "größe"]]);
        assert_eq!(csv, "a,b\r\nplain,\"with, comma\"\r\n\"with \"\"quotes\"\"\",\"two\nlines\"\r\n,größe\r\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "=HYPERLINK(\"x\")"] {
            let csv = written(&[&[evil, "x"]]);
            let mut reader = csv::Reader::from_reader(csv.as_bytes());
            let row = reader.records().next().unwrap().unwrap();
            assert_eq!(&row[0], format!("'{evil}"), "{evil}");
        }
        for fine in ["a=b", "1", "'x", "CVE-2024-1", "http://a/?b=c"] {
            assert_eq!(written(&[&[fine, "x"]]), format!("a,b\r\n{fine},x\r\n"));
        }
    }
}
