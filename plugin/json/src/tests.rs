//! The same as `serde_json`, on any document.

use std::{borrow::Cow, fmt::Debug};

use proptest::prelude::*;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{
    Anything, Raw, Value, from_str, object,
    text::{is_same, unescape},
};

object! {
    #[derive(Debug, Default, PartialEq)]
    struct Ours<'a> {
        text: Option<Cow<'a, str>> = "text" | "other",
        yes: Option<bool>,
        number: Option<f64>,
        raw: Option<Raw<'a>>,
        any: Option<Anything>,
        list: Option<Vec<Raw<'a>>>,
        inner: Option<Box<Inner<'a>>>,
    }

    #[derive(Debug, Default, PartialEq)]
    struct Inner<'a> {
        b: Option<Cow<'a, str>>,
        inner: Option<Box<Inner<'a>>>,
    }
}

impl<'a, T: Value<'a>> Value<'a> for Box<T> {
    fn read(json: &mut crate::Reader<'a>) -> crate::Read<Self> {
        T::read(json).map(Box::new)
    }
}

/// What `serde` derives for the same.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Theirs<'a> {
    #[serde(alias = "other")]
    text: Option<String>,
    yes: Option<bool>,
    number: Option<f64>,
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
    any: Option<IgnoredAny>,
    #[serde(borrow)]
    list: Option<Vec<&'a RawValue>>,
    inner: Option<Box<TheirInner>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TheirInner {
    b: Option<String>,
    inner: Option<Box<TheirInner>>,
}

fn shown<T: Debug, E: ToString>(result: Result<T, E>) -> Result<String, String> {
    result.map(|value| format!("{value:?}")).map_err(|error| error.to_string())
}

fn inner(inner: Option<Box<TheirInner>>) -> Option<Box<Inner<'static>>> {
    inner.map(|it| Box::new(Inner { b: it.b.map(Cow::Owned), inner: self::inner(it.inner) }))
}

/// What `serde` says, in our words: it reads texts that are not JSON until it
/// meets the fault, and what is said of these is what is said of a `Value`.
fn theirs<T: Debug>(text: &str, result: serde_json::Result<T>) -> Result<String, String> {
    shown(result.map_err(|error| match serde_json::from_str::<serde_json::Value>(text) {
        Err(strict) if !error.is_data() => strict.to_string(),
        _ => {
            let words = [("struct TheirInner", "an object"), ("struct Theirs", "an object"), ("a sequence", "a list")];
            words.iter().fold(error.to_string(), |text, (theirs, ours)| text.replace(theirs, ours))
        }
    }))
}

/// Both readers, as far as they are to agree: serde takes a list for an object.
fn same(text: &str) -> Result<(), TestCaseError> {
    let ours = shown(from_str::<serde_json::Value>(text));
    prop_assert_eq!(ours, shown(serde_json::from_str::<serde_json::Value>(text)), "{}", text);
    let ours = shown(from_str::<Raw<'_>>(text).map(Raw::get));
    prop_assert_eq!(ours, theirs(text, serde_json::from_str::<&RawValue>(text).map(RawValue::get)), "{}", text);
    let ours = from_str::<Ours<'_>>(text);
    if ours.as_ref().is_err_and(|error| error.what() == "invalid type: sequence, expected an object") {
        return Ok(());
    }
    let result = serde_json::from_str::<Theirs<'_>>(text).map(|it| Ours {
        text: it.text.map(Cow::Owned),
        yes: it.yes,
        number: it.number,
        raw: it.raw.map(|raw| Raw::new(raw.get())),
        any: it.any.map(|_| Anything),
        list: it.list.map(|list| list.into_iter().map(|raw| Raw::new(raw.get())).collect()),
        inner: inner(it.inner),
    });
    prop_assert_eq!(shown(ours), theirs(text, result), "{}", text);
    Ok(())
}

/// Words of JSON, right and wrong, and what stands between them.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![5 => r"[\[\]{},: \n]", 3 => leaf()]
}

