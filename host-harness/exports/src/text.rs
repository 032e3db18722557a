//! Texts of others on their way into a line, a cell, the log, CSV or JSON. Titles,
//! names, paths and messages are written by whoever wrote the code that was
//! scanned, its vendor or its connector: they are shown, and nothing acts on them.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// A text on one line: its line breaks are signs that are seen.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, false)
}

/// A text of several lines, such as a description or code. Whoever prints it
/// puts something in front of each line.
pub fn lines(text: &str) -> Cow<'_, str> {
    shown(text.trim_end(), true)
}

/// A text on one line, cut to a number of signs. It is not cleaned.
pub fn short(text: &str, signs: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= signs {
        return line;
    }
    line.chars().take(signs.saturating_sub(1)).chain(['…']).collect()
}

/// The lines of a message on one line, for where there is no room for several. It is
/// not cleaned.
pub fn joined(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// A finished text whose lines begin no command of a pipeline: `::`, also behind
/// what is not seen. The others, such as `##vso[`, are commands anywhere in a
/// line and broken in each value.
pub fn fenced(text: &str) -> Cow<'_, str> {
    if !text.split('\n').any(|line| command(line).is_some()) {
        return Cow::Borrowed(text);
    }
    let lines = text.split('\n').map(|line| match command(line) {
        Some((colon, rest)) => Cow::Owned(format!("{colon} {rest}")),
        None => Cow::Borrowed(line),
    });
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// A line that is a command, cut between its colons.
fn command(line: &str) -> Option<(&str, &str)> {
    let colons = line.trim_start_matches(is_unseen);
    let rest = colons.strip_prefix(':')?;
    let is_command = rest.trim_start_matches(is_passed_over).starts_with(':');
    is_command.then(|| line.split_at_checked(line.len() - rest.len())).flatten()
}

/// Whether nothing is seen of a sign: white space, what controls a terminal, and
/// what Unicode says to be ignored where it is shown (the property
/// `Default_Ignorable_Code_Point`), with the few other signs that are blank.
pub fn is_unseen(sign: char) -> bool {
    sign.is_whitespace()
        || sign.is_control()
        || matches!(sign,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a sign makes no other text for readers that compare as a language
/// does, which some pipelines do. A blank does: it breaks a command.
fn is_passed_over(sign: char) -> bool {
    is_unseen(sign) && !sign.is_whitespace()
}

/// Whether a terminal or a viewer acts on a sign: controls, line breaks of
/// Unicode, and what turns the direction of the text behind it.
pub fn acts(sign: char) -> bool {
    sign.is_control()
        || matches!(sign,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}')
}

/// Whether a `#` before this text begins a command of a pipeline: `##vso[`,
/// `##[`, `##teamcity[`.
fn is_command(behind: &str) -> bool {
    let second = behind.trim_start_matches(is_passed_over).strip_prefix('#');
    let name = second.map(|rest| rest.trim_start_matches(is_passed_over));
    name.is_some_and(|name| name.starts_with(|sign: char| sign == '[' || sign.is_ascii_alphabetic()))
}

fn shown(text: &str, breaks: bool) -> Cow<'_, str> {
    if !text.contains(|sign| acts(sign) || sign == '#') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\r' if signs.as_str().starts_with('\n') => {}
            '\n' if breaks => shown.push('\n'),
            '\n' => shown.push('␤'),
            // What it is wide depends on where it stands.
            '\t' if breaks => shown.push_str("    "),
            '\t' => shown.push(' '),
            '\u{7f}' => shown.push('␡'),
            '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(sign))),
            '#' if is_command(signs.as_str()) => shown.push_str("# "),
            _ if acts(sign) => shown.push_str(&format!("<U+{:04X}>", u32::from(sign))),
            _ => shown.push(sign),
        }
    }
    Cow::Owned(shown)
}

/// Writes JSON of several lines.
pub fn json_lines(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    json(out, value, PrettyFormatter::new())
}

/// Writes JSON of one line.
pub fn json_line(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    json(out, value, CompactFormatter)
}

fn json(out: impl Write, value: &impl Serialize, form: impl Formatter) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Json(form))).map_err(io::Error::from)
}

/// Bytes of a text that are looked at together.
const CHUNK: usize = 32;

/// Whether all of it are letters of ASCII that nobody acts on, not even with others.
fn is_plain(bytes: &[u8]) -> bool {
    // Without an early end, so that the compiler compares all of them at once.
    bytes.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'"' | b'$'..=b'~'))
}

/// JSON in which the signs that a terminal or a pipeline acts on are escaped.
/// They stand in strings alone.
struct Json<F>(F);

