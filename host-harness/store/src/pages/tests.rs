use appsec_model::{
    Cwe, DiagnosticLevel, Gist, Kind, NextPage, Normalized, ProjectRef, RawRecord, Rule, Scan, Scope, Timestamp,
};
use serde_json::{Value, json};

use super::{
    Batch, Classified, Contents, LookedAt, OnAbsence, PageCommit, ProjectIndex, RecordState, Refs, write_rules,
};
use crate::{
    assess::rule as rule_of,
    error::StoreError,
    filter::Filter,
    fixture::{TestContext, at, finding, project, record},
    packages::{PackageFilter, PackageRow},
    pages::HashedRecord,
    runs::{FetchState, FetchStats, FetchTask, RunExtent, RunMode, RunState},
    seen::Seen,
    subject::RulesById,
};

const NOW: Timestamp = Timestamp::from_micros(0);

/// A record without id, as a vendor may send the same one for several projects.
fn nameless() -> HashedRecord {
    RawRecord { kind: Kind::Sast, id: None, project: None, body: "42".to_owned(), gist: None }.into()
}

/// A page of records that become nothing, the last one of its read.
fn page(context: &TestContext, run_id: i64, fetch_id: i64, records: Vec<Classified>) -> PageCommit {
    let (instance_id, normalized) = (context.instance_id, Normalized::default());
    let contents = context.store.contents(instance_id, "", &Kind::Sast, &records, &normalized).unwrap();
    PageCommit {
        instance_id,
        instance: "code".to_owned(),
        origin: String::new(),
        run_id,
        fetch_id,
        kind: Kind::Sast,
        page: 0,
        next: NextPage::Complete,
        records,
        normalized,
        contents,
        full: true,
        refs: Refs::All,
        ask_again: false,
        scope: None,
        usage: FetchStats::default(),
        now: NOW,
    }
}

#[test]
fn the_same_record_of_two_reads_at_one_time_is_kept_once() {
    let context = TestContext::new();
    let instance_id = context.instance_id;
    let planned = FetchTask { kind: Kind::Sast, scope: Scope::Deployment };
    let reads = context.store.with(|store| {
        let run_id =
            store.start_run(instance_id, RunMode::Full, RunExtent::Whole, 0, &[planned.clone(), planned], NOW).unwrap();
        store.run(run_id).unwrap().unwrap().fetches
    });
    let projects = ProjectIndex::default();
    let classify =
        || context.store.with(|store| store.classify(instance_id, "", vec![nameless()], &projects, &Seen::default()));
    // Both pages are compared with the store before either is taken in.
    let pages: Vec<PageCommit> = reads.iter().map(|read| page(&context, 1, read.id, classify().unwrap())).collect();
    let commit = |page: &PageCommit| context.store.with(|store| store.commit_page(page, &projects)).unwrap().ids;
    let taken: Vec<_> = pages.iter().map(commit).collect();
    assert_eq!(taken[0], taken[1]);
    assert_eq!(classify().unwrap()[0].state, RecordState::Unchanged { id: taken[0][0] });
    assert!(Contents::default().packed.is_empty());
}

#[test]
fn a_page_that_comes_after_its_read_has_ended_is_not_taken_in() {
    let context = TestContext::new();
    let instance_id = context.instance_id;
    let (run_id, fetch_id) = context.store.with(|store| {
        let planned = FetchTask { kind: Kind::Sast, scope: Scope::Deployment };
        let run_id = store.start_run(instance_id, RunMode::Full, RunExtent::Whole, 0, &[planned], NOW).unwrap();
        (run_id, store.run(run_id).unwrap().unwrap().fetches[0].id)
    });
    let projects = ProjectIndex::default();
    let records = context
        .store
        .with(|store| store.classify(instance_id, "", vec![nameless()], &projects, &Seen::default()))
        .unwrap();
    let page = page(&context, run_id, fetch_id, records);
    let commit = || context.store.with(|store| store.commit_page(&page, &projects));
    let records = || context.store.with(|store| store.deletion_plan(instance_id)).unwrap();
    let before = records();
    context
        .store
        .with(|store| {
            store.give_up_fetch(fetch_id, FetchState::Failed, &crate::Cause::new(appsec_grant::Code::Stopped, "any"))
        })
        .unwrap();
    assert!(matches!(commit(), Err(StoreError::FetchEnded)), "it was given up");
    context.store.with(|store| store.finish_run(run_id, RunState::Failed, None, NOW)).unwrap();
    assert!(matches!(commit(), Err(StoreError::FetchEnded)), "its run has ended");
    assert_eq!(records(), before);
}

