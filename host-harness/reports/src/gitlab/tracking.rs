//! What a report gives to know a vulnerability again.

use serde_json::Value;

use crate::{bounds, identity, json::JsonView};

/// Signatures by how well they follow code that moves; others come behind them.
/// That of a place holds its lines, and is none.
const ALGORITHMS: [&str; 3] = ["rule_value", "scope_offset_compressed", "scope_offset"];

/// Shorter ids are numbers, not of this vulnerability alone.
const MIN_ID_BYTES: usize = 16;

/// Hash of the best signature of a vulnerability. It tells only together with rule,
/// path and number among equals: it does not tell apart what one line holds twice.
pub fn signature(vulnerability: &Value) -> Option<String> {
    let line = vulnerability.at("location").count("start_line").map(|line| format!(":{line}"));
    let items = vulnerability.at("tracking").list("items");
    let signatures = items.iter().flat_map(|item| item.list("signatures")).filter_map(|it| {
        let (algorithm, value) = (it.text("algorithm")?, it.text("value").map(bounds::word)?);
        // An offset from the file's first line is the line.
        let is_line = algorithm == "location" || line.as_ref().is_some_and(|line| value.ends_with(line.as_str()));
        let rank = ALGORITHMS.iter().position(|known| *known == algorithm).unwrap_or(ALGORITHMS.len());
        (!is_line).then_some((rank, algorithm, value))
    });
    let (_, algorithm, value) = signatures.min()?;
    Some(identity::hash([algorithm, value]))
}

/// Hash of the id of a vulnerability, where it may be the same in the next report.
///
/// It is a weaker identity than rule, path and text. The format asks for an id that
/// is unique in its report, no more: some tools draw it by lot (a UUID of version
/// 4), some make it of lines or code that change while the fault stays.
pub fn id(vulnerability: &Value) -> Option<String> {
    let id = vulnerability.text("id").map(bounds::word)?;
    let is_word = id.len() >= MIN_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic());
    (is_word && !is_random(id)).then(|| identity::hash(["gitlab-id", id]))
}

fn is_random(id: &str) -> bool {
    let parts: Vec<&[u8]> = id.split('-').map(str::as_bytes).collect();
    let [_, _, [b'4', _, _, _], [variant, _, _, _], _] = parts.as_slice() else { return false };
    id.len() == 36 && matches!(variant.to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b')
}
