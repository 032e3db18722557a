//! The text of files that scanners write: what is no character in it, and what a
//! file is that no reader can take.

/// JSON of which each escape is a character: halves of surrogate pairs become
/// U+FFFD. None where there are no such halves.
///
/// ```
/// assert_eq!(appsec_model::text::mend(r#""caf\udce9""#).as_deref(), Some(r#""caf\ufffd""#));
/// assert_eq!(appsec_model::text::mend(r#""\ud83d\ude00 \\udce9""#), None);
/// ```
pub fn mend(json: &str) -> Option<String> {
    let mut mended = String::new();
    let (mut from, mut at) = (0, 0);
    while let Some(start) = json.get(at..).and_then(|rest| rest.find('\\')).map(|found| at + found) {
        let pair = (unit(json, start), unit(json, start + 6));
        at = match pair {
            (None, _) => start + 2,
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => start + 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.push_str(json.get(from..start)?);
                mended.push_str("\\ufffd");
                from = start + 6;
                from
            }
            (Some(_), _) => start + 6,
        };
    }
    if mended.is_empty() {
        return None;
    }
    mended.push_str(json.get(from..)?);
    Some(mended)
}

/// The unit of UTF-16 that an escape at this place is.
fn unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

/// What stands in the place of a file where there is none: GitHub takes no result of SARIF
/// without one.
pub const NO_FILE: &str = "no file associated with this alert";

/// What a file is that is no text in UTF-8, by its first bytes, and what to do.
pub fn packed(start: &[u8]) -> Option<&'static str> {
    let is = |magic: &[u8]| start.starts_with(magic);
    Some(
        if is(&[0xff, 0xfe]) || is(&[0xfe, 0xff]) || is(b"{\0") || is(b"[\0") || is(b"\0{") || is(b"\0[") || is(b"\0\0")
        {
            "text in UTF-16 or UTF-32; save it as UTF-8"
        } else if is(&[0x1f, 0x8b]) {
            "still compressed with gzip; unpack it first"
        } else if is(&[0x28, 0xb5, 0x2f, 0xfd]) {
            "still compressed with zstd; unpack it first"
        } else if is(b"BZh") && start.get(4..10).is_some_and(|it| it == b"1AY&SY" || it == b"\x17\x72\x45\x38\x50\x90")
        {
            "compressed with bzip2; unpack it first"
        } else if is(b"\xfd7zXZ\0") {
            "compressed with xz; unpack it first"
        } else if is(b"\x5d\0\0") {
            "compressed with lzma; unpack it first"
        } else if is(b"LZIP") {
            "compressed with lzip; unpack it first"
        } else if is(&[0x04, 0x22, 0x4d, 0x18]) {
            "compressed with lz4; unpack it first"
        } else if is(b"PK\x03\x04") || is(b"PK\x05\x06") {
            "a ZIP archive; unpack it and import the reports in it"
        } else if is(b"7z\xbc\xaf\x27\x1c") {
            "a 7z archive; unpack it and import the reports in it"
        } else if is(b"Rar!\x1a\x07") {
            "a RAR archive; unpack it and import the reports in it"
        } else if start.get(257..262).is_some_and(|it| it == b"ustar") {
            "a tar archive; unpack it and import the reports in it"
        } else if is(b"%PDF-") {
            "a PDF document; let the scanner write a report for programs"
        } else if is(b"SQLite format 3\0") {
            "an SQLite database, and no report"
        } else {
            return None;
        },
    )
}

/// What a file is whose text is no JSON, by its beginning, and what to do; none
/// where it may be JSON.
pub fn no_json(start: &str) -> Option<String> {
    let start = start.trim_start_matches('\u{feff}').trim_start();
    match start.chars().next()? {
        '<' => Some(markup(start)),
        '{' => None,
        // `[INFO] scanning` is a line of a log, `[{` a list.
        '[' if start.get(1..)?.trim_start().starts_with(|next: char| !next.is_ascii_alphabetic()) => None,
        _ => behind_lines(start),
    }
}

/// What text is that is neither JSON nor markup, by its beginning, and what to do.
pub fn plain(start: &str) -> Option<&'static str> {
    let mut lines = start.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
    let first = lines.next()?;
    let is_key = |line: &str| {
        let key = line.split_once(':').filter(|(_, rest)| rest.is_empty() || rest.starts_with(' ')).map(|(key, _)| key);
        key.is_some_and(|key| {
            !key.is_empty() && key.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-. ".contains(&it))
        })
    };
    let is_entry = |line: &str| line.starts_with([' ', '-', '#']) || is_key(line);
    let mut second = lines.clone();
    let second = second.next().unwrap_or_default();
    let is_row = |sign: &&str| match first.split(*sign).count() {
        0 | 1 => false,
        2 => second.split(*sign).count() == 2,
        _ => true,
    };
    Some(if [",", ";", "\t"].iter().any(is_row) {
        "a table (CSV); let the tool write JSON or SARIF instead"
    } else if first.trim_end() == "---" || is_key(first) && !second.is_empty() && is_entry(second) {
        "YAML; let the tool write JSON or SARIF instead"
    } else if start.contains(['│', '┃', '║', '─', '━', '═', '✗', '\u{1b}']) || first.starts_with(['#', '+', '|'])
    {
        "a text for people; let the tool write a report for programs, such as SARIF"
    } else {
        return None;
    })
}

/// Lines of a log before JSON.
fn behind_lines(start: &str) -> Option<String> {
    let is_json = |line: &str| {
        let line = line.trim();
        let next = line.get(1..).map(str::trim_start).unwrap_or_default();
        match line.chars().next() {
            Some('{') => next.is_empty() || next.starts_with(['"', '}']),
            Some('[') => next.is_empty() || next.starts_with(['{', ']']),
            _ => false,
        }
    };
    let before = start.lines().take_while(|line| !is_json(line)).count();
    (before < start.lines().count()).then(|| {
        format!(
            "text before its JSON, such as a log (the JSON begins {before} {} further down); let the tool write its \
             report to a file of its own",
            if before == 1 { "line" } else { "lines" }
        )
    })
}

