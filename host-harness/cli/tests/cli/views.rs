//! Views over a tenant's findings, as a person at a terminal asks for them.

use crate::support::{TestContext, shape};

fn synced() -> TestContext {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    context
}

#[test]
fn each_view_has_the_columns_of_its_kind() {
    let context = synced();
    let shown = |arguments: &[&str]| context.shown(arguments);
    insta::assert_snapshot!(shown(&["vulnerabilities", "--limit", "4", "--fix-available", "--sort", "project"]));
    insta::assert_snapshot!(shown(&["weaknesses", "--limit", "4", "--top25", "--sort", "path"]));
    insta::assert_snapshot!(shown(&["secrets"]));
    let coverage = shown(&["coverage"]);
    let never = coverage.lines().find(|line| line.contains("Acme-Labs/shop-console")).unwrap();
    assert!(never.contains("never scanned"), "{coverage}");
}

#[test]
fn pages_csv_and_counts_agree() {
    let context = synced();
    let whole = context.json(&["vulnerabilities", "--limit", "100000"]);
    let ids = |list: &serde_json::Value| {
        let rows = list["findings"].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = ids(&whole);
    assert_eq!((whole["total"].as_u64(), whole["total_is"].as_str()), (Some(all.len() as u64), Some("exact")));
    let first = context.json(&["vulnerabilities", "--limit", "20"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = context.json(&["vulnerabilities", "--limit", "20", "--cursor", cursor]);
    assert_eq!([ids(&first), ids(&second)].concat(), all[..40]);

    let csv = context.ok(&["vulnerabilities", "--limit", "100000", "--csv"]);
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert!(lines[0].starts_with("\"id\",\"priority\",\"severity\","), "{}", lines[0]);
    assert!(lines[1].starts_with(&format!("\"{}\"", all[0])), "{}", lines[1]);

    let dashboard = context.json(&["dashboard", "--kind", "sca"]);
    assert_eq!(dashboard["open"], whole["total"]);
    assert_eq!(dashboard["days"].as_array().unwrap().last().unwrap()["open"], whole["total"]);
    let shown = context.ok(&["dashboard"]);
    assert!(shown.contains("Reachable: ") && shown.contains("CWE Top 25 of "), "{shown}");

    let wrong = context.run(&["findings", "--sort", "path", "--cursor", cursor]);
    assert_eq!((wrong.code, wrong.stderr.contains("the cursor is of another filter")), (2, true), "{}", wrong.stderr);
    let wrong = context.run(&["findings", "--cursor", cursor]);
    assert_eq!(wrong.code, 2, "the view is another one: {}", wrong.stderr);
}

#[test]
fn every_other_view_is_narrowed_ordered_paged_and_printed_as_csv_too() {
    let context = synced();
    let issues = |arguments: &[&str]| {
        let list = context.json(&[&["issues", "--limit", "100000"], arguments].concat());
        let rows = list["issues"].as_array().unwrap().clone();
        assert_eq!(list["total"], rows.len());
        rows
    };
    let all = issues(&[]);
    for narrower in [
        &["--reachability", "reachable"][..],
        &["--cwe", "79"],
        &["--top25"],
        &["--project", "shop"],
        &["--min-severity", "high"],
        &["--fix-available"],
    ] {
        let found = issues(narrower);
        assert!(!found.is_empty() && found.len() < all.len(), "{narrower:?}: {} of {}", found.len(), all.len());
        assert!(found.iter().all(|row| all.contains(row)), "{narrower:?}");
    }
    let name = all[0]["repository"].as_str().unwrap();
    let of_one = issues(&["--repository", name]);
    assert!(!of_one.is_empty() && of_one.iter().all(|row| row["repository"] == name));
    assert!(issues(&["--environment", "production"]).is_empty());
    assert_eq!(issues(&["--first-seen-since", "2020-01-01"]).len(), all.len());
    let mut turned = issues(&["--sort", "severity", "--reverse"]);
    turned.reverse();
    assert_eq!(turned, issues(&["--sort", "severity"]));
    let of_finding = all[0]["sources"][0]["findings"][0].as_str().unwrap();
    assert_eq!(issues(&["--identifier", of_finding]), all[..1]);

    let packages = |arguments: &[&str]| context.json(&[&["packages", "--limit", "5"], arguments].concat());
    let names = |list: &serde_json::Value| {
        let rows = list["packages"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let by_name = names(&packages(&["--sort", "name"]));
    assert!(by_name.is_sorted() && by_name != names(&packages(&[])), "{by_name:?}");

    let csv = |arguments: &[&str]| context.ok(&[arguments, &["--csv"]].concat());
    let coverage = csv(&["coverage", "--sort", "open", "--limit", "2"]);
    assert!(coverage.starts_with("\"repository\",\"provider\",\"instance\",\"state\",\"why\","), "{coverage}");
    assert_eq!(coverage.trim_end().lines().count(), 3, "two repositories of one instance: {coverage}");
    // Cells before may hold commas.
    let behind = coverage.lines().next().unwrap().rsplit(',').position(|it| it == "\"open\"").unwrap();
    let open: Vec<u64> =
        coverage.lines().skip(1).map(|line| line.rsplit(',').nth(behind).unwrap().parse().unwrap()).collect();
    assert!(open[0] >= open[1] && open[0] > 0, "{coverage}");
    // As the standard has it, whichever list it is.
    for list in ["issues", "findings", "vulnerabilities", "weaknesses", "packages", "coverage", "secrets"] {
        let rows = csv(&[list, "--limit", "3"]);
        let ends = rows.matches('\n').count();
        assert!(ends > 0 && rows.matches("\r\n").count() == ends, "{list}: {rows}");
    }
    let days = csv(&["dashboard", "--since", "3d"]);
    assert!(days.starts_with("\"day\",\"new\",") && days.lines().count() > 1, "{days}");
}

#[test]
fn each_list_has_its_rows_as_csv() {
    let context = synced();
    let init = context.ok(&["policy", "init"]);
    context.ok(&["policy", "import", &context.file("policies.toml", &init)]);
    let rows = |arguments: &[&str]| -> Vec<String> {
        let printed = context.run(&[arguments, &["--csv"]].concat());
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        printed.stdout.split_terminator("\r\n").map(str::to_owned).collect()
    };
    for (arguments, list, begins) in [
        (&["projects"][..], "projects", "\"project\",\"project_id\",\"instance\","),
        (&["mapping", "list"], "projects", "\"project\",\"project_id\",\"instance\","),
        (&["repositories", "list"], "repositories", "\"full_name\",\"url\","),
        (&["instance", "list"], "instances", "\"name\",\"status\","),
        (&["runs"], "runs", "\"run\",\"instance\",\"mode\",\"state\","),
        (&["policy", "list"], "policies", "\"policy\",\"title\","),
        (&["policy", "results", "--limit", "3"], "results", "\"policy\",\"policy_severity\",\"result\","),
    ] {
        let csv = rows(arguments);
        let listed = context.json(arguments)[list].as_array().unwrap().len();
        assert!(csv[0].starts_with(begins), "{arguments:?}: {}", csv[0]);
        assert!(listed > 0 && csv.len() == listed + 1, "{arguments:?}: {listed} rows, {csv:?}");
    }
    // Suggestions, of which there are none.
    assert_eq!(rows(&["mapping", "suggest"]).len(), 1);
    let check = context.run(&["policy", "check", "--format", "csv", "--limit", "1"]);
    let violations = context.run(&["policy", "check", "--json"]);
    let count: serde_json::Value = serde_json::from_str(&violations.stdout).unwrap();
    assert_eq!((check.code, violations.code), (4, 4), "{}", check.stderr);
    assert_eq!(Some(check.stdout.split_terminator("\r\n").count() as u64), count["violated"].as_u64().map(|it| it + 1));
    let wrong = context.run(&["runs", "1", "--csv"]);
    assert_eq!(wrong.code, 2, "{}", wrong.stdout);
}

#[test]
fn a_filter_that_nothing_can_have_is_wrong_usage() {
    let context = TestContext::new(shape(), vec![]);
    for (arguments, allowed) in [
        (["findings", "--kind", "bogus"], "sast, sca, ai-sast"),
        (["dashboard", "--kind", "bogus"], "sast, sca, ai-sast"),
        (["issues", "--kind", "sast,bogus"], "sast, sca, ai-sast"),
        (["renormalize", "--kind", "nope"], "sast, sca, ai-sast"),
        (["vulnerabilities", "--status", "open,nope"], "open, reviewing, fixing"),
        (["issues", "--severity", "worst"], "critical, high, medium, low"),
        (["findings", "--reachability", "bogus"], "always-reachable, reachable"),
        (["packages", "--transitivity", "bogus"], "direct, transitive"),
        (["findings", "--status", "Removed-by-nobody"], "provisionally-ignored, fixed, unknown, vanished"),
        (["findings", "--owasp", "X"], "A03:2021"),
        (["weaknesses", "--cwe", "xss"], "CWE-79"),
    ] {
        let wrong = context.run(&arguments);
        assert_eq!(wrong.code, 2, "{arguments:?}: {}{}", wrong.stdout, wrong.stderr);
        assert!(wrong.stderr.contains(allowed), "{arguments:?}: {}", wrong.stderr);
    }
    // A word that the vendor brought is one of them.
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli/unknown-words.json");
    let imported = context.run(&["import", file, "--project", "acme/shop"]);
    assert!(imported.stdout.contains("3 new"), "{}{}", imported.stdout, imported.stderr);
    assert_eq!(context.json(&["packages", "--transitivity", "SIDEWAYS"])["total"], 1);
}

#[test]
fn filters_are_written_as_people_write_them_and_a_scope_of_nothing_is_told() {
    let context = synced();
    let total = |arguments: &[&str]| {
        let list = context.json(&[&["findings", "--include-non-security", "--limit", "1"], arguments].concat());
        list["total"].as_u64().unwrap()
    };
    let many = total(&["--kind", "sca"]);
    assert!(many > 0);
    assert_eq!(total(&["--kind", "SCA"]), many);
    assert_eq!(total(&["--kind", "sast,Sca"]), total(&[]));
    let (open, fixed) = (total(&["--status", "open"]), total(&["--status", "fixed"]));
    assert!(open > 0 && fixed > 0);
    assert_eq!(total(&["--status", "open,FIXED"]), open + fixed);
    assert_eq!(total(&["--severity", "High"]), total(&["--severity", "high"]));
    let weak = total(&["--cwe", "79"]);
    assert!(weak > 0);
    assert_eq!((total(&["--cwe", "CWE-79"]), total(&["--cwe", "cwe-79"])), (weak, weak));
    let injected = total(&["--owasp", "A03"]);
    assert!(injected > 0);
    assert_eq!(total(&["--owasp", "a3"]), injected);

    for view in ["dashboard", "findings", "issues", "packages"] {
        let none = context.run(&[view, "--project", "nope", "--json"]);
        assert_eq!(none.code, 0, "{view}: {}", none.stderr);
        let remark = "no project named `nope`; `harness projects` lists them\n";
        assert!(none.stderr.starts_with(remark), "{view}: {}", none.stderr);
        let none = context.run(&[view, "--environment", "nope", "--json"]);
        assert!(none.stderr.starts_with("no project matches the filters"), "{view}");
        let some = context.run(&[view, "--project", "shop", "--json"]);
        assert!(some.code == 0 && !some.stderr.contains("no project"), "{view}: {}", some.stderr);
    }
}
