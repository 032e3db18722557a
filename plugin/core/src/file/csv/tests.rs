use appsec_model::{Document, DocumentHead, Normalized, RawInput};

use super::{epss, package};
use crate::normalize;

fn normalized(content: &str) -> Normalized {
    let head = DocumentHead { name: "file".into(), ..DocumentHead::default() };
    normalize(&RawInput::Document(Document { head, content: content.into() })).unwrap()
}

const EXPORT: &str = "\u{feff}Semgrep export\r\n\
Id,Rule Name,Product,Severity,Status,Confidence,Assistant Component,Repository Name,Repository Url,Line Of Code Url,\
Semgrep Platform Link,Created At,Last Opened At,Branch,Triaged At,Triage Comment,Triage Reason,Rule Description,\
Category,Assistant triage result,Dependency,Reachability,Transitivity,CVE,EPSS,Secret type,Validation,Project visibility\r\n\
1,js.sql-injection,Code,Critical,Provisionally Ignored,High,user data,acme/shop,https://x/acme/shop,https://x/a.js#L1,\
https://semgrep.example/1,2025-11-18T23:28:12Z,2025-11-18 23:28:12,refs/heads/main,,\"well, \"\"no\"\"\",False Positive,\
Do not.,security,True positive,,,,,,,,\r\n\
2,ssc-1,Supply Chain,High,Open,,,acme/shop,,,,,,main,,,,,,,@a/b@1.2.3,Always reachable,Direct,CVE-2025-1,12%,,,\r\n\
3,aws,Secrets,Medium,Fixed,,,acme/shop,,,,,,main,,,,,,,,,,,,AWS,Confirmed valid,Private\r\n\
4,x,Firewall,Medium,Fixed,,,acme/shop,,,,,,main,,,,,,,,,,,,,,\r\n";

#[test]
fn rows_become_findings() {
    insta::assert_json_snapshot!(normalized(EXPORT));
}

#[test]
fn a_row_without_a_product_has_the_kind_of_its_columns() {
    let kind = |columns: &str, cells: &str| {
        let content = format!("Id,{columns},Repository Name\n7,{cells},a\n");
        normalized(&content).findings[0].kind.to_string()
    };
    assert_eq!(kind("CVE", "CVE-1"), "sca");
    assert_eq!(kind("secret_type", "AWS"), "secrets");
    assert_eq!(kind("Category", "security"), "sast");
    assert_eq!(kind("Product", "Code (AI)"), "ai-sast");
}

#[test]
fn packages_and_scores_are_read_as_they_are_printed() {
    assert_eq!(package("lodash@4.17.1"), (Some("lodash"), Some("4.17.1")));
    assert_eq!(package("@a/b@1"), (Some("@a/b"), Some("1")));
    assert_eq!(package("@a/b"), (Some("@a/b"), None));
    assert_eq!(package("lodash 4.17.1"), (Some("lodash"), Some("4.17.1")));
    let score = |text| epss(text).and_then(|epss| epss.score);
    assert_eq!((score("0.5"), score("50 %"), score("high"), score("7")), (Some(0.5), Some(0.5), None, None));
}
