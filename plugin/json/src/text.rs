//! Strings that are not written as they read, and whether two are the same.

/// Whether two texts are the same: in WebAssembly `==` calls a function that goes
/// byte by byte.
#[inline]
pub fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    // The last word may overlap with the one before it.
    match (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        (Some(last), Some(other_last)) => {
            let (words, other_words) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
            is_same_word(last, other_last) && words.iter().zip(other_words).all(|(one, other)| is_same_word(one, other))
        }
        _ => one.iter().zip(other).all(|(one, other)| one == other),
    }
}

fn is_same_word(one: &[u8; 8], other: &[u8; 8]) -> bool {
    u64::from_le_bytes(*one) == u64::from_le_bytes(*other)
}

/// What the inside of a string reads as. Its escapes are well-formed; none where
/// one is half of a surrogate pair, which is no character.
pub fn unescape(inside: &str) -> Option<String> {
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut letters = escaped.chars();
        let letter = letters.next()?;
        rest = letters.as_str();
        text.push(match letter {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = unit(&mut rest)?;
                // The first half of a pair needs its second half.
                let code = match first {
                    0xd800..0xdc00 => {
                        rest = rest.strip_prefix("\\u")?;
                        let second = unit(&mut rest).filter(|unit| (0xdc00..0xe000).contains(unit))?;
                        0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    code => code,
                };
                char::from_u32(code)?
            }
            other => other,
        });
    }
    text.push_str(rest);
    Some(text)
}

/// Four hexadecimal digits.
fn unit(rest: &mut &str) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    u32::from_str_radix(digits, 16).ok()
}
