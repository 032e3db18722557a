//! A record of a file, wrapped with what it needs to be normalized alone.

use std::borrow::Cow;

use guest_json::{Raw, first, object, quote, write};

/// What every wrapped record begins with.
const START: &str = "{\"$file\":";

/// What stands before the rule.
const RULE: &str = ",\"rule\":";

/// What stands before the record.
const RECORD: &str = ",\"record\":";

object! {
    /// Where a record comes from.
    #[derive(Clone, Debug, Default, Eq, PartialEq)]
    pub struct FileHead<'a> {
        /// Name of the file's format.
        pub format: Cow<'a, str>,
        /// Version of the tool that wrote the file, where it says.
        pub tool: Option<Cow<'a, str>>,
        /// The branch that was scanned, where the host said so.
        pub ref_: Option<Cow<'a, str>> = "ref",
        /// Which one it is of the file's records of the same sketch, from 0 in the
        /// order of their positions.
        pub ordinal: u32,
        /// The folder of the project on the machine of the scan, where paths are absolute.
        pub root: Option<Cow<'a, str>>,
        /// The group of a result that shows a credential: what it was made of is not kept.
        pub group: Option<Cow<'a, str>>,
        /// Whether other results of the file have the vendor's fingerprint of this one.
        pub shared: bool,
    }
}

impl FileHead<'_> {
    /// The head, if it names its format.
    fn named(self) -> Option<Self> {
        Some(self).filter(|head| !head.format.is_empty())
    }

    /// The head as JSON.
    fn to_text(&self) -> String {
        let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(quote);
        write(&[
            ("format", Some(quote(&self.format))),
            ("tool", text(&self.tool)),
            ("ref", text(&self.ref_)),
            ("ordinal", Some(self.ordinal.to_string())),
            ("root", text(&self.root)),
            ("group", text(&self.group)),
            ("shared", self.shared.then(|| "true".to_owned())),
        ])
    }

    /// The group, where it is not made of the record.
    pub fn group(&self) -> Option<u128> {
        u128::from_str_radix(self.group.as_deref()?, 16).ok()
    }
}

/// A wrapped record.
#[derive(Debug)]
pub struct FileRecord<'a> {
    /// Where it comes from.
    pub head: FileHead<'a>,
    /// The rule, where the format keeps rules apart from records.
    pub rule: Option<&'a str>,
    /// The record, byte for byte.
    pub record: &'a str,
}

object! {
    /// A wrapped record in any order of its parts.
    #[derive(Default)]
    struct Loose<'a> {
        head: Option<FileHead<'a>> = "$file",
        rule: Option<Raw<'a>>,
        record: Raw<'a>,
    }
}

impl<'a> FileRecord<'a> {
    /// The text of the wrapped record. Rule and record are JSON already.
    pub fn to_text(&self) -> String {
        let head = self.head.to_text();
        let rule = self.rule.map_or(0, |rule| RULE.len() + rule.len());
        let mut text = String::with_capacity(START.len() + head.len() + rule + RECORD.len() + self.record.len() + 1);
        text.push_str(START);
        text.push_str(&head);
        if let Some(rule) = self.rule {
            text.push_str(RULE);
            text.push_str(rule);
        }
        text.push_str(RECORD);
        text.push_str(self.record);
        text.push('}');
        text
    }

    /// Reads a wrapped record; none where the text is not one.
    pub fn read(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(START)?;
        Self::read_written(rest).or_else(|| {
            let Loose { head, rule, record } = guest_json::read(text)?;
            let record = Some(record.get()).filter(|record| !record.is_empty())?;
            Some(Self { head: head?.named()?, rule: rule.map(Raw::get), record })
        })
    }

    /// Reads what stands behind the start of a record that [`Self::to_text`]
    /// wrote: the record itself, most of it, is not looked into here.
    fn read_written(rest: &'a str) -> Option<Self> {
        let (head, rest) = first::<FileHead<'_>>(rest)?;
        let head = head.named()?;
        let (rule, rest) = match rest.strip_prefix(RULE) {
            Some(rest) => first::<Raw<'_>>(rest).map(|(rule, rest)| (Some(rule.get()), rest))?,
            None => (None, rest),
        };
        let record = rest.strip_prefix(RECORD)?.strip_suffix('}')?;
        Some(Self { head, rule, record })
    }
}

#[cfg(test)]
mod tests {
    use super::{FileHead, FileRecord};

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        for rule in [None, Some("{\"id\":\"a } b\"}")] {
            let head = FileHead {
                format: "any".into(),
                tool: Some("x \"1\"".into()),
                ref_: None,
                ordinal: 3,
                root: None,
                group: None,
                shared: true,
            };
            let written = FileRecord { head: head.clone(), rule, record: "{\"a\":[1, 2]}" };
            let text = written.to_text();
            let read = FileRecord::read(&text).unwrap();
            assert_eq!((read.head, read.rule, read.record), (head, rule, "{\"a\":[1, 2]}"));
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }

    #[test]
    fn a_record_is_read_in_any_order_of_its_parts() {
        let read = FileRecord::read(r#"{"$file":{"format":"any"}, "record": [1], "rule": {"id":1}}"#).unwrap();
        assert_eq!((read.rule, read.record), (Some("{\"id\":1}"), "[1]"));
    }
}
