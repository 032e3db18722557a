mod lists;
mod moves;
mod rules;

use appsec_analysis::Advisories;
use appsec_model::{Kind, RawRecord};
use proptest::{collection, prelude::*, sample};
use rusqlite::params;
use serde_json::{Value, json};

use super::{IssueDetail, IssueFilter, IssueId, IssueSort};
use crate::{
    filter::{Filter, Period},
    fixture::{TestContext, at, finding, project, record},
};

/// A context where two instances list the projects `acme/app` and `acme/lib`.
fn contexts() -> [TestContext; 2] {
    let code = TestContext::new();
    let reports = code.beside("reports");
    for context in [&code, &reports] {
        context.list(&[project("7", "acme/app", "main"), project("8", "acme/lib", "main")], 1);
    }
    code.store.with(|store| {
        let repositories = "UPDATE projects SET repository_id = NULL; DELETE FROM repositories; \
                            INSERT INTO repositories (id, provider, full_name, address, listed, added_at) VALUES \
                            (1, 'github', 'acme/app', 'github.com/acme/app', 1, 0), \
                            (2, 'github', 'acme/lib', NULL, 1, 0)";
        store.connection.execute_batch(repositories).unwrap();
        store.connection.execute("UPDATE projects SET repository_id = 1 WHERE name = 'acme/app'", []).unwrap();
    });
    [code, reports]
}

impl TestContext {
    /// A complete read of a kind, each record given by what is replaced in a
    /// finding; tells how many findings were left for a refresh.
    fn bring(&self, kind: Kind, bodies: &[Value], now: i64) -> u64 {
        let records: Vec<RawRecord> = bodies.iter().map(|body| record(kind.clone(), body)).collect();
        let normalize = |record: &RawRecord| {
            let mut fields: Value = serde_json::from_str(&record.body).unwrap();
            fields["kind"] = json!(record.kind);
            let name = fields.get("in").cloned().unwrap_or(json!("acme/app"));
            fields["project"] = json!({ "name": name });
            finding(&fields)
        };
        self.read(kind, records, normalize, now);
        self.refresh()
    }

    fn refresh(&self) -> u64 {
        self.store.with(|store| store.refresh(at(9))).unwrap().findings
    }

    fn rule(&self, id: &str, cwes: &[u32]) {
        let cwes: Vec<Value> = cwes.iter().map(|it| json!({ "number": it, "text": format!("CWE-{it}") })).collect();
        let rule = json!({
            "id": id, "subcategories": [], "vulnerability_classes": [], "cwes": cwes, "owasp": [],
            "technologies": [], "references": [],
        });
        let sql = "INSERT INTO rules VALUES (?1, ?2, ?3, '') ON CONFLICT DO UPDATE SET document = excluded.document";
        self.store
            .with(|store| store.connection.execute(sql, params![self.instance_id, id, rule.to_string()]).map(|_| ()))
            .unwrap();
        self.refresh();
    }

    fn issues(&self) -> Vec<IssueDetail> {
        let filter = IssueFilter { limit: 99, ..IssueFilter::default() };
        self.store.with(|store| {
            let (rows, total) = store.issues(&filter).unwrap();
            assert_eq!(rows.len() as u64, total);
            rows.iter().map(|row| store.issue(row.id).unwrap().unwrap()).collect()
        })
    }

    /// Issues as `title: status, sources with their findings' titles`.
    fn told(&self) -> String {
        let mut lines: Vec<String> = self.issues().iter().map(told).collect();
        lines.sort();
        lines.join("\n")
    }

    fn id(&self, finding: &str) -> IssueId {
        let issues = self.issues();
        issues.iter().find(|it| it.findings.iter().any(|it| it.title == finding)).unwrap().row.id
    }
}

fn told(issue: &IssueDetail) -> String {
    let row = &issue.row;
    let sources: Vec<String> = row
        .sources
        .iter()
        .map(|it| {
            let of = |id: &_| issue.findings.iter().find(|finding| finding.id == *id).unwrap().title.clone();
            let mut titles: Vec<String> = it.findings.iter().map(of).collect();
            titles.sort();
            format!("{} {} {}", it.source, it.status, titles.join("+"))
        })
        .collect();
    format!("{} in {}, {} by {}: {}", row.kind, row.repository, row.status, row.source_count, sources.join(", "))
}