/// XML or HTML, by its first element.
fn markup(start: &str) -> String {
    let mut rest = start;
    // Declarations, comments and processing instructions.
    while let Some(inner) = rest.strip_prefix(['<']).filter(|it| it.starts_with(['?', '!'])) {
        if inner.get(..8).is_some_and(|it| it.eq_ignore_ascii_case("!doctype")) {
            let name = inner.get(8..).unwrap_or_default().trim_start();
            if name.get(..4).is_some_and(|it| it.eq_ignore_ascii_case("html")) {
                rest = "<html>";
                break;
            }
        }
        let end = if inner.starts_with("!--") { "-->" } else { ">" };
        let Some((_, behind)) = inner.split_once(end) else { break };
        rest = behind.trim_start();
    }
    let name: String =
        rest.chars().skip(1).take_while(|it| it.is_alphanumeric() || "-_.:".contains(*it)).take(40).collect();
    let local = name.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    let known = match local.as_str() {
        "html" | "head" | "body" => {
            return "HTML, such as the page of a login or an error; look at how it was downloaded".to_owned();
        }
        "checkstyle" => "Checkstyle XML",
        "testsuite" | "testsuites" => "JUnit XML",
        "bom" => return "CycloneDX in XML; let the tool write CycloneDX JSON instead".to_owned(),
        "bugcollection" => "SpotBugs XML",
        "pmd" => "PMD XML",
        "analysis" => "Dependency-Check XML",
        "cxxmlresults" => "Checkmarx XML",
        "detailedreport" => "Veracode XML",
        "fvdl" => "Fortify XML",
        "nessusclientdata_v2" => "Nessus XML",
        "results" if start.contains("<cppcheck") => "Cppcheck XML",
        "owaspzapreport" => "ZAP XML",
        _ if local.is_empty() => return "XML or HTML; let the scanner write JSON or SARIF instead".to_owned(),
        _ => return format!("XML (`{name}`); let the scanner write JSON or SARIF instead"),
    };
    format!("{known}; let the scanner write JSON or SARIF instead")
}

#[cfg(test)]
mod tests {
    use super::{mend, no_json, packed, plain};

    #[test]
    fn halves_of_pairs_become_the_replacement_character() {
        for (json, expect) in [
            (r#""a\uDCE9b""#, r#""a\ufffdb""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ud83dx\ude00""#, r#""\ufffdx\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\\udc00""#, r#""\\\ufffd""#),
        ] {
            assert_eq!(mend(json).as_deref(), Some(expect), "{json}");
        }
        for json in [r#""\ud83d\ude00""#, r#""\\udc00""#, r#""\u00e9\n""#, "\"\\", "\"\\é", "\"\\u12", ""] {
            assert_eq!(mend(json), None, "{json}");
        }
    }

    #[test]
    fn a_file_is_named_by_its_beginning() {
        for (start, expect) in [
            (&b"BZh91AY&SY"[..], "bzip2"),
            (b"\xfd7zXZ\0\0", "xz"),
            (b"\x5d\0\0\x80\0", "lzma"),
            (b"PK\x03\x04", "ZIP"),
            (b"\x28\xb5\x2f\xfd", "zstd"),
            (b"\xff\xfe{\0", "UTF-16"),
        ] {
            assert!(packed(start).unwrap().contains(expect), "{expect}");
        }
        assert_eq!(packed(b"{}"), None);
        assert_eq!(packed(b"BZhang,1"), None);
    }

    #[test]
    fn a_text_of_no_syntax_for_programs_is_named() {
        for (start, expect) in [
            ("severity,file,line\nhigh,a.py,3\n", "CSV"),
            ("a\tb\tc\n", "CSV"),
            ("---\nresults: []\n", "YAML"),
            ("version: 1\nresults:\n  - a\n", "YAML"),
            ("┌────┐\n│ a │\n", "people"),
            ("# Report\n\nAll is well", "people"),
        ] {
            assert!(plain(start).unwrap().contains(expect), "{start}");
        }
        for start in ["", " \n", "hello", "Note: all is well"] {
            assert_eq!(plain(start), None, "{start}");
        }
    }

    #[test]
    fn a_text_that_is_no_json_is_named() {
        for (start, expect) in [
            ("<!DOCTYPE html>\n<html>", "HTML"),
            ("<!-- a > b -->\n<HTML lang=\"en\">", "HTML"),
            ("<?xml version=\"1.0\"?>\n<checkstyle version=\"8\">", "Checkstyle"),
            ("<?xml version='1.0'?><!-- x --><testsuites>", "JUnit"),
            ("<?xml version='1.0'?><bom xmlns='x'>", "CycloneDX in XML"),
            ("<nmaprun>", "XML (`nmaprun`)"),
            ("<?xml version='1.0'?><CxXMLResults InitiatorName='a'>", "Checkmarx"),
            ("<?xml version='1.0'?><results version='2'><cppcheck version='2'/>", "Cppcheck"),
            ("INFO scanning\n12:00 done\n{\n", "2 lines further down"),
            ("[INFO] scanning\n{\"runs\":[]}", "1 line further down"),
        ] {
            let what = no_json(start).unwrap_or_default();
            assert!(what.contains(expect), "{start}: {what}");
        }
        for start in ["{\"a\":1}", " [{}]", "[]", "Id,Name\n1,{x\n", "", "[1]"] {
            assert_eq!(no_json(start), None, "{start}");
        }
    }
}
