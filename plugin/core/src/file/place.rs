//! Places in files, and texts of code, in the form that all formats share.

use std::borrow::Cow;

use appsec_model::{Finding, Location, folder};
use percent_encoding::percent_decode_str;

use crate::wire::Count;

/// How much code of one place is kept, in characters. Rules on whole functions
/// match hundreds of lines; who wants them has the file.
pub const MAX_SNIPPET_CHARS: usize = 4_000;

/// How much code of one step of a data flow is kept, in characters.
pub const MAX_STEP_CHARS: usize = 500;

/// How many steps of a data flow are kept: the first, and the last, which is
/// where it does harm.
pub const MAX_STEPS: usize = 100;

/// A path as it is compared: with `/`, without `./` before it.
pub fn path(text: &str) -> Cow<'_, str> {
    let path = match text.contains('\\') {
        true => Cow::Owned(text.replace('\\', "/")),
        false => Cow::Borrowed(text),
    };
    let mut rest = &*path;
    while let Some(next) = rest.strip_prefix("./") {
        rest = next.trim_start_matches('/');
    }
    let skipped = path.len() - rest.len();
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(path.get(skipped..).unwrap_or_default()),
        Cow::Owned(mut path) => {
            path.drain(..skipped);
            Cow::Owned(path)
        }
    }
}

/// A path without the folder that the project has on the machine of the scan.
pub fn below<'a>(path: &'a str, root: Option<&str>) -> &'a str {
    root.map_or(path, |root| folder::below(path, std::slice::from_ref(&root.to_owned())))
}

/// The path, if it is absolute.
pub fn absolute(path: &str) -> Option<String> {
    folder::is_absolute(path).then(|| path.to_owned())
}

/// Takes the project's folder off every path of a finding.
pub fn take_off(finding: &mut Finding, root: Option<&str>) {
    let Some(root) = root else { return };
    let mut take_off = |place: &mut Location| take_off_place(place, Some(root));
    finding.location.iter_mut().for_each(&mut take_off);
    finding.flow.iter_mut().for_each(|step| take_off(&mut step.location));
    if let Some(dependency) = &mut finding.dependency {
        dependency.lockfile.iter_mut().for_each(&mut take_off);
        dependency.reachability.usage.iter_mut().for_each(|usage| take_off(&mut usage.location));
    }
}

/// Takes the project's folder off the path of a place.
pub fn take_off_place(place: &mut Location, root: Option<&str>) {
    let inner = below(&place.path, root);
    if inner.len() != place.path.len() {
        place.path = inner.to_owned();
    }
}

/// The path of a SARIF address.
///
/// The tool writes paths into addresses as they are, other writers encode them.
/// So only an address that is one by its letters is decoded, and only to UTF-8.
pub fn uri_path(uri: &str) -> String {
    let rest = uri.strip_prefix("file://").unwrap_or(uri);
    let decoded = if is_encoded(rest) { percent_decode_str(rest).decode_utf8().ok() } else { None };
    let path = path(decoded.as_deref().unwrap_or(rest)).into_owned();
    // `file:///C:/…` has a slash before the drive.
    match path.as_bytes() {
        [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() => path.get(1..).unwrap_or_default().to_owned(),
        _ => path,
    }
}

/// A place; lines that are unknown stay so.
pub fn location(path: String, start: (Option<Count>, Option<Count>), end: (Option<Count>, Option<Count>)) -> Location {
    let count = |count: Option<Count>| count.and_then(|Count(number)| number);
    let start_line = count(start.0);
    // A column or an end without a line says nothing.
    let known = |number| if start_line.is_some() { count(number) } else { None };
    Location { path, start_line, start_column: known(start.1), end_line: known(end.0), end_column: known(end.1) }
}

/// Code, of bounded length; none where the tool withholds it.
pub fn code(text: &str, max_chars: usize) -> Option<String> {
    if text.trim().is_empty() || text == "requires login" {
        return None;
    }
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => Some(format!("{}…", text.get(..end)?)),
        None => Some(text.to_owned()),
    }
}

/// Whether a text has the letters of an address only, and `%` only before two
/// hexadecimal digits; and any `%` at all.
fn is_encoded(text: &str) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(byte);
    let mut parts = text.split('%');
    let escaped = |part: &str| {
        let mut digits = part.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.next().and(digits.next()).is_some()
    };
    text.contains('%') && text.as_bytes().iter().all(is_letter) && parts.next().is_some() && parts.all(escaped)
}

#[cfg(test)]
mod tests {
    use super::{code, path, uri_path};

    #[test]
    fn a_path_of_dots_alone_is_looked_at_once() {
        // Copied for each of them it would not end.
        assert_eq!(path(&"./".repeat(1 << 22)), "");
        assert_eq!(path(&(".\\".repeat(1 << 22) + "a")), "a");
    }

    #[test]
    fn a_path_has_one_form() {
        for (text, expect) in [
            ("src/a.py", "src/a.py"),
            ("./src/a.py", "src/a.py"),
            (".\\src\\a.py", "src/a.py"),
            ("././/a", "a"),
            ("/abs/a", "/abs/a"),
            (".hidden/a", ".hidden/a"),
            ("../a", "../a"),
            ("100%25/größe.py", "100%25/größe.py"),
        ] {
            assert_eq!(path(text), expect);
        }
    }

    #[test]
    fn an_address_is_decoded_where_it_is_encoded() {
        for (uri, expect) in [
            ("src/a.py", "src/a.py"),
            ("gr%C3%B6%C3%9Fe%20x.py", "größe x.py"),
            ("größe%20.py", "größe%20.py"),
            ("order form%20.js", "order form%20.js"),
            ("100%.js", "100%.js"),
            ("100%2", "100%2"),
            ("a%zz", "a%zz"),
            ("latin%E9.py", "latin%E9.py"),
            ("file:///home/x/a%20b.py", "/home/x/a b.py"),
            ("file:///C:/a.py", "C:/a.py"),
            (".\\src\\a.py", "src/a.py"),
            ("./a%2Fb", "a/b"),
            ("", ""),
        ] {
            assert_eq!(uri_path(uri), expect, "{uri}");
        }
    }

    #[test]
    fn code_is_bounded_and_a_placeholder_is_none() {
        assert_eq!(code("requires login", 9), None);
        assert_eq!(code(" \n", 9), None);
        assert_eq!(code("ééé", 2).as_deref(), Some("éé…"));
        assert_eq!(code("  x", 3).as_deref(), Some("  x"));
    }
}