/// A finding of a vulnerable package.
fn sca(title: &str, package: &str, version: &str, advisories: &[&str]) -> Value {
    let advisories: Vec<Value> = advisories.iter().map(|id| json!({ "source": "other", "id": id })).collect();
    json!({
        "id": title, "key": format!("identity of {title}"), "title": title, "location": null,
        "dependency": {
            "package": { "name": package, "version": version, "ecosystem": "pypi" }, "transitivity": "unknown",
            "introduced_by": [], "advisories": advisories, "reachability": { "verdict": "not-analyzed" },
            "fix": { "availability": "not-said" },
        },
    })
}

/// A finding in lines of a file.
fn code(title: &str, rule: &str, path: &str, from: u32, to: u32) -> Value {
    json!({
        "id": title, "key": format!("identity of {title}"), "title": title, "rule_id": rule,
        "location": { "path": path, "start_line": from, "end_line": to },
    })
}

#[test]
fn a_rule_may_change_with_each_page_of_a_sync() {
    let context = TestContext::with_project();
    let waiting = || {
        let sql = "SELECT count(*), max(last_finding) FROM dirty_rules";
        context.store.with(|store| store.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))).unwrap()
    };
    let write = |cwe: u32| {
        let document = json!({ "id": "r", "cwes": [{ "number": cwe }], "confidence": format!("c{cwe}") });
        let sql = "INSERT INTO rules VALUES (?1, 'r', ?2, '') ON CONFLICT DO UPDATE SET document = excluded.document";
        context
            .store
            .with(|store| store.connection.execute(sql, params![context.instance_id, document.to_string()]))
            .unwrap();
    };
    write(1);
    assert_eq!(waiting(), (0, None), "no finding knew it otherwise");
    context.bring(Kind::Sast, &[code("a", "other", "a.py", 1, 1)], 10);
    (2..4).for_each(write);
    assert_eq!(waiting(), (1, Some(1)));
    context.bring(Kind::Sast, &[code("a", "other", "a.py", 1, 1), code("b", "other", "b.py", 1, 1)], 20);
    (4..6).for_each(write);
    assert_eq!(waiting(), (1, Some(2)), "the change that came last counts");
}

/// Whatever is derived in the transaction that writes a finding is what a
/// refresh would derive of all findings.
#[test]
fn what_is_derived_at_once_is_what_a_refresh_derives() {
    let [one, other] = contexts();
    one.rule("sqli", &[89]);
    let bodies = [
        code("a", "sqli", "src/a.py", 5, 9),
        code("b", "xss", "src/a.py", 7, 7),
        code("c", "sqli", "src/c.py", 1, 1),
        code("d", "sqli", "lib/d.py", 1, 1),
    ];
    one.bring(Kind::Sast, &bodies, 10);
    one.bring(Kind::Sca, &[sca("v", "left-pad", "1", &["CVE-1"]), sca("w", "left-pad", "2", &["CVE-1", "GHSA-2"])], 10);
    other.bring(Kind::Sast, &[code("e", "sqli", "src/a.py", 6, 6), code("f", "sqli", "src/f.py", 1, 1)], 20);
    let sums = || {
        let sql = "SELECT (SELECT group_concat(labels || turns, ';') FROM metric_findings), \
                   (SELECT group_concat(status || findings, ';') FROM metric_counts), \
                   (SELECT group_concat(label || findings, ';') FROM metric_labels)";
        let texts = |row: &rusqlite::Row<'_>| Ok([row.get::<_, String>(0)?, row.get(1)?, row.get(2)?]);
        one.store.with(|store| store.connection.query_row(sql, [], texts)).unwrap()
    };
    let at_once = (content(&one), sums());
    one.store
        .with(|store| {
            let tables = ["metric_findings", "metric_counts", "metric_labels", "metric_days", "metric_totals"];
            tables.iter().try_for_each(|table| store.connection.execute_batch(&format!("DELETE FROM {table}")))
        })
        .unwrap();
    make_anew(&one);
    assert_eq!((content(&one), sums()), at_once);
}

