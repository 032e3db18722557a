use std::{fs, path::Path};

use appsec_model::{AdvisorySource, Severity};
use proptest::prelude::*;

use super::*;
use crate::problem::MAX_PROBLEMS;

const LOG4SHELL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H";

fn ids(ids: &[&str]) -> Vec<AdvisoryId> {
    ids.iter().map(|id| AdvisoryId { source: AdvisorySource::Other, id: (*id).to_owned() }).collect()
}

fn csv(text: &str) -> (Advisories, Vec<String>) {
    let mut advisories = Advisories::default();
    let problems = advisories.read_csv(text.as_bytes(), "t.csv").unwrap();
    (advisories, problems.iter().map(ToString::to_string).collect())
}

fn osv(text: &str) -> (Advisories, Vec<String>) {
    let mut advisories = Advisories::default();
    let problems = advisories.read_osv(text.as_bytes(), "t.json");
    (advisories, problems.iter().map(ToString::to_string).collect())
}

/// Vectors and scores as NVD, GitHub and FIRST publish them.
#[test]
fn scores_are_those_that_are_published() {
    let cases = [
        // CVE-2014-0160, CVE-2014-6271, CVE-2021-44228
        ("AV:N/AC:L/Au:N/C:P/I:N/A:N", "2.0", 5.0, Severity::Medium),
        ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "3.1", 9.8, Severity::Critical),
        ("AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "4.0", 9.3, Severity::Critical),
        ("(AV:N/AC:L/Au:N/C:C/I:C/A:C)", "2.0", 10.0, Severity::High),
        ("AV:N/AC:M/Au:N/C:C/I:C/A:C", "2.0", 9.3, Severity::High),
        // CVE-2017-5638, CVE-2017-0144
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", "3.0", 10.0, Severity::Critical),
        ("CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H", "3.0", 8.1, Severity::High),
        // CVE-2021-44228, CVE-2022-22965, CVE-2021-23337, CVE-2019-11358, CVE-2020-28500
        (LOG4SHELL, "3.1", 10.0, Severity::Critical),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "3.1", 9.8, Severity::Critical),
        ("CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H", "3.1", 7.2, Severity::High),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "3.1", 6.1, Severity::Medium),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L", "3.1", 5.3, Severity::Medium),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "3.1", 0.0, Severity::Info),
        // CVE-2021-44228, CVE-2022-41741, CVE-2020-3549, CVE-2014-0160
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", "4.0", 10.0, Severity::Critical),
        ("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "4.0", 7.3, Severity::High),
        ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "4.0", 7.7, Severity::High),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", "4.0", 8.7, Severity::High),
    ];
    for (vector, version, score, severity) in cases {
        let rating = CvssRating::of("CVE-1".into(), vector, "t".into()).unwrap();
        assert_eq!((rating.version.as_str(), rating.score, rating.severity), (version, score, severity), "{vector}");
        assert_eq!(rating.vector, vector);
    }
}

#[test]
fn what_is_no_complete_vector_has_no_score() {
    let texts = [
        "",
        "9.8",
        "critical",
        "CVSS:3.1",
        "CVSS:3.1/",
        "CVSS:3.1/AV:N",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/A:H",
        "CVSS:3.1/AV:Q/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
        "CVSS:5.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H",
        "AV:N/AC:L/Au:N/C:P/I:N",
        "(AV:N/AC:L/Au:N/C:P/I:N/A:N",
    ];
    for text in texts {
        assert!(CvssRating::of("CVE-1".into(), text, "t".into()).is_err(), "{text:?}");
    }
}

