//! The document `LANGUAGE.md`, which is made from the tables that the language is made of.

use std::{fmt::Write, fs, path::Path};

use super::examples::EXAMPLES;
use crate::{FIELDS, FieldType, check::FUNCTIONS, file, limits, scope};

#[test]
fn the_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("LANGUAGE.md");
    let expect = document();
    if fs::read_to_string(&path).unwrap_or_default() != expect {
        fs::write(&path, expect).unwrap();
        panic!("LANGUAGE.md differed and is rewritten: run the tests again");
    }
}

const HEAD: &str = "\
# Policies

A policy says what an organisation does not accept: a condition over findings or issues, and how bad it is when the
condition holds. Policies live in a TOML file. They are checked when the file is loaded, and evaluated whenever a
finding or an issue changes. What came of them is kept with the version of the policy.

This page is made by a test from the tables that the language itself is made of, and every example on it is a test.
[`starter.toml`](starter.toml) has policies to begin with.

## The file
";

const SCOPE: &str = "\
### Scope

A policy applies where every key of its scope fits; a key that is left out fits everything. Kinds are words. All others
are patterns of the whole name, in which small and capital letters differ: `*` stands for any characters but `/`, `**`
between slashes for any folders, `?` for one character, `[ab]` for one of some, `{a,b}` for one of some texts. A pattern
that begins with `!` takes away. What is not known of a subject is in no list of patterns, and in no exception.
";

const REST: &str = "\
### What is refused

A file is loaded as a whole or not at all. All its problems are told at once, each with its policy and its key: keys that
do not exist, ids that are there twice, words that are none, conditions that do not compile, variables and functions that
do not exist, values of types that do not go together, and whatever goes beyond a bound. What is allowed and probably not
meant is a remark: a word that looks mistyped, or a condition that does not ask whether there is anything left to do.

### Versions

A policy has a version, and so have all policies of a file together: a SHA-256 in hex. It changes with anything that the
policy says, and with nothing else: neither comments, nor layout, nor brackets and quotes that mean the same.

## Conditions

