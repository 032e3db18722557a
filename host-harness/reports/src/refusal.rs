//! Why a file is no report that can be read.

use crate::{MADE_AT_LEAST, MADE_PER_BYTE, MAX_BYTES, MAX_RECORDS, format::Format};

/// Why a file is refused as a whole: what it is, and what was expected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is nothing in it.
    #[error("the file is empty; expected {}", Format::expected())]
    Empty,
    /// It is larger than what is held in memory.
    #[error(
        "the report has more than {} MiB, unpacked, which is the most that is read; split it by project or by tool",
        MAX_BYTES >> 20
    )]
    TooLarge,
    /// It has more records than what is held in memory.
    #[error("the report holds more than {MAX_RECORDS} records; split it by project or by tool")]
    TooManyRecords,
    /// It becomes much more than it is: it names the same things many times.
    #[error(
        "the findings of the report take more than {most} bytes, which is {MADE_PER_BYTE} times its size and {} MiB; \
         split it by project or by tool",
        MADE_AT_LEAST >> 20
    )]
    Grows {
        /// The most that it may become.
        most: usize,
    },
    /// It is something else.
    #[error("the file is {what}; expected {}", Format::expected())]
    Alien {
        /// What it is, as far as it shows.
        what: String,
    },
    /// It ends in the middle.
    #[error("the JSON ends prematurely (line {line}): the file is truncated, get it again")]
    Truncated {
        /// The last line.
        line: usize,
    },
    /// It is no JSON.
    #[error("the file is not valid JSON at line {line}, column {column}: {reason}")]
    Malformed {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Its version of the format is not read.
    #[error("the file is {}{format} {found}; expected {format} {}", format.article(), format.versions())]
    Version {
        /// Its format.
        format: Format,
        /// Its version.
        found: String,
    },
    /// It is of another format than asked for.
    #[error("the file is {}{found}, but {wanted} was requested; omit the format to have it detected", found.article())]
    OtherFormat {
        /// What it is.
        found: Format,
        /// What was asked for.
        wanted: Format,
    },
    /// It lacks what makes it a report of its format.
    #[error("the file is {}{format}, and {what}", format.article())]
    Shape {
        /// Its format.
        format: Format,
        /// What is wrong with it.
        what: &'static str,
    },
}
