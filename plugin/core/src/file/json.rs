//! Cuts JSON into values while it comes in, in pieces of any size.
//!
//! The scanner checks the whole grammar, so that a damaged file is found out
//! even where nothing of it is used, but keeps only the values that the
//! [outline](super::outline) asks for. A byte costs no allocation; the inside of
//! texts, most of a report, is passed many bytes at a time.

use super::{
    Fault,
    outline::{Place, Step, step},
};

/// The largest value that is kept, in bytes: a record of hundreds of times the
/// usual size still fits; a file that is one endless value does not.
pub const MAX_VALUE_BYTES: usize = 16 << 20;

/// How deep values may be nested. Reports of the vendor stay below twenty.
const MAX_DEPTH: usize = 256;

/// The longest number that is read, in digits.
const MAX_SCALAR_BYTES: usize = 1024;

/// The longest key that is compared; those of the outline are shorter.
const MAX_KEY_BYTES: usize = 64;

/// What the scanner meets, in the order of the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Item<'a> {
    /// A container of the outline begins.
    Open(Place),
    /// It ends.
    Close(Place),
    /// A key of an object on the outline's first level.
    Key(&'a str),
    /// A value that the outline asks for, byte for byte.
    Value(Place, &'a str),
}

/// Takes what the scanner meets.
pub type Sink<'a> = dyn FnMut(Item<'_>) -> Result<(), Fault> + 'a;

/// A document being read.
pub struct Scanner {
    state: State,
    /// The open containers, outermost first: whether each is an object.
    containers: Vec<bool>,
    /// The outermost of them, as far as they are part of the outline.
    places: Vec<Place>,
    /// The key before the current value, where the outline looks at it.
    key: Vec<u8>,
    /// The value that is kept or passed over: its place, if it is kept, and the
    /// number of containers around it.
    held: Option<(Option<Place>, usize)>,
    /// The part of the kept value, or of the scalar, that earlier pieces held.
    kept: Vec<u8>,
    scalar: Vec<u8>,
    /// Bytes of the pieces before.
    offset: u64,
    values: u64,
}

/// What may come next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// A value; at the outermost level, or the end of the file.
    Value,
    /// A value or the end of the list.
    FirstElement,
    /// A key or the end of the object.
    FirstKey,
    /// A key.
    Key,
    /// The colon behind a key.
    Colon,
    /// A comma, or the end of the container.
    Comma,
    /// The rest of a text.
    Text { is_key: bool },
    /// What stands behind a backslash.
    Escape { is_key: bool },
    /// So many hexadecimal digits.
    Hex { is_key: bool, left: u8 },
    /// The rest of a number or word.
    Scalar,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            state: State::Value,
            containers: Vec::new(),
            places: Vec::new(),
            key: Vec::new(),
            held: None,
            kept: Vec::new(),
            scalar: Vec::new(),
            offset: 0,
            values: 0,
        }
    }
}