macro_rules! as_its_form {
    ($($name:ident($($argument:ident)?)),+) => {
        $(fn $name<W: ?Sized + Write>(&mut self, out: &mut W $(, $argument: bool)?) -> io::Result<()> {
            self.0.$name(out $(, $argument)?)
        })+
    };
}

impl<F: Formatter> Formatter for Json<F> {
    as_its_form! {
        begin_array(), end_array(), begin_array_value(first), end_array_value(), begin_object(), end_object(),
        begin_object_key(first), end_object_key(), begin_object_value(), end_object_value()
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        // Nearly all texts have no such sign, which many bytes at a time tell sooner.
        if fragment.as_bytes().chunks(CHUNK).all(is_plain) {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(|sign| acts(sign) || sign == '#') {
            let (before, found) = rest.split_at(at);
            out.write_all(before.as_bytes())?;
            let mut signs = found.chars();
            match signs.next() {
                Some('#') if !is_command(signs.as_str()) => out.write_all(b"#")?,
                Some(sign) => write!(out, "\\u{:04x}", u32::from(sign))?,
                None => {}
            }
            rest = signs.as_str();
        }
        out.write_all(rest.as_bytes())
    }

    fn write_raw_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        self.write_string_fragment(out, fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::{fenced, joined, json_line, json_lines, line, lines, short};

    const EVIL: &str =
        "\u{1b}[2Ja\u{1b}]0;title\u{7}\r\u{9b}31m\u{7f}\0\u{1b}[1;31mred\u{1b}[0m\tb\u{202e}c\u{2028}d\u{61c}";

    #[test]
    fn what_a_terminal_acts_on_is_seen() {
        let seen = "␛[2Ja␛]0;title␇␍<U+009B>31m␡␀␛[1;31mred␛[0m b<U+202E>c<U+2028>d<U+061C>";
        assert_eq!(line(EVIL), seen);
        assert_eq!(lines(EVIL), seen.replace("m b", "m    b"));
        assert_eq!(line("größe ✓ שלום"), "größe ✓ שלום");
    }

    #[test]
    fn a_line_stays_one_and_a_text_keeps_its_lines() {
        assert_eq!(line("a\r\nb\nc\n"), "a␤b␤c␤");
        assert_eq!(lines("a\r\nb\n  c\n\n"), "a\nb\n  c");
        assert_eq!(joined("a\n  b \n\n\r\nc"), "a; b; c");
        assert_eq!((short(" a\n b ", 3), short("abcd", 3)), ("a b".to_owned(), "ab…".to_owned()));
    }

    #[test]
    fn a_value_is_no_command_for_a_pipeline() {
        let json = |text: &str| {
            let (mut out, mut one) = (Vec::new(), Vec::new());
            json_lines(&mut out, &[text]).unwrap();
            json_line(&mut one, &text).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(out.contains(std::str::from_utf8(&one).unwrap()), "{out}");
            assert_eq!(serde_json::from_str::<[String; 1]>(&out).unwrap(), [text]);
            out
        };
        for (evil, broken) in [
            ("##vso[task.setvariable]x", "# #vso[task.setvariable]x"),
            ("a ##[add-mask]x", "a # #[add-mask]x"),
            ("###[group]", "## #[group]"),
            ("##teamcity[x]", "# #teamcity[x]"),
            ("#\u{200b}#\u{ad}[x]", "# \u{200b}#\u{ad}[x]"),
        ] {
            assert_eq!(line(evil), broken);
            assert_eq!(lines(evil), broken);
            assert!(!json(evil).contains("##"), "{}", json(evil));
        }
        for (evil, broken) in [
            ("::error::x", ": :error::x"),
            ("a\n \t::error::x\nb", "a\n \t: :error::x\nb"),
            ("\u{feff}::x", "\u{feff}: :x"),
            (":\u{200b}:x", ": \u{200b}:x"),
        ] {
            assert_eq!(fenced(evil), broken);
        }
        for fine in ["# Title", "## Title", "#1", "##", "C#", "a::b", ": x", ":", "std::move(x)"] {
            assert_eq!(line(fine), fine);
            assert_eq!(fenced(fine), fine);
            assert_eq!(json(fine), format!("[\n  \"{fine}\"\n]"));
        }
    }

    #[test]
    fn json_holds_nothing_that_a_terminal_acts_on() {
        let mut out = Vec::new();
        json_lines(&mut out, &serde_json::json!({ EVIL: EVIL })).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(!out.contains(|sign| sign != '\n' && super::acts(sign)), "{out:?}");
        assert!(out.contains(r"\u009b31m\u007f\u0000") && out.contains(r"b\u202ec\u2028d\u061c"), "{out}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), serde_json::json!({ EVIL: EVIL }));
    }
}
