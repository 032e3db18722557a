use appsec_model::{Severity, Timestamp};
use textwrap::core::display_width;

use super::{Cell, Facts, Shown, Table, prose};
use crate::{screen::Screen, style, text};

const ID: &str = "0123456789abcdef";
const TITLE: &str = "A title that is rather long, and has many words to say what is wrong";
const WHERE: &str = "src/a/path/that/is/long/and/has/größe.rs:12";

fn findings() -> Table {
    let mut table = Table::new(["FINDING", "PRIORITY", "SEVERITY", "TITLE", "WHERE", "SEEN"]).spare(&["PRIORITY"]);
    table.add_row(cells![ID, 7_u8, Severity::High, TITLE, WHERE, Timestamp::from_micros(0)]);
    table.add_row(cells!["fedcba9876543210", 100_u8, Severity::Low, "Short", "a.rs:1", None::<Timestamp>]);
    table
}

fn shown(shown: &impl Shown, width: Option<usize>) -> String {
    shown.shown(Screen { colours: false, width })
}

#[test]
fn no_word_path_or_id_is_broken_at_any_width() {
    let mut facts = Facts::new("finding", ID);
    facts.add("title", TITLE);
    facts.add("where", WHERE);
    for width in 1..200 {
        for text in [shown(&findings(), Some(width)), shown(&facts, Some(width)), prose(TITLE, Some(width)).into()] {
            for word in TITLE.split(' ') {
                assert!(text.split_whitespace().any(|it| it == word), "{width}: {word}\n{text}");
            }
            for line in text.lines() {
                let is_word = line.split_whitespace().nth(1).is_none();
                let fits = display_width(line) <= width || is_word || width < 60;
                assert!(fits && line == line.trim_end(), "{width}: {line:?}\n{text}");
            }
        }
        for whole in [ID, WHERE] {
            assert!(shown(&findings(), Some(width)).contains(whole), "{width}");
            assert!(shown(&facts, Some(width)).contains(whole), "{width}");
        }
    }
}

#[test]
fn rows_of_one_name_say_whose_they_are() {
    let list = |owners: [&str; 2]| {
        let mut table = Table::new(["TENANT", "INSTANCE", "STATE", "TITLE"]).spare(&["TENANT"]);
        owners
            .into_iter()
            .for_each(|owner| table.add_row(cells![owner, "code", "complete", "Everything is as it was"]));
        shown(&table, Some(48))
    };
    assert!(!list(["acme", "acme"]).contains("acme"));
    let apart = list(["acme", "initech"]);
    assert!(apart.contains("acme") && apart.contains("initech"), "{apart}");
}

