//! What is wrong with a text that is not JSON, in the words of `serde_json`.
//!
//! The reader itself does not tell: it would do so in dozens of places. A text that
//! it refuses is gone through once more here, as strictly as a value is read.

/// What is wrong, and how many bytes were read until then.
type Fault = (&'static str, usize);

/// What is wrong with a text, if anything is.
pub fn fault(text: &str) -> Option<Fault> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    let result = scan.value(127).and_then(|()| match scan.peek() {
        Some(_) => Err(scan.at_next("trailing characters")),
        None => Ok(()),
    });
    result.err()
}

const EOF_IN_VALUE: &str = "EOF while parsing a value";
const EOF_IN_STRING: &str = "EOF while parsing a string";

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// A fault behind what was read.
    fn here(&self, what: &'static str) -> Fault {
        (what, self.at)
    }

    /// A fault in the next byte.
    fn at_next(&self, what: &'static str) -> Fault {
        (what, self.bytes.len().min(self.at + 1))
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.byte()?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn value(&mut self, depth: usize) -> Result<(), Fault> {
        match self.peek() {
            None => Err(self.at_next(EOF_IN_VALUE)),
            Some(b'n') => self.word(b"null"),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'[' | b'{') if depth == 0 => Err(self.at_next("recursion limit exceeded")),
            Some(b'[') => self.list(depth - 1),
            Some(b'{') => self.object(depth - 1),
            Some(_) => Err(self.at_next("expected value")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        let mut is_first = true;
        loop {
            match self.peek() {
                None => return Err(self.at_next("EOF while parsing a list")),
                Some(b']') => break,
                Some(b',') if !is_first => {
                    self.at += 1;
                    match self.peek() {
                        Some(b']') => return Err(self.at_next("trailing comma")),
                        None => return Err(self.at_next(EOF_IN_VALUE)),
                        Some(_) => {}
                    }
                }
                Some(_) if is_first => {}
                Some(_) => return Err(self.at_next("expected `,` or `]`")),
            }
            is_first = false;
            self.value(depth)?;
        }
        self.at += 1;
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        let mut is_first = true;
        loop {
            match self.peek() {
                None => return Err(self.at_next("EOF while parsing an object")),
                Some(b'}') => break,
                Some(b',') if !is_first => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"') => {}
                        Some(b'}') => return Err(self.at_next("trailing comma")),
                        None => return Err(self.at_next(EOF_IN_VALUE)),
                        Some(_) => return Err(self.at_next("key must be a string")),
                    }
                }
                Some(b'"') if is_first => {}
                Some(_) if is_first => return Err(self.at_next("key must be a string")),
                Some(_) => return Err(self.at_next("expected `,` or `}`")),
            }
            is_first = false;
            self.string()?;
            match self.peek() {
                Some(b':') => self.at += 1,
                Some(_) => return Err(self.at_next("expected `:`")),
                None => return Err(self.at_next("EOF while parsing an object")),
            }
            self.value(depth)?;
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        for letter in word {
            match self.next() {
                Some(byte) if byte == *letter => {}
                Some(_) => return Err(self.here("expected ident")),
                None => return Err(self.here(EOF_IN_VALUE)),
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            match self.next() {
                None => return Err(self.here(EOF_IN_STRING)),
                Some(b'"') => return Ok(()),
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => {
                    return Err(self.here("control character (\\u0000-\\u001F) found while parsing a string"));
                }
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.next() {
            None => return Err(self.here(EOF_IN_STRING)),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return Ok(()),
            Some(b'u') => {}
            Some(_) => return Err(self.here("invalid escape")),
        }
        match self.unit()? {
            0xdc00..0xe000 => return Err(self.here("lone leading surrogate in hex escape")),
            0xd800..0xdc00 => {}
            _ => return Ok(()),
        }
        for letter in b"\\u" {
            match self.next() {
                Some(byte) if byte == *letter => {}
                Some(_) => return Err(self.here("unexpected end of hex escape")),
                None => return Err(self.here(EOF_IN_STRING)),
            }
        }
        match self.unit()? {
            0xdc00..0xe000 => Ok(()),
            _ => Err(self.here("lone leading surrogate in hex escape")),
        }
    }

    fn unit(&mut self) -> Result<u32, Fault> {
        let Some(digits) = self.bytes.get(self.at..self.at + 4) else {
            self.at = self.bytes.len();
            return Err(self.here(EOF_IN_STRING));
        };
        self.at += 4;
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let unit = digits.iter().try_fold(0, |unit, byte| Some(unit << 4 | digit(byte)?));
        unit.ok_or_else(|| self.here("invalid escape"))
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.next() {
            None => return Err(self.here(EOF_IN_VALUE)),
            Some(b'0') => {
                if self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
                    return Err(self.at_next("invalid number"));
                }
            }
            Some(b'1'..=b'9') => self.digits(),
            Some(_) => return Err(self.here("invalid number")),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            match self.byte() {
                Some(b'0'..=b'9') => self.digits(),
                Some(_) => return Err(self.at_next("invalid number")),
                None => return Err(self.at_next(EOF_IN_VALUE)),
            }
        }
        let mut too_large = None;
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            match self.next() {
                Some(b'0'..=b'9') => {
                    self.at -= 1;
                    too_large = self.exponent();
                }
                Some(_) => return Err(self.here("invalid number")),
                None => return Err(self.here(EOF_IN_VALUE)),
            }
        }
        let text = self.bytes.get(start..self.at).and_then(|bytes| std::str::from_utf8(bytes).ok());
        match text.and_then(crate::tree::float) {
            Some(_) => Ok(()),
            None => Err(("number out of range", too_large.unwrap_or(self.at))),
        }
    }

    /// Where an exponent is too large for whatever it is of, if it is.
    fn exponent(&mut self) -> Option<usize> {
        let (mut exponent, mut too_large) = (Some(0_i32), None);
        while let Some(byte @ b'0'..=b'9') = self.byte() {
            self.at += 1;
            exponent = exponent.and_then(|it| it.checked_mul(10)?.checked_add(i32::from(byte - b'0')));
            if exponent.is_none() {
                too_large.get_or_insert(self.at);
            }
        }
        too_large
    }

    fn digits(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }
}
