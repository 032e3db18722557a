//! Ratings as a table: one advisory a row, the columns named in the first one.
//!
//! The feed of EPSS is such a table. It begins with a comment, such as
//! `#model_version:v2025.03.14,score_date:2026-01-31T00:00:00+0000`, whose
//! date is that of all its scores.

use std::{
    io::{self, Read},
    sync::Arc,
};

use csv::ByteRecord;

use crate::table;

use super::{Advisories, Advisory, CvssRating, EpssRating, MAX_IDS, Problem, Problems, normal_id, quoted};

/// Where the columns are.
#[derive(Default)]
struct Columns {
    ids: Vec<usize>,
    vectors: Vec<usize>,
    epss: Option<usize>,
    percentile: Option<usize>,
    date: Option<usize>,
}

impl Columns {
    /// Reads the row with the names; others than ours are left alone.
    fn named(header: &ByteRecord) -> Self {
        let mut columns = Self::default();
        for (at, name) in header.iter().enumerate() {
            match name.to_ascii_lowercase().as_slice() {
                b"cve" | b"id" => columns.ids.push(at),
                b"vector" | b"cvss" | b"cvss_vector" => columns.vectors.push(at),
                b"epss" => columns.epss = Some(at),
                b"percentile" => columns.percentile = Some(at),
                b"date" => columns.date = Some(at),
                _ => {}
            }
        }
        columns
    }

    /// What a table needs and does not have.
    fn missing(&self) -> Option<&'static str> {
        if self.ids.is_empty() {
            Some("no column `cve` or `id`")
        } else if self.vectors.is_empty() && self.epss.is_none() {
            Some("no column `vector`, `cvss`, `cvss_vector` or `epss`")
        } else {
            None
        }
    }
}

/// A row that is being read.
struct Row<'a, 'b> {
    fields: &'a ByteRecord,
    line: Option<u64>,
    problems: &'a mut Problems<'b>,
}

impl<'a> Row<'a, '_> {
    fn problem(&mut self, what: impl Into<String>) {
        self.problems.add(self.line, what);
    }

    /// The text of a field; none where it is empty or not there.
    fn text(&mut self, at: usize) -> Option<&'a str> {
        let bytes = self.fields.get(at).filter(|bytes| !bytes.is_empty())?;
        let text = std::str::from_utf8(bytes).ok();
        if text.is_none() {
            self.problem(format!("field {} is not UTF-8", at + 1));
        }
        text
    }

    /// A number from 0 to 1.
    fn share(&mut self, at: Option<usize>, name: &str) -> Option<f64> {
        let text = self.text(at?)?;
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            self.problem(format!("{name} is not a number from 0 to 1: {}", quoted(text)));
        }
        share
    }

    /// A day, with or without a time after it.
    fn day(&mut self, at: Option<usize>) -> Option<Arc<str>> {
        let text = self.text(at?)?;
        let day = day(text);
        if day.is_none() {
            self.problem(format!("not a date: {}", quoted(text)));
        }
        day
    }
}

/// The day at the start of a text, in its usual form.
pub(super) fn day(text: &str) -> Option<Arc<str>> {
    let (day, rest) = text.split_at_checked("2026-01-31".len())?;
    let separated = rest.is_empty() || rest.starts_with(['T', 't', ' ']);
    let day: jiff::civil::Date = day.parse().ok().filter(|_| separated)?;
    Some(day.to_string().into())
}

impl Advisories {
    /// Takes in a table, row by row. `source` names it in ratings and
    /// problems; what cannot be read on from is the error.
    pub fn read_csv(&mut self, reader: impl Read, source: &str) -> io::Result<Vec<Problem>> {
        let mut problems = Problems::of(source);
        let shared: Arc<str> = source.into();
        let mut reader = table::reader(reader);
        let mut fields = ByteRecord::new();
        let mut columns: Option<Columns> = None;
        let mut feed_date = None;
        while reader.read_byte_record(&mut fields).map_err(table::into_io)? {
            if fields.iter().all(<[u8]>::is_empty) {
                continue;
            }
            let line = Some(table::first_line(&fields, reader.position().line()));
            let mut row = Row { fields: &fields, line, problems: &mut problems };
            if let Some(columns) = &columns {
                self.add_row(&mut row, columns, feed_date.as_ref(), &shared);
            } else if fields.get(0).is_some_and(|first| first.starts_with(b"#")) {
                feed_date = score_date(&mut row).or(feed_date);
            } else {
                let named = Columns::named(&fields);
                if let Some(missing) = named.missing() {
                    row.problem(missing);
                    return Ok(problems.into_vec());
                }
                columns = Some(named);
            }
        }
        if columns.is_none() {
            problems.add(None, "a table without a row of column names");
        }
        Ok(problems.into_vec())
    }

    fn add_row(&mut self, row: &mut Row<'_, '_>, columns: &Columns, date: Option<&Arc<str>>, source: &Arc<str>) {
        let mut said = Advisory::default();
        // Rows may be shorter than the header, which need not be walked behind them.
        let width = row.fields.len();
        for at in columns.ids.iter().take_while(|at| **at < width) {
            let Some(text) = row.text(*at) else { continue };
            match normal_id(text) {
                Some(id) => said.ids.push(id),
                None => row.problem(format!("not the number of an advisory: {}", quoted(text))),
            }
        }
        // EPSS and most vectors are given for the CVE where a row has several numbers.
        let named = said.ids.iter().find(|id| id.starts_with("CVE-")).or(said.ids.first());
        let Some(id) = named.map(Arc::clone) else {
            row.problem("a row without the number of an advisory");
            return;
        };
        for at in columns.vectors.iter().take_while(|at| **at < width) {
            let Some(vector) = row.text(*at) else { continue };
            match CvssRating::of(Arc::clone(&id), vector, Arc::clone(source)) {
                Ok(rating) => said.add_cvss(rating),
                Err(error) => row.problem(format!("not a CVSS vector: {}: {error}", quoted(vector))),
            }
        }
        let score = row.share(columns.epss, "epss");
        let percentile = row.share(columns.percentile, "percentile");
        let date = row.day(columns.date).or_else(|| date.map(Arc::clone));
        said.epss = score.map(|score| EpssRating { id, score, percentile, date, source: Arc::clone(source) });
        if (!said.cvss.is_empty() || said.epss.is_some() || said.ids.len() > 1) && !self.add(said) {
            row.problem(format!("an advisory of more than {MAX_IDS} numbers"));
        }
    }
}

/// The date in the comment above the table.
fn score_date(row: &mut Row<'_, '_>) -> Option<Arc<str>> {
    let fields = row.fields.iter().filter_map(|field| std::str::from_utf8(field).ok());
    let text = fields.filter_map(|field| field.trim_start_matches('#').trim().strip_prefix("score_date:")).next()?;
    let found = day(text.trim());
    if found.is_none() {
        row.problem(format!("not a date: {}", quoted(text)));
    }
    found
}