#[test]
fn a_list_is_as_wide_as_its_content_and_no_wider() {
    insta::assert_snapshot!(shown(&findings(), Some(200)), @"
    FINDING           PRIORITY  SEVERITY  TITLE                                                                 WHERE                                        SEEN (UTC)
    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    0123456789abcdef         7  high      A title that is rather long, and has many words to say what is wrong  src/a/path/that/is/long/and/has/größe.rs:12  1970-01-01 00:00:00
    fedcba9876543210       100  low       Short                                                                 a.rs:1
    ");
    insta::assert_snapshot!(shown(&findings(), Some(120)), @"
    FINDING           SEVERITY  TITLE                      WHERE                                        SEEN (UTC)
    ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    0123456789abcdef  high      A title that is rather     src/a/path/that/is/long/and/has/größe.rs:12  1970-01-01 00:00:00
                                long, and has many words
                                to say what is wrong
    fedcba9876543210  low       Short                      a.rs:1
    ");
    insta::assert_snapshot!(shown(&findings(), Some(80)), @"
    0123456789abcdef  priority 7  severity high
      title A title that is rather long, and has many words to say what is wrong
      where src/a/path/that/is/long/and/has/größe.rs:12
      seen 1970-01-01 00:00:00 UTC
    fedcba9876543210  priority 100  severity low  title Short  where a.rs:1
    ");
}

#[test]
fn without_a_terminal_rows_are_neither_padded_nor_cut() {
    insta::assert_snapshot!(shown(&findings(), None), @"
    FINDING           PRIORITY  SEVERITY  TITLE                                     WHERE                                     SEEN (UTC)
    0123456789abcdef         7  high      A title that is rather long, and has many words to say what is wrong  src/a/path/that/is/long/and/has/größe.rs:12  1970-01-01 00:00:00
    fedcba9876543210       100  low       Short                                     a.rs:1
    ");
}

#[test]
fn facts_are_beside_their_names_or_below_them() {
    let mut facts = Facts::new("finding", ID);
    facts.add("title", TITLE);
    facts.add("none", None::<&str>);
    facts.add("seen", Timestamp::from_micros(0));
    facts.add("advisories", Cell::list(["CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q"]));
    facts.add("code", Cell::text("fn main() {\n    run();\n}"));
    facts.add("url", format!("https://example.com/{}", "long/".repeat(12)));
    insta::assert_snapshot!(shown(&facts, Some(60)), @"
    finding 0123456789abcdef
      title       A title that is rather long, and has many
                  words to say what is wrong
      seen        1970-01-01 00:00:00 UTC
      advisories  CVE-2021-44228
                  GHSA-jfh8-c2jp-5v3q
      code        fn main() {
                      run();
                  }
      url
        https://example.com/long/long/long/long/long/long/long/long/long/long/long/long/
    ");
}

/// Tables with a title in the middle of them, with and without colours, on
/// terminals of several widths.
fn tables(title: &str) -> Vec<(bool, String)> {
    let forms = [(false, None), (true, None), (true, Some(200)), (true, Some(30)), (true, Some(1))];
    let shown = forms.map(|(colours, width)| {
        let mut table = Table::new(["SEVERITY", "TITLE", title]);
        table.add_row(cells![Severity::High, title, Cell::text(title)]);
        table.add_row(cells![Cell::list([title, title]), Cell::from(title).styled(style::BAD), "end"]);
        let mut facts = Facts::new("finding", title);
        facts.add(title, title);
        facts.add("text", Cell::text(title));
        let screen = Screen { colours, width };
        (colours, text::fenced(&(table.shown(screen) + &facts.shown(screen))).into_owned())
    });
    shown.to_vec()
}

/// A text without the colours that tables give it.
fn without_own_colours(text: &str) -> String {
    ["1", "2", "31", "0"].iter().fold(text.to_owned(), |text, own| text.replace(&format!("\u{1b}[{own}m"), ""))
}

#[test]
fn a_terminal_gets_nothing_to_act_on_but_colours() {
    let text = "\u{1b}[2Ja\u{1b}]0;title\u{7}\r\u{9b}31m\u{1b}[1;31mred\u{1b}[0m\tb\nc\u{1b}\u{7f}\u{202e}\u{2028}";
    for (_, shown) in tables(text) {
        let shown = without_own_colours(&shown);
        assert!(!shown.contains(|sign: char| sign != '\n' && sign.is_control()), "{shown:?}");
        assert!(!shown.contains(['\u{202e}', '\u{2028}']), "{shown:?}");
    }
    let mut json = Vec::new();
    text::json_lines(&mut json, &text).unwrap();
    let json = String::from_utf8(json).unwrap();
    assert!(!json.contains(|sign: char| sign.is_control() || !sign.is_ascii()), "{json:?}");
    assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
}

#[test]
fn a_title_brings_no_colour_of_its_own() {
    for (colours, shown) in tables("A \u{1b}[8mhidden\u{1b}[30;40m \u{1b}[39m text \u{1b}[999999999m \u{9b}8m") {
        assert_eq!(shown.contains('\u{1b}'), colours, "{shown:?}");
        let shown = without_own_colours(&shown);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
}

#[test]
fn no_line_of_a_table_is_a_command() {
    for (_, shown) in tables("::error::x\n::error::y ::error::z") {
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
    }
}