#[test]
fn a_format_that_tells_less_of_a_rule_takes_nothing_back() {
    let context = TestContext::with_project();
    let contents = Contents::default();
    let write = |rule: Rule| {
        let normalized = Normalized { rules: vec![Rule { id: "r".to_owned(), ..rule }], ..Normalized::default() };
        let (normalized, contents) = (&normalized, &contents);
        let batch = Batch {
            instance_id: 1,
            instance: "code",
            origin: "files",
            run_id: 1,
            normalized,
            contents,
            brought: true,
            now: NOW,
        };
        context.store.with(|store| {
            write_rules(&store.connection, &batch, &mut RulesById::default()).unwrap();
            rule_of(&store.connection, 1, "r").unwrap().unwrap()
        })
    };
    let cwes = vec![Cwe { number: Some(79), name: None, text: "CWE-79".to_owned() }];
    let rich = write(Rule { cwes: cwes.clone(), impact: Some("high".to_owned()), ..Rule::default() });
    let poor = write(Rule { name: Some("XSS".to_owned()), ..Rule::default() });
    assert_eq!(poor, Rule { name: Some("XSS".to_owned()), ..rich });
    assert_eq!(write(Rule { cwes, ..Rule::default() }), poor, "again and again");
}

#[test]
fn a_record_with_less_detail_and_the_same_gist_is_known() {
    let mut context = TestContext::with_project();
    context.origin = "files".to_owned();
    let record = |body: &str, detail: u32, text: &str| RawRecord {
        kind: Kind::Sast,
        id: Some("1".to_owned()),
        project: Some(ProjectRef { id: None, name: Some("acme/app".to_owned()) }),
        body: body.to_owned(),
        gist: Some(Gist { detail, text: text.to_owned() }),
    };
    let made = |_: &RawRecord| finding(&json!({ "id": "1" }));
    let take = |record: RawRecord, at: i64| {
        let counts = context.read(Kind::Sast, vec![record], made, at);
        (counts.new, counts.changed)
    };
    assert_eq!(take(record("poor", 0, "line 1"), 1), (1, 0));
    assert_eq!(take(record("rich", 1, "line 1"), 2), (0, 1), "more detail is a change");
    assert_eq!(take(record("poor", 0, "line 1"), 3), (0, 0));
    assert_eq!(take(record("rich", 1, "line 1"), 4), (0, 0));
    assert_eq!(take(record("poor", 0, "line 2"), 5), (0, 1), "what both tell is another one");
    assert_eq!(take(record("other", 0, "line 2"), 6), (0, 1), "as much detail, other words");
}

#[test]
fn an_incremental_run_starts_from_a_sync_of_all_projects_only() {
    let context = TestContext::new();
    let complete = |mode, extent, started| {
        context.store.with(|store| {
            let run = store.start_run(context.instance_id, mode, extent, 0, &[], started).unwrap();
            store.finish_run(run, RunState::Complete, None, started).unwrap();
            let start = |extent| store.last_complete_start(context.instance_id, extent).unwrap();
            (start(RunExtent::Whole), start(RunExtent::Scheduled))
        })
    };
    let (whole, scheduled) = (RunExtent::Whole, RunExtent::Scheduled);
    assert_eq!(complete(RunMode::Full, RunExtent::Selection, at(1)), (None, None));
    assert_eq!(complete(RunMode::Full, whole, at(2)), (Some(at(2)), Some(at(2))));
    assert_eq!(complete(RunMode::Full, RunExtent::Selection, at(3)), (Some(at(2)), Some(at(2))));
    assert_eq!(complete(RunMode::Import, whole, at(4)), (Some(at(2)), Some(at(2))));
    // Of what scheduled syncs leave out, one of them has nothing.
    assert_eq!(complete(RunMode::Full, scheduled, at(5)), (Some(at(2)), Some(at(5))));
    assert_eq!(complete(RunMode::Full, whole, at(6)), (Some(at(6)), Some(at(6))));
}

