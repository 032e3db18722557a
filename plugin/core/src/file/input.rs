//! The bytes of a file, in pieces of any size: their encoding is checked, and
//! they are cut by the syntax that they begin with.

use appsec_model::{credential::without_credentials, text};

use super::{
    Fault,
    alien::{MAX_BEGINNING_BYTES, by_magic, looks_like},
    json::{Item, Scanner},
    table::Table,
};

/// One pass over a file.
#[derive(Default)]
pub struct Input {
    /// The first bytes. Nothing is read before there are enough of them, or all:
    /// what is said of a file must not depend on its pieces.
    beginning: Vec<u8>,
    started: bool,
    encoding: Encoding,
    syntax: Syntax,
    keys: Vec<String>,
}

/// What a file is cut by.
#[derive(Default)]
enum Syntax {
    /// Only white space so far.
    #[default]
    Unknown,
    Json(Box<Scanner>),
    Table(Box<Table>),
}

/// A part of a file.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A part of JSON.
    Json(Item<'a>),
    /// A row of a table, as a JSON object.
    Row(&'a str),
}

/// How many keys are kept to tell what an alien file is.
const MAX_KEYS: usize = 32;

impl Input {
    /// Reads the next piece.
    pub fn feed(&mut self, piece: &[u8], sink: &mut dyn FnMut(Part<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.started {
            return self.cut(piece, sink);
        }
        let missing = MAX_BEGINNING_BYTES - self.beginning.len();
        let (head, rest) = piece.split_at_checked(missing).unwrap_or((piece, &[]));
        self.beginning.extend_from_slice(head);
        if self.beginning.len() < MAX_BEGINNING_BYTES {
            return Ok(());
        }
        self.begin(sink)?;
        self.cut(rest, sink)
    }

    /// The end of the file. Gives the number of documents or tables in it.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Part<'_>) -> Result<(), Fault>) -> Result<u64, Fault> {
        self.begin(sink)?;
        self.encoding.finish()?;
        match &mut self.syntax {
            Syntax::Unknown => Err(Fault::Alien(self.looks_like())),
            Syntax::Json(scanner) => scanner.finish(),
            Syntax::Table(table) => match table.finish(&mut |row| sink_row(row, sink))? {
                true => Ok(1),
                false => Err(Fault::Alien(self.looks_like())),
            },
        }
    }

    /// Whether the last row of a table has no end.
    pub fn is_open(&self) -> bool {
        matches!(&self.syntax, Syntax::Table(table) if table.is_open())
    }

    /// Whether the file is a table.
    pub fn is_table(&self) -> bool {
        matches!(&self.syntax, Syntax::Table(_))
    }

    /// A guess at what an alien file is.
    pub fn looks_like(&self) -> String {
        looks_like(&self.beginning, &self.keys)
    }

    /// Whether an object on the first level has this key.
    pub fn has_key(&self, word: &str) -> bool {
        self.keys.iter().any(|key| key == word)
    }

    /// Looks at the first bytes, once.
    fn begin(&mut self, sink: &mut dyn FnMut(Part<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        if let Some(what) = by_magic(&self.beginning) {
            return Err(Fault::Alien(what));
        }
        let mark = b"\xef\xbb\xbf";
        if self.beginning.starts_with(mark) {
            self.beginning.drain(..mark.len());
        }
        let start = std::mem::take(&mut self.beginning);
        let result = self.cut(&start, sink);
        self.beginning = start;
        result
    }

    fn cut(&mut self, piece: &[u8], sink: &mut dyn FnMut(Part<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        // What is damaged before a wrong byte comes first, in pieces of any size.
        let (letter, letters, wrong) = self.encoding.check(piece);
        self.scan(&letter, sink)?;
        self.scan(letters, sink)?;
        wrong.map_or(Ok(()), Err)
    }

    /// Reads whole letters.
    fn scan(&mut self, piece: &[u8], sink: &mut dyn FnMut(Part<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        if let Syntax::Unknown = self.syntax {
            match piece.iter().find(|byte| !byte.is_ascii_whitespace()) {
                None => return Ok(()),
                Some(b'{' | b'[') => self.syntax = Syntax::Json(Box::default()),
                Some(b'<') => return Err(Fault::Unknown),
                Some(_) => self.syntax = Syntax::Table(Box::default()),
            }
        }
        match &mut self.syntax {
            Syntax::Unknown => Ok(()),
            Syntax::Json(scanner) => {
                let keys = &mut self.keys;
                scanner.feed(piece, &mut |item| {
                    let (mended, quiet);
                    let item = match item {
                        // Halves of surrogate pairs are no characters. What is a credential by its
                        // form is nobody's business, wherever a tool repeats it; answers of the API
                        // are what a sync brings.
                        Item::Value(place, json) => {
                            mended = text::mend(json);
                            let json = mended.as_deref().unwrap_or(json);
                            quiet = if place.is_of_api() { None } else { without_credentials(json) };
                            Item::Value(place, quiet.as_deref().unwrap_or(json))
                        }
                        item => item,
                    };
                    if let Item::Key(key) = item
                        && keys.len() < MAX_KEYS
                        && !keys.iter().any(|known| known == key)
                    {
                        keys.push(key.to_owned());
                    }
                    sink(Part::Json(item))
                })
            }
            Syntax::Table(table) => table.feed(piece, &mut |row| sink_row(row, sink)),
        }
    }
}

/// Hands over a row of a table, like values of JSON.
fn sink_row(row: &str, sink: &mut dyn FnMut(Part<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
    sink(Part::Row(without_credentials(row).as_deref().unwrap_or(row)))
}

/// Whether a file is UTF-8, of which a piece may end inside of a letter.
#[derive(Default)]
struct Encoding {
    /// The letter that the last piece ended in.
    open: Vec<u8>,
    offset: usize,
}

impl Encoding {
    /// The letter that ends in a piece, the whole letters behind it, and what is
    /// wrong behind these.
    fn check<'a>(&mut self, piece: &'a [u8]) -> (Vec<u8>, &'a [u8], Option<Fault>) {
        let mut rest = piece;
        let mut letter = Vec::new();
        while !self.open.is_empty() {
            let Some((byte, tail)) = rest.split_first() else { return (letter, &[], None) };
            self.open.push(*byte);
            rest = tail;
            match std::str::from_utf8(&self.open) {
                Ok(_) => {
                    self.offset += self.open.len();
                    letter = std::mem::take(&mut self.open);
                }
                Err(error) if error.error_len().is_some() => return (letter, &[], Some(self.wrong())),
                Err(_) => {}
            }
        }
        let Err(error) = std::str::from_utf8(rest) else {
            self.offset += rest.len();
            return (letter, rest, None);
        };
        let (letters, tail) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
        self.offset += letters.len();
        if error.error_len().is_some() {
            return (letter, letters, Some(self.wrong()));
        }
        self.open.extend_from_slice(tail);
        (letter, letters, None)
    }

    fn finish(&self) -> Result<(), Fault> {
        if self.open.is_empty() {
            return Ok(());
        }
        Err(Fault::Alien("a file that ends in the middle of a letter".to_owned()))
    }

    fn wrong(&self) -> Fault {
        Fault::Alien(format!("its encoding: it is not UTF-8 from byte {}", self.offset))
    }
}