Conditions are written in the [Common Expression Language](https://cel.dev), with the variables and functions below.
They are checked before they are used, and so a few things of that language are left out: unsigned numbers, bytes, dates,
maps and messages written in a condition, and functions that are not listed.

| | |
|---|---|
| `true`, `false`, `null`, `7`, `-2.5`, `\"text\"`, `'text'`, `r'\\d'`, `[1, 2]` | values |
| `&&`, `\\|\\|`, `!`, `a ? b : c` | of what is yes or no; where one side of `&&` or `\\|\\|` decides, an error on the other one does not matter |
| `==`, `!=` | of values of one type; whole numbers equal numbers with a fraction |
| `<`, `<=`, `>`, `>=` | of numbers |
| `+`, `-`, `*`, `/`, `%` | of numbers of one type; `%` of whole numbers; `+` also of texts and lists |
| `in` | whether a value is in a list, or a key in a map |
| `list[0]`, `map[\"key\"]`, `map.key` | an element from 0, the text of a key; null where there is none |
| `// …` | a comment, to the end of the line |

### What is absent

A fact that is not known, or that does not exist, is `null`. It is never an error to ask for it:

- `x == null`, `x != null` and `has(x)` tell whether it is there. Of what is never absent they are refused.
- It equals nothing else: `x == 1` does not hold, and `x != 1` holds.
- It is neither more nor less than anything: `<`, `<=`, `>` and `>=` do not hold.
- `contains`, `startsWith`, `endsWith`, `matches`, `glob` and `in` do not hold.
- `x.orValue(y)` is `y` in its place. Where a number, a size, or yes or no is needed, a value that may be absent is
  refused until it has one; of what is yes or no, `x == true` does it too.

So `cvss >= 9.0` does not hold where no score is known, and `!(cvss >= 9.0)` does. Lists are never absent: without
anything in them, they are empty.

### What nobody can tell

A division by zero, a number that becomes too large, or a list or text that is too long has no answer. The outcome is then
`error` with the reason, for that policy and that subject: never a pass, and never a violation.

### Time

`age_days`, `ingested_days` and `changed_days` grow while nothing happens. An evaluation also tells until when it
holds: the first moment at which a count of days reaches a number that it is compared with. What uses a count in another
way holds until the count's next day. So a result is brought up to date when it may change, and not every day.

### Bounds

";

/// The document.
fn document() -> String {
    let mut text = HEAD.to_owned();
    text += "\n| key of `[[policy]]` | type | without it | meaning |\n|---|---|---|---|\n";
    for (name, r#type, without, meaning) in file::KEYS {
        row(&mut text, &[&format!("`{name}`"), r#type, without, meaning]);
    }
    text = text + "\n" + SCOPE + "\n| key of `scope` | what it lists |\n|---|---|\n";
    for (name, meaning, _) in scope::KEYS {
        row(&mut text, &[&format!("`{name}`"), meaning]);
    }
    text = text + "\n" + REST + "| bound | |\n|---|---|\n";
    for (what, most) in [
        ("bytes of a file", limits::FILE_BYTES as u64),
        ("policies in a file", limits::POLICIES as u64),
        ("bytes of a condition", limits::CONDITION_BYTES as u64),
        ("opening brackets in a condition, those in texts included", limits::CONDITION_BRACKETS as u64),
        ("depth of a condition", limits::CONDITION_DEPTH as u64),
        ("steps of an evaluation, reckoned with the longest lists when the file is loaded", limits::CONDITION_STEPS),
        ("elements of a list of the subject; an evaluation that reads a longer one is an error", limits::LIST as u64),
        ("bytes of a text of the subject; an evaluation that reads a longer one is an error", limits::TEXT as u64),
        ("bytes of a compiled regular expression", limits::PATTERN_BYTES as u64),
        ("patterns in a list of a scope", limits::PATTERNS as u64),
        ("bytes of a pattern of a scope", limits::SCOPE_PATTERN_BYTES as u64),
        ("opening brackets in a pattern of a scope", limits::SCOPE_PATTERN_BRACKETS as u64),
    ] {
        row(&mut text, &[what, &most.to_string()]);
    }
    let _ = writeln!(
        text,
        "\nA step is a value, an operator or a function; one that looks through a text counts for {} more, and what is \
         inside\nof a list function for every element.",
        limits::TEXT_STEPS
    );
    variables(&mut text);
    functions(&mut text);
    examples(&mut text);
    text
}

fn variables(text: &mut String) {
    *text += "\n## Variables\n\nConditions over findings and over issues see the same variables. Of an issue, each is \
              that of its findings together.\nOnly findings that ask for work count, as long as there are such: severity, \
              priority and scores are the worst of them,\nlists are joined, `metadata` is too, and what can be one thing only \
              is that of the most urgent one.\n\n| variable | type | meaning | absent where |\n|---|---|---|---|\n";
    let mut vocabularies = Vec::new();
    for field in &FIELDS {
        let r#type = match field.r#type {
            FieldType::Bool => "yes or no".to_owned(),
            FieldType::Int => "whole number".to_owned(),
            FieldType::Double => "number".to_owned(),
            FieldType::Text => "text".to_owned(),
            FieldType::Word(words) => {
                vocabularies.push((field.name, words));
                "word".to_owned()
            }
            FieldType::Texts => "list of texts".to_owned(),
            FieldType::Ints => "list of whole numbers".to_owned(),
            FieldType::Map => "map of texts".to_owned(),
            FieldType::Part => "part".to_owned(),
        };
        row(text, &[&format!("`{}`", field.name), &r#type, field.meaning, field.absent.unwrap_or("never")]);
    }
    *text += "\nA part can be compared with `null` only. These are the words; where there may be others, they come from \
              connectors.\n\n| variable | words | others |\n|---|---|---|\n";
    for (name, words) in vocabularies {
        let known: Vec<String> = (words.known)().iter().map(|word| format!("`{word}`")).collect();
        row(text, &[&format!("`{name}`"), &known.join(", "), if words.closed { "no" } else { "yes" }]);
    }
}

fn functions(text: &mut String) {
    *text += "\n## Functions\n\n| function | meaning | holds always |\n|---|---|---|\n";
    for function in &FUNCTIONS {
        row(text, &[&format!("`{}`", function.call), function.meaning, &format!("`{}`", function.example)]);
    }
}

fn examples(text: &mut String) {
    *text += "\n## Examples\n\nThe facts are those of the subject; what is not named is absent, empty or no. The time of the \
              evaluation is 1970-04-11.\n";
    for example in &EXAMPLES {
        let _ = writeln!(text, "\n### {}\n\n```toml\n{}\n```\n", example.title, example.policy.trim());
        *text += "| facts | outcome |\n|---|---|\n";
        for (facts, outcome) in example.cases {
            row(text, &[&format!("`{facts}`"), outcome]);
        }
    }
}

fn row(text: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}
