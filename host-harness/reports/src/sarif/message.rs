//! Texts: plain, by key, with arguments, with links.

use serde_json::Value;

use crate::json::Look;

/// The text of a message or description that stands as it is.
pub fn plain(message: &Value) -> Option<String> {
    let text = message.text("text").or(message.text("markdown"))?;
    Some(without_links(text.trim()))
}

/// The text of a message: its own, or the one of its key among those of the
/// rule or of the tool, with its arguments.
pub fn text(message: Option<&Value>, of_rule: &Value, of_tool: &Value) -> Option<String> {
    let message = message?;
    let arguments: Vec<&str> = message.list("arguments").iter().map(|it| it.as_str().unwrap_or_default()).collect();
    let own = message.text("text").or(message.text("markdown"));
    let text = own.or_else(|| {
        let key = message.text("id")?;
        let shared = of_rule.at(key).or_else(|| of_tool.at(key))?;
        shared.text("text").or(shared.text("markdown"))
    })?;
    // Braces without arguments are code.
    let filled = if arguments.is_empty() { text.to_owned() } else { fill(text, &arguments) };
    Some(without_links(filled.trim())).filter(|text| !text.is_empty())
}

/// Puts arguments into `{0}`; `{{` and `}}` are braces.
fn fill(text: &str, arguments: &[&str]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let doubled = from.strip_prefix("{{").map(|after| ("{", after));
        if let Some((brace, after)) = doubled.or_else(|| from.strip_prefix("}}").map(|after| ("}", after))) {
            filled.push_str(brace);
            rest = after;
            continue;
        }
        let inner = from.get(1..).and_then(|from| from.split_once('}'));
        match inner.and_then(|(number, after)| Some((arguments.get(number.parse::<usize>().ok()?)?, after))) {
            Some((argument, after)) => {
                filled.push_str(argument);
                rest = after;
            }
            None => {
                filled.extend(from.chars().next());
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// A text with links to places of the result as their words only: `[this](1)` is `this`.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('[') {
        let (before, from) = rest.split_at(start);
        plain.push_str(before);
        let link = from.get(1..).and_then(|from| from.split_once("](")).and_then(|(words, after)| {
            let (target, after) = after.split_once(')')?;
            let is_place = !target.is_empty() && target.bytes().all(|digit| digit.is_ascii_digit());
            (is_place && !words.contains(['[', ']'])).then_some((words, after))
        });
        match link {
            Some((words, after)) => {
                plain.push_str(words);
                rest = after;
            }
            None => {
                plain.push('[');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::text;

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
}