#[test]
fn an_import_that_was_cut_off_is_not_taken_up_by_a_sync() {
    let context = TestContext::new();
    context.store.with(|store| {
        store.start_run(context.instance_id, RunMode::Import, RunExtent::Selection, 0, &[], NOW).unwrap();
        assert_eq!(store.unfinished_run(context.instance_id).unwrap(), None);
    });
}

#[test]
fn what_changes_on_a_finding_is_kept() {
    let context = TestContext::with_project();
    context.findings(&[json!({ "id": "1" }), json!({ "id": "2", "ref": "next" })], 1);
    assert_eq!(context.history(), [""; 0], "the run that brings a finding changes nothing on it");
    context.findings(&[json!({ "id": "1", "line": 9, "status": "fixed" }), json!({ "id": "2", "ref": "next" })], 2);
    context.findings(&[json!({ "id": "1", "line": 9, "status": "open" }), json!({ "id": "3", "ref": "pr" })], 3);
    context.findings(&[json!({ "id": "1", "line": 9, "status": "open" }), json!({ "id": "2", "ref": "next" })], 4);
    assert_eq!(
        context.history(),
        [
            "status: open > fixed",
            "start_line: 7 > 9",
            "status: fixed > open",
            "occurrence: - > pr",
            "presence: present > vanished",
            "presence: vanished > present",
            "presence: present > vanished",
        ]
    );
    let newest = context.all().remove(0).history.remove(0);
    assert_eq!((newest.at, newest.run_id, newest.r#ref.as_deref()), (at(4), 4, Some("pr")));
    assert_eq!(context.all().len(), 1, "a moved line is no new finding");
}

#[test]
fn a_record_that_cannot_be_used_any_more_leaves_its_finding_as_it_was() {
    let context = TestContext::with_project();
    context.findings(&[json!({ "id": "1" })], 1);
    let broken = record(Kind::Sast, &json!({ "id": "1", "broken": true }));
    let counts = context.read(Kind::Sast, vec![broken], |_| json!({ "unusable": true }), 2);
    assert_eq!((counts.changed, counts.vanished), (1, 0));
    let found = context.all().remove(0);
    assert_eq!((found.row.title.as_str(), found.row.status.as_str()), ("t", "open"));
    assert_eq!(found.occurrence_details[0].raw, Some(json!({ "id": "1", "broken": true })));
    assert_eq!(found.history, []);
}

#[test]
fn each_record_that_cannot_be_used_is_counted_also_if_it_is_one_that_came_before() {
    let context = TestContext::with_project();
    let (broken, good) = (json!({ "broken": true }), json!({ "id": "1" }));
    let records = || [&broken, &broken, &good, &broken, &good].map(|body| record(Kind::Sast, body)).to_vec();
    let normalize = |record: &RawRecord| match record.body.contains("broken") {
        true => json!({ "unusable": "no" }),
        false => finding(&serde_json::from_str(&record.body).unwrap()),
    };
    let counts = context.read(Kind::Sast, records(), normalize, 1);
    assert_eq!((counts.new, counts.rejected, counts.duplicate), (1, 3, 1));
    let told = |level| context.store.with(|store| store.diagnostics(1, level, 9)).unwrap().len();
    assert_eq!([None, Some(DiagnosticLevel::Error), Some(DiagnosticLevel::Warning)].map(told), [1, 1, 0]);
    let counts = context.read(Kind::Sast, records(), normalize, 2);
    assert_eq!((counts.unchanged, counts.rejected, counts.duplicate), (1, 3, 1));
}

#[test]
fn a_finding_without_occurrences_goes() {
    let context = TestContext::with_project();
    context.findings(&[json!({ "id": "1" })], 1);
    context.findings(&[json!({ "id": "1", "key": "other", "title": "u" })], 2);
    let titles: Vec<String> = context.all().into_iter().map(|it| it.row.title).collect();
    assert_eq!(titles, ["u"]);
}

#[test]
fn a_complete_read_says_nothing_of_records_of_another_origin() {
    let mut context = TestContext::with_project();
    context.findings(&[json!({ "id": "1" })], 1);
    context.origin = "files".to_owned();
    let same_id = json!({ "id": "1", "key": "l", "title": "u" });
    let counts = context.findings(std::slice::from_ref(&same_id), 2);
    assert_eq!((counts.new, counts.vanished), (1, 0));
    let counts = context.findings(&[], 3);
    assert_eq!(counts.vanished, 1);
    let statuses: Vec<_> = context.all().into_iter().map(|it| (it.row.title, it.row.status)).collect();
    assert_eq!(statuses, [("t".to_owned(), "open".to_owned()), ("u".to_owned(), "vanished".to_owned())]);
}

fn package(record: &RawRecord) -> Value {
    let body: Value = serde_json::from_str(&record.body).unwrap();
    json!({
        "project": { "name": "acme/app" }, "transitivity": "direct", "licenses": ["MIT"], "introduced_by": [],
        "package": { "name": body["name"], "version": "1.0.0", "ecosystem": "npm" },
        "lockfile": { "path": "package-lock.json", "start_line": body["line"] },
    })
}

fn inventory(context: &TestContext, names: &[(&str, u32)], now: i64) -> FetchStats {
    let records = names.iter().map(|(name, line)| {
        record(Kind::Packages, &json!({ "id": format!("{name}@1.0.0"), "name": name, "line": line }))
    });
    context.read(Kind::Packages, records.collect(), package, now)
}

fn packages(context: &TestContext, filter: PackageFilter) -> Vec<PackageRow> {
    context.store.with(|store| store.packages(&PackageFilter { limit: 99, ..filter })).unwrap().0
}

fn names(packages: &[PackageRow]) -> Vec<&str> {
    packages.iter().map(|it| it.name.as_str()).collect()
}

#[test]
fn a_package_of_the_inventory_vanishes_and_returns() {
    let context = TestContext::with_project();
    let counts = inventory(&context, &[("left", 1), ("right", 2), ("right", 3)], 1);
    assert_eq!((counts.new, counts.duplicate, counts.rejected), (2, 1, 0));
    let listed = packages(&context, PackageFilter::default());
    assert_eq!(names(&listed), ["left", "right"]);
    assert_eq!((listed[1].inventory, listed[1].lockfile_line, listed[1].licenses.len()), (true, Some(2), 1));
    assert_eq!(inventory(&context, &[("left", 1)], 2).vanished, 1);
    assert_eq!(names(&packages(&context, PackageFilter::default())), ["left"]);
    let all = packages(&context, PackageFilter { vanished: true, ..PackageFilter::default() });
    assert_eq!((names(&all), all[1].vanished_at), (vec!["left", "right"], Some(at(2))));
    let counts = inventory(&context, &[("left", 1), ("right", 2)], 3);
    assert_eq!((counts.unchanged, counts.changed), (1, 1));
    assert_eq!(packages(&context, PackageFilter::default()).len(), 2);
    for (package, found) in [("left", 1), ("lef", 0)] {
        let package = Some(package.to_owned());
        assert_eq!(packages(&context, PackageFilter { package, ..PackageFilter::default() }).len(), found);
    }
    for (license, found) in [("mit", 2), ("gpl", 0)] {
        let license = Some(license.to_owned());
        assert_eq!(packages(&context, PackageFilter { license, ..PackageFilter::default() }).len(), found);
    }
}

/// A finding of kind sca and the package that it names.
fn vulnerable(name: &str) -> (Value, Value) {
    let package = json!({ "name": name, "version": "1.0.0", "ecosystem": "npm" });
    let dependency = json!({
        "package": package, "transitivity": "unknown", "introduced_by": [],
        "advisories": [{ "source": "cve", "id": "CVE-2024-1" }],
        "reachability": { "verdict": "reachable" }, "fix": { "availability": "not-said" },
    });
    (json!({ "kind": "sca", "dependency": dependency }), package)
}

/// Reads findings on packages.
fn scan(context: &TestContext, names: &[&str], now: i64) {
    let (id, store) = (context.instance_id, &context.store);
    let records: Vec<HashedRecord> =
        names.iter().map(|name| record(Kind::Sca, &json!({ "id": *name })).into()).collect();
    let planned = FetchTask { kind: Kind::Sca, scope: Scope::Deployment };
    let run_id =
        store.with(|store| store.start_run(id, RunMode::Full, RunExtent::Whole, 0, &[planned], at(now))).unwrap();
    let fetch_id = store.with(|store| store.run(run_id)).unwrap().unwrap().fetches[0].id;
    let projects = store.with(|store| store.project_index(id)).unwrap();
    let records = store.with(|store| store.classify(id, "", records, &projects, &Seen::default())).unwrap();
    let mut normalized = Normalized::default();
    for (index, it) in records.iter().filter(|it| it.is_fresh()).enumerate() {
        let name = it.record.id.as_deref().unwrap();
        let (mut fields, package) = vulnerable(name);
        fields["id"] = json!(name);
        fields["key"] = json!(name);
        let mut finding = finding(&fields);
        finding["index"] = json!(index);
        normalized.findings.push(serde_json::from_value(finding).unwrap());
        normalized.packages.push(
            serde_json::from_value(json!({
                "project": { "name": "acme/app" }, "package": package, "transitivity": "unknown",
                "licenses": [], "introduced_by": [],
            }))
            .unwrap(),
        );
    }
    let contents = store.contents(id, "", &Kind::Sca, &records, &normalized).unwrap();
    let page = PageCommit {
        instance_id: id,
        instance: "code".to_owned(),
        origin: String::new(),
        run_id,
        fetch_id,
        kind: Kind::Sca,
        page: 0,
        next: NextPage::Complete,
        records,
        normalized,
        contents,
        full: true,
        refs: Refs::All,
        ask_again: false,
        scope: None,
        usage: FetchStats::default(),
        now: at(now),
    };
    store.with(|store| store.commit_page(&page, &projects)).unwrap();
    store.with(|store| store.settle_absences(run_id, OnAbsence::Mark, &LookedAt::All, false, at(now))).unwrap();
}

#[test]
fn a_package_stays_while_a_finding_names_it() {
    let context = TestContext::with_project();
    scan(&context, &["left", "right"], 1);
    inventory(&context, &[("left", 1)], 2);
    let listed = packages(&context, PackageFilter::default());
    let shown: Vec<_> = listed.iter().map(|it| (it.name.as_str(), it.inventory, it.open_findings)).collect();
    assert_eq!(shown, [("left", true, 1), ("right", false, 1)]);
    inventory(&context, &[], 3);
    assert_eq!(packages(&context, PackageFilter::default()).len(), 2, "findings still name both");
    scan(&context, &["left"], 4);
    assert_eq!(names(&packages(&context, PackageFilter::default())), ["left"]);
    let vulnerable = PackageFilter { vulnerable: true, vanished: true, ..PackageFilter::default() };
    assert_eq!(names(&packages(&context, vulnerable)), ["left"]);
    let advisory = |id: &str| Filter { advisory: Some(id.to_owned()), limit: 9, ..Filter::default() };
    for (id, found) in [("cve-2024-1", 2), ("CVE-2024", 0)] {
        assert_eq!(context.store.with(|store| store.findings(&advisory(id))).unwrap().1, found, "{id}");
    }
}

#[test]
fn what_is_not_about_security_can_be_left_out() {
    let context = TestContext::with_project();
    let bodies = [json!({ "id": "1", "key": "1", "security": false }), json!({ "id": "2", "key": "2" })];
    context.findings(&bodies, 1);
    let count = |security| {
        let filter = Filter { security, ..Filter::default() };
        context.store.with(|store| store.findings(&filter)).unwrap().1
    };
    assert_eq!((count(None), count(Some(true)), count(Some(false))), (2, 1, 1));
}

#[test]
fn a_scan_is_asked_for_once_and_told_with_its_findings() {
    let context = TestContext::with_project();
    let seen_by = |id: &str, scan: &str, since: &str| {
        let lifecycle = json!({ "triage": { "state": "untriaged" }, "status": "open", "relevant_since": since });
        json!({ "id": id, "key": id, "title": id, "first_seen_scan": scan, "lifecycle": lifecycle })
    };
    context.findings(&[seen_by("1", "10", "2026-01-01T00:00:00Z"), seen_by("2", "20", "2026-02-01T00:00:00Z")], 1);
    let missing = || context.store.with(|store| store.missing_scans(context.instance_id, 9)).unwrap();
    assert_eq!(missing(), ["20", "10"]);
    let scan = Scan { id: "10".to_owned(), commit: Some("c0ffee".to_owned()), ..Scan::default() };
    context.store.with(|store| {
        store.put_scan(context.instance_id, "10", Some(&scan), at(2)).unwrap();
        store.put_scan(context.instance_id, "20", None, at(2)).unwrap();
    });
    assert_eq!(missing(), [""; 0]);
    let all = context.all();
    let told: Vec<_> = all.iter().map(|it| it.attribution.as_ref().map(|it| it.scan.commit.as_deref())).collect();
    assert_eq!(told, [Some(Some("c0ffee")), None]);
    let named = ProjectRef { id: Some("7".to_owned()), name: None };
    let project = context.store.with(|store| store.ensure_project(context.instance_id, &named, None, at(3))).unwrap();
    assert_eq!(project, context.store.with(|store| store.projects(None, None)).unwrap()[0].row);
}

#[test]
fn the_same_file_in_two_projects_is_two_findings() {
    let mut context = TestContext::with_project();
    context.list(&[project("7", "acme/app", "main"), project("8", "acme/fork", "main")], 1);
    context.origin = "files".to_owned();
    let (app, fork) = (json!({ "id": "1" }), json!({ "id": "1", "in": "acme/fork" }));
    context.findings(&[app.clone(), fork.clone()], 2);
    assert_eq!(context.all().len(), 2);
    // Also the same bytes, as of a report that is imported for one and the other.
    let same = |name: &str| RawRecord {
        kind: Kind::Sast,
        id: Some("2".to_owned()),
        project: Some(ProjectRef { id: None, name: Some(name.to_owned()) }),
        body: "{}".to_owned(),
        gist: None,
    };
    let made = |_: &RawRecord| finding(&json!({ "key": "other" }));
    for name in ["acme/app", "acme/fork"] {
        context.read(Kind::Sast, vec![same(name)], made, 3);
    }
    let open = |it: &crate::FindingDetail| it.row.status == "open";
    assert_eq!(context.all().iter().filter(|it| open(it)).count(), 1, "each read is complete, of all projects");
    assert_eq!(context.all().len(), 4);
    // The API's ids are those of the account, wherever a record moves to.
    context.origin = String::new();
    assert_eq!(context.findings(&[app], 4).new, 1);
    let moved = context.findings(&[fork], 5);
    assert_eq!((moved.new, moved.changed), (0, 1));
}

#[test]
fn a_file_does_not_change_what_the_api_says_of_a_rule() {
    let context = TestContext::with_project();
    let contents = Contents::default();
    let write = |origin: &str, category: &str| {
        let rule = Rule { id: "r".to_owned(), category: Some(category.to_owned()), ..Rule::default() };
        let normalized = Normalized { rules: vec![rule], ..Normalized::default() };
        let (normalized, contents) = (&normalized, &contents);
        let batch = Batch {
            instance_id: 1,
            instance: "code",
            origin,
            run_id: 1,
            normalized,
            contents,
            brought: true,
            now: NOW,
        };
        context.store.with(|store| {
            let mut known = RulesById::default();
            write_rules(&store.connection, &batch, &mut known).unwrap();
            let kept = rule_of(&store.connection, 1, "r").unwrap().unwrap();
            assert_eq!(*known["r"], kept, "what is derived at once is derived from what is kept");
            kept.category.unwrap()
        })
    };
    assert_eq!(write("cli", "of one file"), "of one file");
    assert_eq!(write("sarif", "of another"), "of another", "among files, the last one");
    assert_eq!(write("", "of the API"), "of the API");
    assert_eq!(write("cli", "of one file"), "of the API");
    assert_eq!(write("", "later"), "later");
}

#[test]
fn an_incremental_run_starts_from_the_last_complete_one_whatever_the_clock_said_before() {
    let context = TestContext::new();
    let complete = |started| {
        context.store.with(|store| {
            let run = store.start_run(context.instance_id, RunMode::Full, RunExtent::Whole, 0, &[], started).unwrap();
            store.finish_run(run, RunState::Complete, None, started).unwrap();
            store.last_complete_start(context.instance_id, RunExtent::Whole).unwrap()
        })
    };
    assert_eq!(complete(at(1_000)), Some(at(1_000)));
    assert_eq!(complete(at(5)), Some(at(5)), "the clock was put right");
}
