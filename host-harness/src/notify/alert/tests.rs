use proptest::prelude::*;

use super::*;

fn finding(title: &str, place: &str) -> AlertFinding {
    let at = Timestamp::from_micros(0);
    let finding = FindingRow {
        id: "00000000000000a1".parse().unwrap(),
        instance: "code".to_owned(),
        project: "acme/shop".to_owned(),
        repository: None,
        environment: None,
        kind: "sast".to_owned(),
        severity: appsec_model::Severity::High,
        status: "open".to_owned(),
        security: true,
        title: title.to_owned(),
        rule_id: None,
        path: Some(place.to_owned()),
        start_line: Some(3),
        package: None,
        reachability: None,
        advisories: Vec::new(),
        cwes: Vec::new(),
        cwe_rank: None,
        priority: 77,
        cvss: None,
        epss: None,
        kev: false,
        first_seen_at: at,
        ingested_at: at,
        closed_at: None,
        last_seen_at: at,
        changed_at: at,
        occurrences: 1,
        decision: None,
        facts: None,
    };
    AlertFinding { policies: vec!["no-critical".to_owned()], finding }
}

fn event(findings: Vec<AlertFinding>, total: u64) -> AlertEvent {
    AlertEvent {
        tenant: "acme".to_owned(),
        instance: "code".to_owned(),
        run: Some(7),
        at: Timestamp::from_micros(1_700_000_000_000_000),
        total,
        findings,
    }
}

#[test]
fn a_note_says_what_is_new_in_each_form() {
    let note = Note::of(&event(vec![finding("SQL <b> & *injection*", "a b.py")], 3));
    insta::assert_json_snapshot!(note.slack());
    insta::assert_json_snapshot!(note.teams());
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    insta::assert_snapshot!(note.mail("a@b.example", "c@d.example", "evt_1", at));
    assert_eq!(Note::test("acme", "code").slack()["text"], "acme/code: this is a test");
}

#[test]
fn a_message_for_a_chat_has_room_for_the_worst_findings() {
    let long = "\u{1f980}".repeat(5_000);
    let findings: Vec<AlertFinding> = (0..LISTED).map(|_| finding(&long, &long)).collect();
    let note = Note::of(&event(findings, 10_000));
    assert!(note.teams().to_string().len() < 28 << 10, "{}", note.teams().to_string().len());
    assert!(note.slack()["text"].as_str().unwrap().ends_with("and 9980 more"));
    let mail = note.mail("a@b", "c@d", "evt_1", Timestamp::from_micros(0));
    assert!(mail.lines().all(|line| line.len() < 998));
}

proptest! {
    /// Whatever a title says, it mentions nobody, links nowhere and ends no header.
    #[test]
    fn texts_of_others_are_data(title in ".{0,80}|<!channel> [x](http://x)\r\nBcc: e@x\r\n\r\n.*", place in ".{0,40}") {
        let note = Note::of(&event(vec![finding(&title, &place)], 1));
        let text = note.slack()["text"].as_str().unwrap().to_owned();
        prop_assert!(!text.contains(['<', '>']));
        prop_assert_eq!(text.lines().count(), 2);
        let card = note.teams();
        let body = card["attachments"][0]["content"]["body"].as_array().unwrap().clone();
        prop_assert!(body.iter().all(|it| it["type"] == "RichTextBlock"));
        let mail = note.mail("a@b.example", "c@d.example", "evt_1", Timestamp::from_micros(0));
        let (head, body) = mail.split_once("\n\n").unwrap();
        prop_assert_eq!(head.lines().count(), 9);
        prop_assert!(!head.contains("Bcc") && !mail.contains('\r'));
        prop_assert!(body.starts_with("acme/code: 1 new finding violates policies\n\n* high 77: "));
    }
}
