//! Texts of others as people at a terminal are shown them: cleaned, and long ones
//! cut.

use std::borrow::Cow;

use host_harness::exports::text;
pub use host_harness::exports::text::{fenced, json_line, json_lines, line as whole};

/// Signs of a text that people are shown.
pub const SIGNS: usize = 4_000;

/// A text on one line: its line breaks are signs that are seen, and a long one is
/// cut.
pub fn line(text: &str) -> Cow<'_, str> {
    cut(text, text::line)
}

/// A text of several lines, such as a description or code.
pub fn lines(text: &str) -> Cow<'_, str> {
    cut(text.trim_end(), text::lines)
}

fn cut(text: &str, cleaned: impl FnOnce(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    match text.char_indices().nth(SIGNS).and_then(|(end, _)| text.get(..end)) {
        Some(head) => Cow::Owned(format!("{}… ({} bytes; --json has all)", cleaned(head), text.len())),
        None => cleaned(text),
    }
}

/// What the line of a hint begins with.
pub const HINT: &str = "hint:";

/// A message of the program, which holds texts of others. The program breaks
/// lines before two blanks; other line breaks are not its own, and neither is
/// a hint: it is no part of a message.
pub fn message(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\n  ") {
        let (before, behind) = rest.split_at(at);
        shown.push_str(&line(before));
        rest = behind.get(1..).unwrap_or_default();
        let word = rest.trim_start().get(..HINT.len()).unwrap_or_default();
        shown.push(if word.eq_ignore_ascii_case(HINT) { '␤' } else { '\n' });
    }
    shown.push_str(&line(rest));
    shown
}

#[cfg(test)]
mod tests {
    use super::{SIGNS, line, lines, message, whole};

    #[test]
    fn a_message_breaks_its_own_lines_and_holds_no_hint() {
        assert_eq!(message("it failed\n  connector: why\n::x\n  hint"), "it failed\n  connector: why␤::x\n  hint");
        assert_eq!(message("it failed\n  hint: a\n\n   Hint: b"), "it failed␤  hint: a␤␤   Hint: b");
    }

    #[test]
    fn a_long_text_is_cut_for_people_alone() {
        let long = "ä".repeat(SIGNS + 1);
        let cut = format!("{}… ({} bytes; --json has all)", "ä".repeat(SIGNS), long.len());
        assert_eq!(line(&long), cut);
        assert_eq!(lines(&long), cut);
        assert_eq!(whole(&long), long);
        assert_eq!(line(&long[2..]), long[2..]);
    }
}