#[test]
fn a_record_leads_from_each_of_its_numbers_to_one_entry() {
    let (advisories, problems) = osv(r#"{
        "schema_version": "1.6.0", "id": "GHSA-jfh8-c2jp-5v3q", "modified": "2024-02-16T08:17:44Z",
        "aliases": ["CVE-2021-44228"], "summary": "Remote code injection in Log4j",
        "severity": [
            {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:H"},
            {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"},
            {"type": "Ubuntu", "score": "high"}
        ],
        "affected": [{"package": {"ecosystem": "Maven", "name": "org.apache.logging.log4j:log4j-core"}}]
    }"#);
    assert_eq!(problems, [""; 0]);
    assert_eq!(advisories.len(), 1);
    assert_eq!(advisories.get("cve-2021-44228"), advisories.get(" GHSA-JFH8-C2JP-5V3Q "));
    insta::assert_json_snapshot!(advisories.get("CVE-2021-44228"), @r#"
    {
      "ids": [
        "CVE-2021-44228",
        "GHSA-jfh8-c2jp-5v3q"
      ],
      "cvss": [
        {
          "id": "GHSA-jfh8-c2jp-5v3q",
          "version": "4.0",
          "vector": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
          "score": 10.0,
          "severity": "critical",
          "source": "t.json"
        },
        {
          "id": "GHSA-jfh8-c2jp-5v3q",
          "version": "3.1",
          "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:H",
          "score": 10.0,
          "severity": "critical",
          "source": "t.json"
        }
      ],
      "summary": "Remote code injection in Log4j"
    }
    "#);
}

#[test]
fn a_damaged_record_tells_where_and_keeps_the_rest() {
    let (advisories, problems) = osv(r#"{"id": "GHSA-1", "aliases": ["", "CVE-1"], "severity": [
        {"type": "CVSS_V3", "score": 9.8}, {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}, {"type": "CVSS_V3"},
        {"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:P/I:N/A:N"}]}"#);
    insta::assert_snapshot!(problems.join("\n"), @r#"
    t.json: not the number of an advisory: ""
    t.json: not a CVSS vector: "9.8"
    t.json: not a CVSS vector: "CVSS:3.1/AV:N": missing mandatory CVSSv3 AC metric
    t.json: not a CVSS vector: "null"
    "#);
    assert_eq!(advisories.get("CVE-1").unwrap().rating().unwrap().score, 5.0);

    for (text, expected) in [
        ("", "t.json:1: not an OSV record: EOF while parsing a value at line 1 column 0"),
        (
            "{\n\"id\": 7}",
            "t.json:2: not an OSV record: invalid type: integer `7`, expected a string at line 2 column 7",
        ),
        ("{\"id\": \" \"}", "t.json: not the number of an advisory: \" \""),
    ] {
        let (advisories, problems) = osv(text);
        assert_eq!(problems, [expected]);
        assert!(advisories.is_empty());
    }
    let (advisories, problems) = osv(r#"{"id": "GHSA-1", "withdrawn": "2024-01-01T00:00:00Z", "summary": "no"}"#);
    assert!(advisories.is_empty() && problems.is_empty());
}

#[test]
fn a_table_names_its_columns_in_any_order_and_case() {
    let text = format!(
        "\u{feff}Name, CVSS_Vector ,ID,Date,EPSS,Percentile\r\n\
         x,{LOG4SHELL},cve-2021-44228,2026-01-31,0.97565,0.99996\r\n\
         y,,GHSA-1,2026-01-31T05:00:00Z,0.5,\r\n\
         z,\"AV:N/AC:L/Au:N/C:P/I:N/A:N\",GHSA-2\r\n"
    );
    let (advisories, problems) = csv(&text);
    assert_eq!(problems, [""; 0]);
    assert_eq!(advisories.len(), 3);
    let log4shell = advisories.get("CVE-2021-44228").unwrap();
    assert_eq!(log4shell.rating().unwrap().score, 10.0);
    let epss = log4shell.epss.as_ref().unwrap();
    assert_eq!((epss.score, epss.percentile, epss.date.as_deref()), (0.97565, Some(0.99996), Some("2026-01-31")));
    let epss = advisories.get("GHSA-1").unwrap().epss.as_ref().unwrap();
    assert_eq!((epss.score, epss.percentile, epss.date.as_deref()), (0.5, None, Some("2026-01-31")));
    assert_eq!(advisories.get("GHSA-2").unwrap().epss, None);
}

#[test]
fn the_feed_of_epss_gives_its_date_to_all_scores() {
    let (advisories, problems) = csv("#model_version:v2025.03.14,score_date:2026-01-31T12:55:00Z\n\
         cve,epss,percentile\n\
         CVE-1999-0001,0.0142,0.79836\n\
         CVE-1999-0002,0.1633,0.94538\n");
    assert_eq!(problems, [""; 0]);
    insta::assert_json_snapshot!(advisories.get("CVE-1999-0002"), @r#"
    {
      "ids": [
        "CVE-1999-0002"
      ],
      "cvss": [],
      "epss": {
        "id": "CVE-1999-0002",
        "score": 0.1633,
        "percentile": 0.94538,
        "date": "2026-01-31",
        "source": "t.csv"
      }
    }
    "#);
}

#[test]
fn bad_rows_are_told_with_their_lines_and_the_rest_is_kept() {
    let (advisories, problems) = csv("cve,vector,epss,percentile,date\n\
         CVE-1,CVSS:3.1/AV:N,0.5,0.9,2026-01-31\n\
         ,,0.1,,\n\
         CVE-2,AV:N/AC:L/Au:N/C:P/I:N/A:N,97%,2,yesterday\n\
         \n\
         CVE-3,,NaN,,\n\
         CVE-4,,0.25,,2026-02-30\n\
         \"CVE-\n5\",,-0.1,,\n\
         CVE-6,7.5\n\
         CVE-7,,1e400\n");
    insta::assert_snapshot!(problems.join("\n"), @r#"
    t.csv:2: not a CVSS vector: "CVSS:3.1/AV:N": missing mandatory CVSSv3 AC metric
    t.csv:3: a row without the number of an advisory
    t.csv:4: epss is not a number from 0 to 1: "97%"
    t.csv:4: percentile is not a number from 0 to 1: "2"
    t.csv:4: not a date: "yesterday"
    t.csv:6: epss is not a number from 0 to 1: "NaN"
    t.csv:7: not a date: "2026-02-30"
    t.csv:8: not the number of an advisory: "CVE-\n5"
    t.csv:8: a row without the number of an advisory
    t.csv:10: not a CVSS vector: "7.5": invalid CVSS metric group component: `7.5`
    t.csv:11: epss is not a number from 0 to 1: "1e400"
    "#);
    let scores = |id: &str| {
        let advisory = advisories.get(id);
        (
            advisory.and_then(|it| it.rating()).map(|it| it.score),
            advisory.and_then(|it| it.epss.as_ref()).map(|it| it.score),
        )
    };
    assert_eq!(scores("CVE-1"), (None, Some(0.5)));
    assert_eq!(scores("CVE-2"), (Some(5.0), None));
    assert_eq!(scores("CVE-4"), (None, Some(0.25)));
    assert_eq!(advisories.len(), 3);
}

#[test]
fn lines_are_counted_with_any_line_end() {
    let rows = ["", "cve,epss", "", "CVE-1,x", ",", "\"CVE-2\",\"y\"", "", "", "CVE-3,0.5", "CVE-4,\"z\""];
    for (end, last) in [("\n", ""), ("\n", "\n"), ("\r\n", ""), ("\r\n", "\r\n"), ("\r\n", "\r\n\r\n")] {
        let (advisories, problems) = csv(&(rows.join(end) + last));
        let lines: Vec<&str> = problems.iter().filter_map(|it| it.split(':').nth(1)).collect();
        assert_eq!(lines, ["4", "6", "10"], "{end:?} {last:?}");
        assert_eq!(advisories.get("CVE-3").unwrap().epss.as_ref().unwrap().score, 0.5);
    }
}

#[test]
fn a_text_that_is_no_table_of_ours_is_one_problem() {
    let cases = [
        ("", "t.csv: a table without a row of column names"),
        ("# only a comment\n", "t.csv: a table without a row of column names"),
        ("a,b\n1,2\n", "t.csv:1: no column `cve` or `id`"),
        ("cve,percentile\nCVE-1,0.5\n", "t.csv:1: no column `vector`, `cvss`, `cvss_vector` or `epss`"),
        ("#score_date:soon\ncve,epss\n", "t.csv:1: not a date: \"soon\""),
    ];
    for (text, problem) in cases {
        let (advisories, problems) = csv(text);
        assert_eq!(problems, [problem]);
        assert!(advisories.is_empty());
    }
}

#[test]
fn only_so_many_problems_are_told() {
    let (_, problems) = csv(&format!("cve,epss\n{}", "CVE-1,x\n".repeat(MAX_PROBLEMS + 3)));
    assert_eq!(problems.len(), MAX_PROBLEMS + 1);
    assert_eq!(problems.last().unwrap(), "t.csv: 3 further problems");
}

#[test]
fn a_field_that_is_not_text_is_a_problem() {
    let mut advisories = Advisories::default();
    let problems = advisories.read_csv(&b"cve,epss\nCVE-\xff,0.5\nCVE-2,0.5\n"[..], "t.csv").unwrap();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["t.csv:2: field 1 is not UTF-8", "t.csv:2: a row without the number of an advisory"]);
    assert_eq!(advisories.len(), 1);
}

#[test]
fn what_is_read_later_counts() {
    let mut advisories = Advisories::default();
    for (source, vector) in [("a", LOG4SHELL), ("b", LOG4SHELL), ("a", "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H")]
    {
        let text = format!("cve,vector\nCVE-1,{vector}\n");
        assert!(advisories.read_csv(text.as_bytes(), source).unwrap().is_empty());
    }
    let advisory = advisories.get("CVE-1").unwrap();
    let ratings: Vec<(&str, f64)> = advisory.cvss.iter().map(|it| (&*it.source, it.score)).collect();
    assert_eq!(ratings, [("b", 10.0), ("a", 7.2)]);
}

#[test]
fn of_an_epss_score_the_later_day_counts() {
    let cases: [(&[&str], f64); 4] = [
        (&["CVE-1,0.1,2026-01-01", "CVE-1,0.05,2026-01-02"], 0.05),
        (&["CVE-1,0.1,2026-01-02", "CVE-1,0.05,2026-01-01"], 0.1),
        (&["CVE-1,0.1,2026-01-02", "CVE-1,0.05,2026-01-02"], 0.05),
        (&["CVE-1,0.1,2026-01-02", "CVE-1,0.05,"], 0.05),
    ];
    for (rows, expected) in cases {
        let (advisories, problems) = csv(&format!("cve,epss,date\n{}\n", rows.join("\n")));
        assert_eq!(problems, [""; 0]);
        assert_eq!(advisories.get("CVE-1").unwrap().epss.as_ref().unwrap().score, expected, "{rows:?}");
    }
}

#[test]
fn numbers_join_in_whatever_order_the_sources_come() {
    let table = "id,cve,vector,epss\nGHSA-1,,AV:N/AC:L/Au:N/C:P/I:N/A:N,\n,CVE-1,,0.2\n,CVE-2,,0.4\nPYSEC-1,CVE-2,,\n";
    let record = r#"{"id": "GHSA-1", "aliases": ["CVE-1", "CVE-2"], "summary": "both"}"#;
    let (mut first, _) = csv(table);
    assert_eq!(first.len(), 3);
    assert!(first.read_osv(record.as_bytes(), "t.json").is_empty());
    let (mut second, _) = osv(record);
    assert!(second.read_csv(table.as_bytes(), "t.csv").unwrap().is_empty());
    for advisories in [&first, &second] {
        assert_eq!(advisories.len(), 1);
        let advisory = advisories.get("pysec-1").unwrap();
        assert_eq!(advisory.ids, ["CVE-1", "CVE-2", "GHSA-1", "PYSEC-1"].map(Arc::from));
        assert_eq!(advisory.rating().unwrap().score, 5.0);
        let epss = advisory.epss.as_ref().unwrap();
        assert_eq!((&*epss.id, epss.score), ("CVE-2", 0.4));
        assert_eq!(advisory.summary.as_deref(), Some("both"));
    }
    assert_eq!(first.get("GHSA-1"), second.get("GHSA-1"));
}

#[test]
fn several_numbers_are_looked_up_as_one() {
    let (mut advisories, _) =
        csv(&format!("id,vector,epss\nCVE-1,AV:N/AC:L/Au:N/C:P/I:N/A:N,0.1\nCVE-2,{LOG4SHELL},0.2\n"));
    for id in ["CVE-1", "CVE-2"] {
        let record = format!(r#"{{"id": "{id}", "aliases": ["X-{id}"], "summary": "of {id}"}}"#);
        assert!(advisories.read_osv(record.as_bytes(), "t.json").is_empty());
    }
    assert_eq!(advisories.for_ids(&[]), None);
    assert_eq!(advisories.for_ids(&ids(&["CVE-9", ""])), None);
    let one = advisories.for_ids(&ids(&["CVE-9", "cve-1", "X-CVE-1"])).unwrap();
    assert!(matches!(one, Cow::Borrowed(_)));
    let both = advisories.for_ids(&ids(&["CVE-1", "CVE-2"])).unwrap();
    assert_eq!(both.ids.len(), 4);
    assert_eq!(both.rating().unwrap().score, 10.0);
    assert_eq!(both.cvss.len(), 2);
    assert_eq!(both.epss.as_ref().unwrap().score, 0.2);
    assert_eq!(both.summary.as_deref(), Some("of CVE-1"));
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_folder_is_read_in_the_order_of_its_paths() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("b/GHSA-1.json"), r#"{"id": "GHSA-1", "aliases": ["CVE-1"], "summary": "later"}"#);
    write(&folder.path().join("a/CVE-1.JSON"), r#"{"id": "CVE-1", "summary": "earlier"}"#);
    write(&folder.path().join("b/deep/damaged.json"), "{");
    write(&folder.path().join("epss.csv"), "cve,epss\nCVE-1,0.5\nCVE-2,x\n");
    write(&folder.path().join("notes.txt"), "not looked at");
    let (advisories, problems) = read_path(folder.path()).unwrap();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(problems.join("\n"), @r#"
    b/deep/damaged.json:1: not an OSV record: EOF while parsing an object at line 1 column 1
    epss.csv:3: epss is not a number from 0 to 1: "x"
    "#);
    let advisory = advisories.get("CVE-1").unwrap();
    assert_eq!(advisory.summary.as_deref(), Some("later"));
    assert_eq!(&*advisory.epss.as_ref().unwrap().source, "epss.csv");
    assert_eq!(advisories.len(), 1);
}

#[test]
fn a_file_is_read_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ratings.CSV");
    write(&path, &format!("cve,cvss\nCVE-1,{LOG4SHELL}\n"));
    let (advisories, problems) = read_path(&path).unwrap();
    assert_eq!(problems, []);
    assert_eq!(&*advisories.get("CVE-1").unwrap().rating().unwrap().source, "ratings.CSV");

    let other = folder.path().join("ratings.txt");
    assert_eq!(read_path(&other).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    write(&other, "");
    assert_eq!(read_path(&other).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_record_of_any_size_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.json");
    fs::File::create(&path).unwrap().set_len(MAX_RECORD_BYTES + 1).unwrap();
    let (advisories, problems) = read_path(&path).unwrap();
    assert!(advisories.is_empty());
    assert_eq!(problems.first().unwrap().to_string(), "long.json: a JSON file of more than 16777216 bytes");
}

proptest! {
    #[test]
    fn no_bytes_break_the_readers(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[ -~\n,\"]{0,80}") {
        let mut advisories = Advisories::default();
        advisories.read_osv(&bytes, "a");
        prop_assert!(advisories.read_csv(&bytes[..], "b").is_ok());
        let table = format!("id,vector,epss,percentile,date\n{text}");
        prop_assert!(advisories.read_csv(table.as_bytes(), "c").is_ok());
    }

    #[test]
    fn a_score_is_between_0_and_10_and_its_word_fits(
        vector in "(CVSS:3\\.[01]/AV:[NALP]/AC:[LH]/PR:[NLH]/UI:[NR]/S:[UC]/C:[HLN]/I:[HLN]/A:[HLN]\
            |AV:[LAN]/AC:[HML]/Au:[MSN]/C:[NPC]/I:[NPC]/A:[NPC]\
            |CVSS:4\\.0/AV:[NALP]/AC:[LH]/AT:[NP]/PR:[NLH]/UI:[NPA]\
            /VC:[HLN]/VI:[HLN]/VA:[HLN]/SC:[HLN]/SI:[HLN]/SA:[HLN])",
    ) {
        let rating = CvssRating::of("CVE-1".into(), &vector, "t".into()).unwrap();
        prop_assert!((0.0..=10.0).contains(&rating.score), "{}", rating.score);
        prop_assert_eq!(rating.severity == Severity::Info, rating.score == 0.0);
        prop_assert!(rating.severity != Severity::Critical || rating.score >= 9.0);
    }

    /// Whichever way numbers are joined, those that were ever read together are found together.
    #[test]
    fn joining_is_the_same_in_any_order(
        pairs in prop::collection::vec((0_u8..12, 0_u8..12), 1..12).prop_shuffle(),
    ) {
        let mut advisories = Advisories::default();
        let mut groups: Vec<u8> = (0..12).collect();
        for (a, b) in &pairs {
            let record = format!(r#"{{"id": "X-{a}", "aliases": ["X-{b}"]}}"#);
            prop_assert!(advisories.read_osv(record.as_bytes(), "t").is_empty());
            let (from, to) = (groups[usize::from(*a)], groups[usize::from(*b)]);
            groups.iter_mut().filter(|it| **it == from).for_each(|it| *it = to);
        }
        let read: Vec<u8> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        for a in &read {
            for b in &read {
                let (x, y) = (advisories.get(&format!("X-{a}")).unwrap(), advisories.get(&format!("X-{b}")).unwrap());
                prop_assert_eq!(std::ptr::eq(x, y), groups[usize::from(*a)] == groups[usize::from(*b)]);
            }
        }
    }
}

#[test]
fn an_advisory_has_only_so_many_numbers() {
    let aliases: Vec<String> = (0..1_000).map(|number| format!("X-{number}")).collect();
    let record = serde_json::json!({ "id": "HUB", "aliases": aliases, "summary": "s".repeat(5_000) });
    let mut advisories = Advisories::default();
    let problems = advisories.read_osv(record.to_string().as_bytes(), "hub.json");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(advisories.is_empty());
    // Row by row they come together until there are too many.
    let rows: String = (0..1_000).map(|number| format!("HUB,X-{number},0.5\n")).collect();
    let problems = advisories.read_csv(format!("id,id,epss\n{rows}").as_bytes(), "hub.csv").unwrap();
    assert!(!problems.is_empty());
    assert_eq!(advisories.get("HUB").unwrap().ids.len(), 256);
    let record = serde_json::json!({ "id": "ONE", "summary": "s".repeat(5_000) });
    assert!(advisories.read_osv(record.to_string().as_bytes(), "one.json").is_empty());
    assert_eq!(advisories.get("one").unwrap().summary.as_ref().unwrap().len(), 1_000);
}

#[test]
fn a_catalogue_of_exploited_vulnerabilities_stands_beside_other_sources() {
    let read = |json: &str| {
        let mut advisories = Advisories::default();
        let problems = advisories.read_kev(json.as_bytes(), "kev.json");
        (advisories, problems.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let json = r#"{"title": "CISA Catalog", "catalogVersion": "2026.11.20", "count": 4, "vulnerabilities": [
        {"cveID": "cve-2021-44228", "dateAdded": "2021-12-10", "dueDate": "2021-12-24",
         "knownRansomwareCampaignUse": "Known", "vulnerabilityName": "Log4Shell", "cwes": ["CWE-20"]},
        {"cveID": "CVE-2020-1", "dateAdded": "2022-03-03", "dueDate": "soon", "knownRansomwareCampaignUse": "Unknown"},
        {"cveID": "CVE-2020-2", "dateAdded": "long ago"},
        {"cveID": " ", "dateAdded": "2022-03-03"}]}"#;
    let (mut advisories, problems) = read(json);
    insta::assert_snapshot!(problems.join("\n"), @r#"
    kev.json: CVE-2020-1: not a date: "soon"
    kev.json: CVE-2020-2: not a date: "long ago"
    kev.json: not the number of an advisory: " "
    "#);
    assert!(advisories.has_kev());
    let osv = r#"{"id": "GHSA-jfh8-c2jp-5v3q", "aliases": ["CVE-2021-44228"], "summary": "Remote code"}"#;
    assert!(advisories.read_osv(osv.as_bytes(), "osv.json").is_empty());
    let kev = advisories.get("GHSA-jfh8-c2jp-5v3q").unwrap().kev.clone().unwrap();
    assert_eq!((kev.added.as_ref(), kev.due.as_deref(), kev.ransomware), ("2021-12-10", Some("2021-12-24"), true));
    assert_eq!(kev.source.as_ref(), r#"kev.json, version "2026.11.20""#);
    assert_eq!(advisories.get("CVE-2020-1").unwrap().kev.as_ref().unwrap().due, None);
    // What is none takes nothing back.
    for json in [
        r#"{"catalogVersion": "1", "vulnerabilities": []}"#,
        r#"{"catalogVersion": "1", "vulnerabilities": [{"cveID": 7}]}"#,
        r#"{"catalogVersion": "1", "vulnerabilities": [{"cveID": "CVE-1-1", "dateAdded": "soon"}]}"#,
        r#"{"catalogVersion": "1", "vulnera"#,
    ] {
        let (advisories, problems) = read(json);
        assert!(!advisories.has_kev() && advisories.is_empty(), "{json}");
        assert!(!problems.is_empty(), "{json}");
    }
}

#[test]
fn json_is_a_catalogue_by_what_it_says_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = r#"{"catalogVersion": "1", "vulnerabilities": [{"cveID": "CVE-1-1", "dateAdded": "2026-01-01"}]}"#;
    fs::write(folder.path().join("known_exploited_vulnerabilities.json"), catalogue).unwrap();
    fs::write(folder.path().join("osv.json"), r#"{"id": "CVE-1-2"}"#).unwrap();
    let (advisories, problems) = read_path(folder.path()).unwrap();
    assert!(problems.is_empty() && advisories.len() == 2);
    assert!(advisories.get("CVE-1-1").unwrap().kev.is_some() && advisories.get("CVE-1-2").unwrap().kev.is_none());
}