/// New findings are no work for a refresh, unless several records are about one.
#[test]
fn a_refresh_has_nothing_to_do_for_new_findings() {
    let [one, other] = contexts();
    assert_eq!(one.bring(Kind::Sast, &[code("a", "r", "a.py", 1, 1), code("b", "r", "b.py", 1, 1)], 10), 0);
    assert_eq!(other.bring(Kind::Sast, &[code("c", "r", "a.py", 1, 1)], 20), 0);
    assert!(one.told().contains("open by 2: code open a, reports open c"));
    let on = |branch: &str| {
        let mut fields = code("d", "r", "d.py", 1, 1);
        fields["id"] = json!(format!("d on {branch}"));
        fields["ref"] = json!(branch);
        fields
    };
    assert_eq!(other.bring(Kind::Sast, &[on("main"), on("next")], 30), 2, "d, and c, which is gone");
}

#[test]
fn numbers_of_one_advisory_join_and_part_as_they_are_learnt() {
    let [one, other] = contexts();
    one.bring(Kind::Sca, &[sca("a", "Ruamel_Yaml", "1", &["CVE-2021-1"])], 10);
    other.bring(Kind::Sca, &[sca("b", "ruamel.yaml", "2", &["ghsa-x"]), sca("c", "ruamel.yaml", "2", &["CVE-9"])], 20);
    insta::assert_snapshot!(one.told(), @r"
    sca in acme/app, open by 1: code open a
    sca in acme/app, open by 1: reports open b
    sca in acme/app, open by 1: reports open c
    ");
    let (cve, ghsa) = (one.id("a"), one.id("b"));
    let mut link = Advisories::default();
    let osv = r#"{"id":"GHSA-x","aliases":["CVE-2021-1"],"modified":"2026-01-01T00:00:00Z"}"#;
    assert!(link.read_osv(osv.as_bytes(), "osv.json").is_empty());
    one.store.with(|store| store.put_advisories(&link)).unwrap();
    one.refresh();
    insta::assert_snapshot!(one.told(), @r"
    sca in acme/app, open by 1: reports open c
    sca in acme/app, open by 2: code open a, reports open b
    ");
    // One of the ids stays, and the other one leads to it.
    assert_eq!(one.id("b"), cve);
    let joined = one.store.with(|store| store.issue(ghsa)).unwrap().unwrap();
    assert_eq!((joined.row.id, joined.also_known_as), (cve, vec![ghsa]));
    assert_eq!(joined.row.advisories, ["CVE-2021-1", "GHSA-x"]);
    one.store.with(|store| store.clear_advisories()).unwrap();
    one.refresh();
    assert_eq!((one.id("a"), one.id("b")), (cve, ghsa));
    // A finding that names both is a link too, and goes again.
    other.bring(
        Kind::Sca,
        &[sca("b", "ruamel.yaml", "2", &["GHSA-X", "CVE-2021-1", "CVE-9"]), sca("c", "ruamel.yaml", "2", &["CVE-9"])],
        30,
    );
    assert_eq!(one.told(), "sca in acme/app, open by 2: code open a, reports open b+c");
    other.bring(Kind::Sca, &[sca("b", "ruamel.yaml", "2", &["GHSA-X"]), sca("c", "ruamel.yaml", "2", &["CVE-9"])], 40);
    assert_eq!((one.id("a"), one.id("b")), (cve, ghsa));
    // The same advisory of another package is another issue.
    other.bring(Kind::Sca, &[sca("b", "other", "2", &["CVE-2021-1"])], 50);
    assert_ne!(one.id("b"), cve);
}

#[test]
fn two_scanners_at_one_place_are_one_issue_as_long_as_their_weaknesses_agree() {
    let [one, other] = contexts();
    one.rule("sqli", &[89]);
    other.rule("py/sql-injection", &[89, 564]);
    one.bring(Kind::Sast, &[code("a", "sqli", "src/db.py", 10, 12), code("b", "sqli", "src/db.py", 11, 11)], 10);
    other.bring(Kind::Sast, &[code("c", "py/sql-injection", "./src/db.py", 12, 12)], 20);
    insta::assert_snapshot!(one.told(), @r"
    sast in acme/app, open by 1: code open b
    sast in acme/app, open by 2: code open a, reports open c
    ");
    let (kept, alone) = (one.id("a"), one.id("b"));
    other.rule("py/sql-injection", &[79]);
    assert_ne!(one.id("c"), kept);
    other.rule("py/sql-injection", &[89]);
    assert_eq!(one.id("c"), kept);
    // Its own finding's id leads to an issue.
    let finding = one.issues().into_iter().flat_map(|it| it.findings).find(|it| it.title == "c").unwrap();
    let by_finding = one.store.with(|store| store.issue(finding.id.to_string().parse().unwrap())).unwrap().unwrap();
    assert_eq!(by_finding.row.id, kept);
    // A moved line keeps the issue, and may bring it to another partner.
    one.bring(Kind::Sast, &[code("a", "sqli", "src/db.py", 30, 32), code("b", "sqli", "src/db.py", 11, 12)], 30);
    assert_eq!((one.id("a"), one.id("b"), one.id("c")), (kept, alone, alone));
}

#[test]
fn an_issue_survives_one_source_and_goes_with_the_last() {
    let [one, other] = contexts();
    one.bring(Kind::Sast, &[code("a", "r", "a.py", 1, 1)], 10);
    other.bring(Kind::Sast, &[code("b", "R", "a.py", 1, 1)], 20);
    let id = one.id("a");
    one.bring(Kind::Sast, &[], 30);
    assert_eq!(one.told(), "sast in acme/app, open by 1: code vanished a, reports open b");
    let row = one.issues().remove(0).row;
    assert_eq!((row.id, row.first_seen_at, row.last_seen_at, row.changed_at), (id, at(10), at(20), at(30)));
    other.bring(Kind::Sast, &[], 40);
    assert_eq!(one.told(), "sast in acme/app, vanished by 0: code vanished a, reports vanished b");
    assert_eq!(one.id("b"), id);
    // Findings that leave the store take their issue with them.
    one.store.with(|store| store.connection.execute("DELETE FROM findings", []).map(|_| ())).unwrap();
    one.refresh();
    assert_eq!(one.told(), "");
    let left: i64 = one
        .store
        .with(|store| {
            store.connection.query_row(
                "SELECT (SELECT count(*) FROM issues) + (SELECT count(*) FROM issue_aliases) \
                 + (SELECT count(*) FROM issue_members)",
                [],
                |row| row.get(0),
            )
        })
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn the_name_of_a_project_without_a_repository_stands_in_for_it() {
    let [one, other] = contexts();
    let in_lib = |title: &str| {
        let mut body = code(title, "r", "a.py", 1, 1);
        body["in"] = json!("acme/lib");
        body
    };
    one.bring(Kind::Sast, &[in_lib("a")], 10);
    other.bring(Kind::Sast, &[in_lib("b")], 20);
    let joined = "sast in acme/lib, open by 2: code open a, reports open b";
    assert_eq!(one.told(), joined);
    let map = |context: &TestContext, repository: Option<i64>| {
        let sql = "UPDATE projects SET repository_id = ?1 WHERE name = 'acme/lib' AND instance_id = ?2";
        context
            .store
            .with(|store| store.connection.execute(sql, params![repository, context.instance_id]).map(|_| ()))
            .unwrap();
        context.refresh();
    };
    let before = one.id("a");
    map(&one, Some(1));
    insta::assert_snapshot!(one.told(), @r"
    sast in acme/app, open by 1: code open a
    sast in acme/lib, open by 1: reports open b
    ");
    map(&other, Some(1));
    assert_eq!(one.told(), "sast in acme/app, open by 2: code open a, reports open b");
    assert_ne!(one.id("a"), before);
    map(&one, None);
    map(&other, None);
    assert_eq!((one.told().as_str(), one.id("a")), (joined, before));
    // A renamed project is another repository.
    other.list(&[project("7", "acme/app", "main"), project("8", "acme/other", "main")], 30);
    other.refresh();
    insta::assert_snapshot!(one.told(), @r"
    sast in acme/lib, open by 1: code open a
    sast in acme/other, open by 1: reports open b
    ");
}

#[test]
fn filters_narrow_the_list() {
    let [one, other] = contexts();
    one.bring(Kind::Sast, &[code("a", "r", "src/a.py", 1, 1)], 10);
    one.bring(Kind::Sca, &[sca("v", "Zope.Interface", "1", &["CVE-1"])], 10);
    other.bring(Kind::Sast, &[code("b", "r", "src/a.py", 1, 1), code("c", "r", "src/c.py", 1, 1)], 20);
    let check = |filter: IssueFilter| -> String {
        let (rows, total) = one.store.with(|store| store.issues(&IssueFilter { limit: 9, ..filter })).unwrap();
        assert_eq!(rows.len() as u64, total);
        let mut titles: Vec<String> = rows.into_iter().map(|row| row.title).collect();
        titles.sort();
        titles.join(" ")
    };
    let text = |text: &str| Some(text.to_owned());
    let any = IssueFilter::default;
    assert_eq!(check(any()), "a c v");
    assert_eq!(check(IssueFilter { sources_min: Some(2), ..any() }), "a");
    assert_eq!(check(IssueFilter { instance_id: Some(other.instance_id), ..any() }), "a c");
    assert_eq!(check(IssueFilter { kinds: vec!["sca".to_owned()], ..any() }), "v");
    assert_eq!(check(IssueFilter { package: text("zope_interface"), ..any() }), "v");
    assert_eq!(check(IssueFilter { advisory: text("cve-1"), ..any() }), "v");
    assert_eq!(check(IssueFilter { path: text("SRC/C"), ..any() }), "c");
    assert_eq!(check(IssueFilter { text: text("C"), ..any() }), "c");
    assert_eq!(check(IssueFilter { repository: text("nowhere"), ..any() }), "");
    assert_eq!(check(IssueFilter { open: Some(false), ..any() }), "");
    assert_eq!(check(IssueFilter { statuses: vec!["open".to_owned()], ..any() }), "a c v");
    assert_eq!(check(IssueFilter { min_priority: Some(100), ..any() }), "");
    assert_eq!(check(IssueFilter { first_seen: Period { since: Some(at(20)), until: None }, ..any() }), "c");
    let with = |filter: Filter| IssueFilter { with: filter, ..any() };
    assert_eq!(check(with(Filter::default())), "a c v");
    assert_eq!(check(with(Filter { instance_id: Some(other.instance_id), ..Filter::default() })), "a c");
    assert_eq!(check(with(Filter { rule: text("r"), path: text("src/a"), ..Filter::default() })), "a");
    assert_eq!(check(with(Filter { identifier: text("CVE-1"), ..Filter::default() })), "v");
    assert_eq!(check(with(Filter { cwes: vec![1], ..Filter::default() })), "");
    assert_eq!(check(with(Filter { project: text("nowhere"), ..Filter::default() })), "");
}

#[test]
fn an_order_is_that_of_its_keys_and_can_be_turned_around() {
    let [one, other] = contexts();
    one.bring(Kind::Sast, &[code("a", "r", "src/a.py", 1, 1), code("b", "r", "src/b.py", 1, 1)], 10);
    other.bring(Kind::Sast, &[code("b", "r", "src/b.py", 1, 1), code("c", "r", "src/c.py", 1, 1)], 20);
    for (sort, first) in [(IssueSort::Sources, "b"), (IssueSort::FirstSeen, "c")] {
        let listed = |reverse| {
            let filter = IssueFilter { sort, reverse, limit: 9, ..IssueFilter::default() };
            let (rows, _) = one.store.with(|store| store.issues(&filter)).unwrap();
            rows.into_iter().map(|row| row.title).collect::<Vec<_>>()
        };
        let (mut there, back) = (listed(false), listed(true));
        assert_eq!((there.len(), there[0].as_str()), (3, first), "{sort:?}");
        there.reverse();
        assert_eq!(there, back, "{sort:?}");
    }
    for sort in IssueSort::ALL {
        assert_eq!(sort.as_str().parse(), Ok(*sort));
    }
}

/// Something that changes findings, or what sorts them.
#[derive(Clone, Debug)]
enum Step {
    /// A complete read of an instance and kind.
    Read(usize, Kind, Vec<Value>),
    /// A project is moved to a repository, or from it.
    Map(i64, Option<i64>),
    Rename(&'static str),
    Rule(usize, usize, Vec<u32>),
    Link(Vec<usize>),
    Unlink,
}

const ADVISORIES: [&str; 4] = ["CVE-1", "CVE-2", "GHSA-1", "OSV-1"];
const PRINTS: [&str; 3] = ["a long fingerprint 1", "a long fingerprint 2", "short"];
const STATUSES: [&str; 4] = ["open", "open", "ignored", "fixed"];

fn body(kind: &Kind) -> impl Strategy<Value = Value> + use<> {
    let kind = kind.clone();
    let advisories = sample::subsequence(&ADVISORIES, 0..3);
    let place = (0..2_usize, 1..9_u32, 0..4_u32, any::<bool>());
    (0..4_usize, 0..5_usize, place, 0..3_usize, advisories, sample::select(&STATUSES), 0..4_usize).prop_map(
        move |(id, key, (file, line, more, lines), rule, advisories, status, print)| {
            let path = ["a.py", "b.py"][file];
            let mut body = match kind {
                Kind::Sca => sca("t", ["p", "q"][file], ["1", "2"][rule % 2], &advisories),
                _ => code("t", ["r0", "r1", "r2"][rule], path, line, line + more),
            };
            if kind != Kind::Sca && !lines {
                body["location"] = json!({ "path": path });
            }
            if kind == Kind::Secrets {
                let service = ["AWS", "Slack", "generic key"][rule];
                body["secret"] = json!({ "service": service, "validation": "not-said" });
            }
            let aliases: Vec<&str> = PRINTS.get(print).copied().into_iter().collect();
            body["identity"] = json!({ "key": format!("k{key}"), "algorithm": "a", "aliases": aliases });
            body.as_object_mut().unwrap().remove("key");
            body["id"] = json!(format!("record {id}"));
            body["status"] = json!(status);
            let name = ["acme/app", "acme/lib"][id % 2];
            body["in"] = json!(name);
            body
        },
    )
}

fn read() -> impl Strategy<Value = Step> {
    let kind =
        prop_oneof![3 => Just(Kind::Sast), 3 => Just(Kind::Sca), 1 => Just(Kind::Secrets), 1 => Just(Kind::AiSast)];
    (0..2_usize, kind).prop_flat_map(|(instance, kind)| {
        collection::vec(body(&kind), 0..5).prop_map(move |bodies| Step::Read(instance, kind.clone(), bodies))
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => read(),
        1 => (1..5_i64, proptest::option::of(1..3_i64)).prop_map(|(project, to)| Step::Map(project, to)),
        1 => sample::select(&["acme/new", "acme/lib"]).prop_map(Step::Rename),
        3 => (0..2_usize, 0..3_usize, sample::subsequence(&[79, 89, 22], 0..3))
            .prop_map(|(instance, rule, cwes)| Step::Rule(instance, rule, cwes)),
        1 => sample::subsequence(&[0, 1, 2, 3], 1..4).prop_map(Step::Link),
        1 => Just(Step::Unlink),
    ]
}

fn take(contexts: &[TestContext; 2], step: &Step, now: i64) {
    let execute = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| {
        contexts[0].store.with(|store| store.connection.execute(sql, parameters).map(|_| ())).unwrap();
    };
    match step {
        Step::Read(instance, kind, bodies) => _ = contexts[*instance].bring(kind.clone(), bodies, now),
        Step::Map(project, to) => execute("UPDATE projects SET repository_id = ?2 WHERE id = ?1", &[project, to]),
        Step::Rename(name) => execute("UPDATE repositories SET full_name = ?1 WHERE id = 2", &[name]),
        Step::Rule(instance, rule, cwes) => contexts[*instance].rule(&format!("r{rule}"), cwes),
        Step::Link(numbers) => {
            let numbers: Vec<&str> = numbers.iter().map(|at| ADVISORIES[*at]).collect();
            let osv = json!({ "id": numbers[0], "aliases": numbers, "modified": "2026-01-01T00:00:00Z" });
            let mut link = Advisories::default();
            assert!(link.read_osv(osv.to_string().as_bytes(), "osv.json").is_empty());
            contexts[0].store.with(|store| store.put_advisories(&link)).unwrap();
        }
        Step::Unlink => contexts[0].store.with(|store| store.clear_advisories()).unwrap(),
    }
    contexts[0].refresh();
}

/// All that is kept of issues.
fn content(context: &TestContext) -> String {
    let dump = |sql: &str| -> String {
        context.store.with(|store| {
            let mut statement = store.connection.prepare(sql).unwrap();
            let columns = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| {
                (0..columns).map(|at| row.get_ref(at).map(|value| format!("{value:?}"))).collect::<Result<Vec<_>, _>>()
            };
            let rows = statement.query_map([], row).unwrap().map(|row| row.unwrap().join(" "));
            rows.collect::<Vec<_>>().join("\n")
        })
    };
    // Where a row lies says nothing.
    let columns = context.store.with(|store| {
        let sql = "SELECT group_concat(name) FROM pragma_table_info('issues') WHERE name <> 'row'";
        store.connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    });
    let members = "SELECT public_id, issues.id, issue_members.block FROM issue_members \
                   JOIN findings ON findings.id = finding_id LEFT JOIN issues ON issues.row = issue_row ORDER BY 1";
    [
        dump(&format!("SELECT {columns} FROM issues ORDER BY id")),
        dump("SELECT * FROM issue_aliases ORDER BY alias"),
        dump(members),
        dump("SELECT count(*) FROM issue_members WHERE coalesce(issue_row, 0) NOT IN (SELECT row FROM issues)"),
        dump("SELECT id FROM findings WHERE id NOT IN (SELECT finding_id FROM issue_members)"),
    ]
    .join("\n\n")
}

fn make_anew(context: &TestContext) {
    let sql = "DELETE FROM issues; DELETE FROM issue_aliases; DELETE FROM issue_members; \
               INSERT INTO dirty_findings SELECT id FROM findings;";
    context.store.with(|store| store.connection.execute_batch(sql)).unwrap();
    context.refresh();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn step_by_step_is_the_same_as_from_the_beginning(steps in collection::vec(step(), 1..14)) {
        let contexts = contexts();
        for (step, now) in steps.iter().zip(10..) {
            take(&contexts, step, now);
        }
        let kept = content(&contexts[0]);
        for issue in contexts[0].issues() {
            let row = &issue.row;
            if row.package.is_none() {
                for source in &row.sources {
                    let identities: std::collections::BTreeSet<i64> = source.findings.iter().map(|id| {
                        let sql = "SELECT identity FROM issue_members JOIN findings ON findings.id = finding_id \
                                   WHERE public_id = ?1";
                        contexts[0].store.with(|store| store.connection.query_row(sql, [id.0], |row| row.get(0)).unwrap())
                    }).collect();
                    prop_assert_eq!(identities.len(), 1, "{}", told(&issue));
                }
            }
        }
        make_anew(&contexts[0]);
        prop_assert_eq!(kept, content(&contexts[0]));
    }

    #[test]
    fn the_order_in_which_sources_come_does_not_matter(
        one in collection::vec(body(&Kind::Sast), 0..5),
        other in collection::vec(body(&Kind::Sast), 0..5),
        packages in collection::vec(body(&Kind::Sca), 0..5),
    ) {
        let mut contents = Vec::new();
        for turned in [false, true] {
            let contexts = contexts();
            let mut steps = [
                Step::Read(0, Kind::Sast, one.clone()),
                Step::Read(1, Kind::Sast, other.clone()),
                Step::Read(1, Kind::Sca, packages.clone()),
            ];
            if turned {
                steps.reverse();
            }
            steps.iter().for_each(|step| take(&contexts, step, 10));
            let listed = |sort: &IssueSort| {
                let filter = IssueFilter { sort: *sort, limit: 99, ..IssueFilter::default() };
                let (rows, _) = contexts[0].store.with(|store| store.issues(&filter)).unwrap();
                rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
            };
            contents.push((content(&contexts[0]), IssueSort::ALL.iter().map(listed).collect::<Vec<_>>()));
        }
        prop_assert_eq!(&contents[0], &contents[1]);
    }
}
