//! Paths and places in one form, and code of bounded length.

use std::borrow::Cow;

use appsec_model::Location;
pub use appsec_model::folder::{AbsolutePaths, below, is_absolute, is_folder, roots};
use percent_encoding::percent_decode_str;

/// How much code of one place is kept, in characters.
pub const MAX_SNIPPET_CHARS: usize = 4_000;

/// How much code of one step of a data flow is kept, in characters.
pub const MAX_STEP_CHARS: usize = 500;

/// How many steps of a data flow are kept: the first, and the last.
pub const MAX_STEPS: usize = 100;

/// The path of an address: without `file://`, decoded, with `/`, without `.` and
/// `..` where they can be resolved.
///
/// By the standard an address is percent-encoded. Some tools write paths as they
/// are, so that only what is an address by each of its letters is decoded.
pub fn uri_path(uri: &str) -> String {
    let uri = uri.trim();
    let scheme = uri.get(..5).filter(|start| start.eq_ignore_ascii_case("file:"));
    let rest = scheme.and_then(|_| uri.get(5..)).map_or(uri, |rest| match rest.strip_prefix("//") {
        // `file://host/share` keeps its host; `localhost` is none.
        Some(rest) => rest.strip_prefix("localhost").filter(|rest| rest.starts_with('/')).unwrap_or(rest),
        None => rest,
    });
    let decoded = if is_encoded(rest) { percent_decode_str(rest).decode_utf8().ok() } else { None };
    let text = decoded.unwrap_or(Cow::Borrowed(rest));
    // `file:///C:/…` has a slash before the drive.
    let text = match text.as_bytes() {
        [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() => text.get(1..).unwrap_or_default(),
        _ => &text,
    };
    path(text)
}

/// A path in the form in which paths are compared.
pub fn path(text: &str) -> String {
    let text = text.trim().replace('\\', "/");
    let (root, rest) = match text.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", text.as_str()),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." if root == "/" && parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

/// A place of a file.
pub fn file(path: String) -> Location {
    Location { path, ..Location::default() }
}

/// Code, of bounded length; none where there is only white space.
pub fn code(text: &str, max_chars: usize) -> Option<String> {
    // No more than is kept, whatever stands behind it.
    let text = text.get(..text.floor_char_boundary(max_chars * 4 + 4)).unwrap_or(text);
    if text.trim_start().is_empty() {
        return None;
    }
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => Some(format!("{}…", text.get(..end)?)),
        None => Some(text.to_owned()),
    }
}

/// The first line of a text, of bounded length.
pub fn line(text: &str) -> Option<String> {
    code(text.lines().map(str::trim).find(|line| !line.is_empty())?, 200)
}

/// Whether a text has letters of addresses only, a `%` at all, and each `%`
/// before two hexadecimal digits.
fn is_encoded(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let escaped =
        |part: &str| matches!(part.as_bytes(), [one, two, ..] if one.is_ascii_hexdigit() && two.is_ascii_hexdigit());
    text.contains('%') && text.bytes().all(is_letter) && text.split('%').skip(1).all(escaped)
}

#[cfg(test)]
mod tests {
    use super::{code, uri_path};

    #[test]
    fn an_address_has_one_path() {
        for (uri, expect) in [
            ("src/a.py", "src/a.py"),
            ("./src//a.py", "src/a.py"),
            (".\\src\\a.py", "src/a.py"),
            ("src/x/../a.py", "src/a.py"),
            ("../a.py", "../a.py"),
            ("/../a.py", "/a.py"),
            ("gr%C3%B6%C3%9Fe%20x.py", "größe x.py"),
            ("größe%20.py", "größe%20.py"),
            ("order form%20.js", "order form%20.js"),
            ("100%.js", "100%.js"),
            ("a%zz", "a%zz"),
            ("latin%E9.py", "latin%E9.py"),
            ("file:///home/x/a%20b.py", "/home/x/a b.py"),
            ("file://localhost/x", "/x"),
            ("FILE:///C:/a.py", "C:/a.py"),
            ("file:/x/y", "/x/y"),
            ("", ""),
        ] {
            assert_eq!(uri_path(uri), expect, "{uri}");
        }
    }

    #[test]
    fn code_is_bounded() {
        assert_eq!(code(" \n", 9), None);
        assert_eq!(code("ééé", 2).as_deref(), Some("éé…"));
        assert_eq!(code("  x", 3).as_deref(), Some("  x"));
    }
}