impl Scanner {
    /// Reads the next piece.
    pub fn feed(&mut self, piece: &[u8], sink: &mut Sink<'_>) -> Result<(), Fault> {
        // Where the kept value goes on in this piece.
        let mut from = 0;
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            match self.state {
                State::Text { is_key } => {
                    let text = piece.get(at..).unwrap_or_default();
                    let plain = guest_json::plain(text);
                    if is_key {
                        self.push_key(text.get(..plain).unwrap_or_default());
                    }
                    at += plain;
                    match piece.get(at) {
                        Some(b'"') => {
                            if is_key {
                                self.state = State::Colon;
                            } else {
                                self.end_value(piece.get(from..=at), sink)?;
                            }
                            at = self.hop(piece, at + 1);
                            continue;
                        }
                        Some(b'\\') => {
                            self.push_key_if(is_key, b'\\');
                            self.state = State::Escape { is_key };
                        }
                        Some(_) => return Err(self.damaged(at)),
                        None => break,
                    }
                    at += 1;
                }
                State::Escape { is_key } => {
                    self.push_key_if(is_key, byte);
                    self.state = match byte {
                        b'u' => State::Hex { is_key, left: 4 },
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => State::Text { is_key },
                        _ => return Err(self.damaged(at)),
                    };
                    at += 1;
                }
                State::Hex { is_key, left } => {
                    if !byte.is_ascii_hexdigit() {
                        return Err(self.damaged(at));
                    }
                    self.push_key_if(is_key, byte);
                    self.state = if left == 1 { State::Text { is_key } } else { State::Hex { is_key, left: left - 1 } };
                    at += 1;
                }
                State::Scalar => {
                    let rest = piece.get(at..).unwrap_or_default();
                    let length = rest.iter().position(|byte| !is_scalar_byte(*byte)).unwrap_or(rest.len());
                    self.scalar.extend_from_slice(rest.get(..length).unwrap_or_default());
                    if self.scalar.len() > MAX_SCALAR_BYTES {
                        return Err(Fault::Large(format!("a number of more than {MAX_SCALAR_BYTES} digits")));
                    }
                    at += length;
                    if at < piece.len() {
                        if !is_scalar(&self.scalar) {
                            return Err(self.damaged_from(self.offset + at as u64 - self.scalar.len() as u64));
                        }
                        self.end_value(piece.get(from..at), sink)?;
                        at = self.hop(piece, at);
                    }
                }
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => at += 1,
                State::Value | State::FirstElement => {
                    if byte == b']' && self.state == State::FirstElement {
                        self.close(piece.get(from..=at), sink)?;
                    } else {
                        if self.held.is_none() {
                            from = at;
                            self.hold(byte, sink)?;
                        }
                        self.begin_value(byte, at)?;
                    }
                    at += 1;
                }
                State::FirstKey | State::Key => {
                    match byte {
                        b'"' => {
                            self.key.clear();
                            self.state = State::Text { is_key: true };
                        }
                        b'}' if self.state == State::FirstKey => self.close(piece.get(from..=at), sink)?,
                        _ => return Err(self.damaged(at)),
                    }
                    at += 1;
                }
                State::Colon => {
                    if byte != b':' {
                        return Err(self.damaged(at));
                    }
                    self.state = State::Value;
                    at += 1;
                }
                State::Comma => {
                    match byte {
                        b',' if self.containers.last() == Some(&true) => self.state = State::Key,
                        b',' => self.state = State::Value,
                        b'}' | b']' if self.containers.last() == Some(&(byte == b'}')) => {
                            self.close(piece.get(from..=at), sink)?;
                        }
                        _ => return Err(self.damaged(at)),
                    }
                    at += 1;
                }
            }
        }
        if let Some((Some(_), _)) = self.held {
            self.keep(piece.get(from..).unwrap_or_default())?;
        }
        self.offset += piece.len() as u64;
        Ok(())
    }

    /// The end of the file. Gives the number of documents that stood in it.
    pub fn finish(&self) -> Result<u64, Fault> {
        if self.state == State::Value && self.containers.is_empty() {
            return Ok(self.values);
        }
        Err(Fault::Alien(format!("a file that ends in the middle, after {} bytes", self.offset)))
    }

    /// Asks the outline what to do with the value that begins.
    fn hold(&mut self, first: u8, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let place = self.places.last().copied();
        let key = if self.containers.last() == Some(&true) { self.key_text() } else { None };
        let key = key.as_deref().unwrap_or_default();
        if place == Some(Place::Answer) {
            sink(Item::Key(key))?;
        }
        let around = self.containers.len();
        match step(place, key, first) {
            Step::Enter(place) => {
                self.places.push(place);
                sink(Item::Open(place))?;
            }
            Step::Take(place) => {
                self.kept.clear();
                self.held = Some((Some(place), around));
            }
            Step::Pass => self.held = Some((None, around)),
            Step::Refuse(_) if self.is_behind() => return Err(Fault::Alien(BEHIND.to_owned())),
            Step::Refuse(what) => return Err(Fault::Alien(what.to_owned())),
        }
        Ok(())
    }

    fn begin_value(&mut self, byte: u8, at: usize) -> Result<(), Fault> {
        self.state = match byte {
            b'"' => State::Text { is_key: false },
            b'{' | b'[' => {
                if self.containers.len() == MAX_DEPTH {
                    return Err(Fault::Large(format!("values nested more than {MAX_DEPTH} deep")));
                }
                self.containers.push(byte == b'{');
                if byte == b'{' { State::FirstKey } else { State::FirstElement }
            }
            _ if is_scalar_byte(byte) => {
                self.scalar.clear();
                self.scalar.push(byte);
                State::Scalar
            }
            _ => return Err(self.damaged(at)),
        };
        Ok(())
    }

    /// Steps over what most often stands behind a key or a value: a mark and the
    /// quote of the next text, without white space. Anything else is left to
    /// [`feed`](Self::feed), and so is a value that the outline has to see.
    fn hop(&mut self, piece: &[u8], at: usize) -> usize {
        let [mark, next @ ..] = piece.get(at..).unwrap_or_default() else { return at };
        let is_text = next.first() == Some(&b'"');
        let state = match (self.state, mark) {
            (State::Colon, b':') => State::Value,
            (State::Comma, b',') if self.containers.last() == Some(&true) => State::Key,
            (State::Comma, b',') if !self.containers.is_empty() => State::Value,
            _ => return at,
        };
        self.state = state;
        if is_text && state == State::Key {
            self.key.clear();
            self.state = State::Text { is_key: true };
        } else if is_text && self.held.is_some() {
            self.state = State::Text { is_key: false };
        } else {
            return at + 1;
        }
        at + 2
    }

    /// Ends a container. `part` is what this piece holds of a kept value.
    fn close(&mut self, part: Option<&[u8]>, sink: &mut Sink<'_>) -> Result<(), Fault> {
        self.containers.pop();
        if self.held.is_none()
            && let Some(place) = self.places.pop()
        {
            sink(Item::Close(place))?;
        }
        self.end_value(part, sink)
    }

    /// Ends a value; hands it over where it was kept.
    fn end_value(&mut self, part: Option<&[u8]>, sink: &mut Sink<'_>) -> Result<(), Fault> {
        if self.containers.is_empty() {
            self.state = State::Value;
            self.values += 1;
        } else {
            self.state = State::Comma;
        }
        let Some((place, _)) = self.held.filter(|(_, around)| *around == self.containers.len()) else {
            return Ok(());
        };
        self.held = None;
        let (Some(place), Some(part)) = (place, part) else {
            return Ok(());
        };
        let bytes = if self.kept.is_empty() {
            part
        } else {
            self.keep(part)?;
            &self.kept
        };
        if bytes.len() > MAX_VALUE_BYTES {
            return Err(too_large());
        }
        // The whole file was checked before it came here.
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::Alien("a file that is not UTF-8".to_owned()))?;
        sink(Item::Value(place, text))?;
        self.kept.clear();
        Ok(())
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), Fault> {
        if self.kept.len() + part.len() > MAX_VALUE_BYTES {
            return Err(too_large());
        }
        self.kept.extend_from_slice(part);
        Ok(())
    }

    fn push_key(&mut self, part: &[u8]) {
        if self.held.is_none() && self.key.len() <= MAX_KEY_BYTES {
            let room = MAX_KEY_BYTES + 1 - self.key.len();
            self.key.extend_from_slice(part.get(..room).unwrap_or(part));
        }
    }

    fn push_key_if(&mut self, is_key: bool, byte: u8) {
        if is_key {
            self.push_key(&[byte]);
        }
    }

    /// The key, without its escapes. None for one that the outline cannot name.
    fn key_text(&self) -> Option<String> {
        let text = std::str::from_utf8(self.key.get(..self.key.len().min(MAX_KEY_BYTES))?).ok()?;
        if text.contains('\\') {
            return guest_json::string(&format!("\"{text}\"")).map(|text| text.into_owned());
        }
        Some(text.to_owned())
    }

    fn damaged(&self, at: usize) -> Fault {
        self.damaged_from(self.offset + at as u64)
    }

    /// Whether a document is over, and what comes is none, or may be none.
    fn is_behind(&self) -> bool {
        self.values > 0 && matches!(self.containers.as_slice(), [] | [false])
    }

    fn damaged_from(&self, byte: u64) -> Fault {
        if self.is_behind() {
            return Fault::Alien(BEHIND.to_owned());
        }
        Fault::Alien(format!("a file that is not JSON from byte {byte}"))
    }
}

/// What a file is that goes on behind its last document.
const BEHIND: &str =
    "JSON with other text behind it, such as a log; let the tool write its report to a file of its own";

fn too_large() -> Fault {
    Fault::Large(format!("a record of more than {} MiB", MAX_VALUE_BYTES >> 20))
}

/// Whether a byte can be part of a number or of a word.
fn is_scalar_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// Whether a text is a number, `true`, `false` or `null`.
fn is_scalar(token: &[u8]) -> bool {
    if matches!(token, b"true" | b"false" | b"null") {
        return true;
    }
    let token = token.strip_prefix(b"-").unwrap_or(token);
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = if token.starts_with(b"0") { 1 } else { digits(token) };
    let mut rest = token.get(whole..).unwrap_or_default();
    if whole == 0 {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or_default();
    }
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