/// Words of JSON, right and wrong.
fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => prop::sample::select(vec![
            "\"text\"", "\"other\"", "\"yes\"", "\"number\"", "\"raw\"", "\"any\"", "\"list\"", "\"inner\"", "\"b\"",
            "\"\\u0074ext\"", "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"",
            "\"a\\qb\"", "\"\\u12\"", "\"\u{1}\"", "\"", "true", "false", "null", "nul", "0", "-0", "-1", "01", "1.", "1.5e3",
            "1e999", "1e", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809",
            "é", "\u{7f}",
        ]).prop_map(str::to_owned),
        1 => "\"[a-z\\\\\"\u{0}-\u{1f}é]{0,20}\"",
    ]
}

/// A value whose fields are mostly known ones.
fn value() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        let name =
            prop::sample::select(vec!["text", "other", "yes", "number", "raw", "any", "list", "inner", "b", "x"]);
        let entry = (name, inner.clone()).prop_map(|(name, value)| format!("\"{name}\" :{value}"));
        prop_oneof![
            3 => prop::collection::vec(entry, 0..6).prop_map(|entries| format!("{{{}}}", entries.join(", "))),
            1 => prop::collection::vec(inner, 0..6).prop_map(|list| format!("[{}]", list.join(",\n"))),
        ]
    })
}

proptest! {
    #[test]
    fn a_text_is_the_same_as_itself_only(one in "[ab]{0,20}", other in "[ab]{0,20}") {
        prop_assert_eq!(is_same(&one, &other), one == other);
    }

    #[test]
    fn words_in_any_order_are_read_as_by_serde(words in prop::collection::vec(word(), 0..12)) {
        same(&words.concat())?;
    }

    #[test]
    fn values_are_read_as_by_serde(text in value()) {
        same(&text)?;
    }

    #[test]
    fn any_text_is_read_as_by_serde(text: String) {
        same(&text)?;
        let quoted = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(from_str::<Cow<'_, str>>(&quoted).unwrap(), text);
    }

    #[test]
    fn escapes_read_as_by_serde(units in prop::collection::vec(prop_oneof![0xd7f0..0xe010_u32, 0..0x80_u32], 0..4)) {
        let inside: String = units.iter().map(|unit| format!("\\u{unit:04X}")).collect();
        prop_assert_eq!(unescape(&inside), serde_json::from_str::<String>(&format!("\"{inside}\"")).ok());
    }

    #[test]
    fn a_number_is_read_back_as_it_was(number in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
        let text = serde_json::to_string(&number).unwrap();
        prop_assert_eq!(from_str::<f64>(&text).unwrap().to_bits(), number.to_bits());
    }

    #[test]
    fn the_plain_part_ends_where_it_does(bytes: Vec<u8>, more in "[ -~]{0,40}") {
        let bytes = [more.as_bytes(), &bytes].concat();
        let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(bytes.len());
        prop_assert_eq!(crate::scan::plain(&bytes), end);
    }
}

#[test]
fn known_cases_are_read_as_by_serde() {
    for text in [
        "",
        " ",
        "{",
        "{\"text\"",
        "{\"text\":",
        "{\"text\":\"",
        "{\"text\":1}",
        "{\"text\":-0}",
        "{\"text\":true}",
        "{\"text\":\"a\",\"text\":\"b\"}",
        "{\"text\":\"a\",\"other\":\"b\"}",
        "{\"yes\":null,\"yes\":true}",
        "{\"a\":1,}",
        "{} x",
        "{\"x\":[1,]}",
        "{\"x\":{\"y\":[{}]}}",
        "{\"number\":1e999}",
        "{\"number\":-0}",
        "{\"x\":1e999}",
        "{\"\\ud800\":1}",
        "{\"x\":\"\\ud800\"}",
        "{\"x\":{\"\\ud800\":1}}",
        "{\"any\":null,\"raw\":null}",
        "{\n\"yes\": 7\n}",
    ] {
        same(text).unwrap();
    }
}

#[test]
fn depth_is_bound_where_somebody_asks_for_it() {
    for depth in [63, 64, 65, 126, 127, 128, 129, 1000] {
        let wrap = |before: &str, after: &str| format!("{}{{}}{}", before.repeat(depth), after.repeat(depth));
        same(&wrap("{\"inner\":", "}")).unwrap();
        same(&format!("{{\"x\":{}}}", wrap("{\"a\":[", "]}"))).unwrap();
        same(&format!("{{\"x\":{}}}", wrap("[", "]").replace("[{}]", "[{}}"))).unwrap();
    }
    let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    assert!(from_str::<Raw<'_>>(&deep).is_ok());
}
