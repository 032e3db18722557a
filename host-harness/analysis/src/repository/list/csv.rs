//! Tables of repositories: `full_name,url,provider,default_branch,groups,archived`.

use std::io::{self, Read};

use csv::ByteRecord;

use super::{Collector, Entry, Field, RepositoryList, field};
use crate::table;

/// What each column is.
type Columns = Vec<Option<(usize, Field)>>;

impl RepositoryList {
    /// Reads a table with a row of column names. Groups have `;` between them.
    /// `source` names it in problems; what cannot be read on from is the error.
    pub fn read_csv(reader: impl Read, source: &str) -> io::Result<Self> {
        let mut list = Collector::of(source);
        let mut reader = table::reader(reader);
        let mut fields = ByteRecord::new();
        let mut columns: Option<Columns> = None;
        while reader.read_byte_record(&mut fields).map_err(table::into_io)? {
            if fields.iter().all(<[u8]>::is_empty) {
                continue;
            }
            let line = Some(table::first_line(&fields, reader.position().line()));
            let Some(columns) = &columns else {
                let named: Columns = fields.iter().map(|name| field(&String::from_utf8_lossy(name))).collect();
                let has_any = |wanted| named.iter().flatten().any(|(_, field)| *field == wanted);
                if !has_any(Field::FullName) && !has_any(Field::Url) {
                    list.problems.add(line, "no column `full_name` or `url`: name the columns in the first row");
                    return Ok(list.into_list());
                }
                columns = Some(named);
                continue;
            };
            match entry(&fields, columns) {
                Ok(entry) => list.add(line, entry),
                Err(what) => list.problems.add(line, what),
            }
        }
        if columns.is_none() {
            list.problems.add(None, "a table without a row of column names");
        }
        Ok(list.into_list())
    }
}

fn entry(fields: &ByteRecord, columns: &Columns) -> Result<Entry, String> {
    if fields.len() > columns.len() {
        return Err(format!("{} fields for {} columns: quote fields with commas", fields.len(), columns.len()));
    }
    let mut entry = Entry::default();
    for (at, (bytes, column)) in fields.iter().zip(columns).enumerate() {
        let Some((rank, field)) = column else { continue };
        let text = std::str::from_utf8(bytes).map_err(|_| format!("field {} is not UTF-8", at + 1))?;
        entry.add(*rank, *field, text);
    }
    Ok(entry)
}
