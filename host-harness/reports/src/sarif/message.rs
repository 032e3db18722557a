//! Texts: plain, by key, with arguments, with links.

use serde_json::Value;

use crate::{
    MAX_TEXT_BYTES,
    bounds::{push_within, start},
    json::JsonView,
};

/// The text of a message or description that stands as it is.
pub fn plain(message: &Value) -> Option<String> {
    let text = message.text("text").or(message.text("markdown"))?;
    Some(without_links(start(text).trim()))
}

/// The text of a message: its own, or the one of its key among those of the
/// rule or of the tool, with its arguments.
pub fn text(message: Option<&Value>, of_rule: &Value, of_tool: &Value) -> Option<String> {
    let message = message?;
    let arguments = message.list("arguments").iter().map(|it| it.as_str().unwrap_or_default());
    let arguments: Vec<&str> = arguments.collect();
    let own = message.text("text").or(message.text("markdown"));
    let text = own.or_else(|| {
        let key = message.text("id")?;
        let shared = of_rule.at(key).or_else(|| of_tool.at(key))?;
        shared.text("text").or(shared.text("markdown"))
    })?;
    // Braces without arguments are code.
    let plain = if arguments.is_empty() {
        without_links(start(text).trim())
    } else {
        without_links(fill(text, &arguments).trim())
    };
    Some(plain).filter(|text| !text.is_empty())
}

/// Puts arguments into `{0}`; `{{` and `}}` are braces. Ends soon after the text
/// is longer than it may be.
fn fill(text: &str, arguments: &[&str]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']).filter(|_| filled.len() <= MAX_TEXT_BYTES) {
        let (before, from) = rest.split_at(at);
        push_within(&mut filled, before);
        let doubled = from.strip_prefix("{{").map(|after| ("{", after));
        if let Some((brace, after)) = doubled.or_else(|| from.strip_prefix("}}").map(|after| ("}", after))) {
            filled.push_str(brace);
            rest = after;
            continue;
        }
        match argument(from, arguments) {
            Some((argument, after)) => {
                push_within(&mut filled, argument);
                rest = after;
            }
            None => {
                filled.extend(from.chars().next());
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    push_within(&mut filled, rest);
    filled
}

/// The argument that a text names at its beginning, `{0}`, and what comes behind.
fn argument<'a>(text: &'a str, arguments: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let (number, after) = number(text.strip_prefix('{')?);
    Some((arguments.get(number.parse::<usize>().ok()?)?, after.strip_prefix('}')?))
}

/// Whether a text has places for arguments: `{0}`, `{}`, `{name}`.
pub fn has_gaps(text: &str) -> bool {
    gap(text).is_some()
}

/// What stands before the first place for an argument, if that says something.
pub fn before_gap(text: &str) -> &str {
    let Some(before) = gap(text).and_then(|at| text.get(..at)) else { return text };
    let before = before.trim_end_matches([' ', ':', '"', '\'', '`', '(', '[']);
    if before.contains(char::is_whitespace) { before } else { text }
}

fn gap(text: &str) -> Option<usize> {
    // A name ends at the next brace, so that no sign is looked at twice.
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let is_gap = |rest: &str| rest.trim_start_matches(is_name).starts_with('}');
    text.match_indices('{').map(|(at, _)| at).find(|at| text.get(at + 1..).is_some_and(is_gap))
}

/// The digits at the beginning of a text, and what comes behind them.
fn number(text: &str) -> (&str, &str) {
    text.split_at(text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len()))
}

/// A text with links to places of the result as their words only: `[this](1)` is
/// `this`. Each sign is looked at a few times, however many brackets there are.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let from = from.get(1..).unwrap_or_default();
        match link(from) {
            Some((words, after)) => {
                plain.push_str(words);
                rest = after;
            }
            None => {
                plain.push('[');
                rest = from;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The words of a link to a place whose `[` was just read, and what comes behind it.
fn link(text: &str) -> Option<(&str, &str)> {
    let (words, after) = text.split_at(text.find(['[', ']'])?);
    let (place, after) = number(after.strip_prefix("](")?);
    Some((words, after.strip_prefix(')')?)).filter(|_| !place.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{MAX_TEXT_BYTES, before_gap, has_gaps, text};

    #[test]
    fn a_text_has_gaps() {
        for text in ["`{name}` imported but unused", "Possible password: \"{}\"", "{0} flows", "{ {x}"] {
            assert!(has_gaps(text), "{text}");
        }
        assert_eq!(before_gap("Possible password: \"{}\""), "Possible password");
        assert_eq!(before_gap("`{name}` imported but unused"), "`{name}` imported but unused");
        for text in ["Unexpected `{ a: 1 }`", "a { b", "}{", "plain"] {
            assert!(!has_gaps(text), "{text}");
        }
    }

    #[test]
    fn a_message_is_its_text_with_arguments_and_without_links() {
        let rule = json!({"default": {"text": "{0} flows to [a sink](1), not {1} or {{x}}"}});
        let tool = json!({"shared": {"markdown": "**{0}**"}});
        for (message, expect) in [
            (json!({"text": " a {0} [b](c) "}), Some("a {0} [b](c)")),
            (json!({"text": "x [y](2) [z"}), Some("x y [z")),
            (json!({"id": "default", "arguments": ["Input"]}), Some("Input flows to a sink, not {1} or {x}")),
            (json!({"id": "shared", "arguments": ["é"]}), Some("**é**")),
            (json!({"text": "{0}{", "arguments": ["{1}"]}), Some("{1}{")),
            (json!({"id": "none"}), None),
            (json!({"text": " "}), None),
            (json!([]), None),
        ] {
            assert_eq!(text(Some(&message), &rule, &tool).as_deref(), expect, "{message}");
        }
        assert_eq!(text(None, &Value::Null, &Value::Null), None);
    }

    #[test]
    fn a_message_does_not_grow_without_bounds() {
        let filled = |pattern: &str, argument: usize| {
            let message = json!({"text": pattern.repeat(100_000), "arguments": ["é".repeat(argument)]});
            text(Some(&message), &Value::Null, &Value::Null).unwrap().len()
        };
        for (pattern, argument) in [("{0}", 1_000_000), ("{0}", 1), ("{{", 0), ("x{1}", 9), ("[x](1)", 0), ("é", 0)] {
            let length = filled(pattern, argument);
            assert!(length <= MAX_TEXT_BYTES + 4, "{pattern}: {length}");
        }
    }

    /// With a look at all of the rest for each bracket, this would take days.
    #[test]
    fn brackets_without_an_end_are_looked_at_once() {
        let size = 40 << 20;
        for pattern in ["{", "{0", "[", "[x](", "[x](1", "[x]"] {
            let message = json!({"text": pattern.repeat(size / pattern.len()), "arguments": [""]});
            assert!(text(Some(&message), &Value::Null, &Value::Null).is_some(), "{pattern}");
        }
        assert!(!has_gaps(&"{".repeat(1 << 20)));
    }
}
