use super::{Given, Group, List, Query, QueryError, Severity, Takes, View, cwe, owasp, samples, severity};

const LISTS: [List; 11] = [
    List::Export,
    List::Triage,
    List::Decisions,
    List::Findings(View::All),
    List::Findings(View::Secrets),
    List::Issues,
    List::Packages,
    List::Dashboard,
    List::Coverage,
    List::PolicyCheck,
    List::Runs,
];

#[test]
fn a_query_goes_to_texts_and_back() {
    for list in LISTS {
        for field in list.fields() {
            let query = Query::parse(list, [(field.name, samples::of(field).as_str())]).unwrap();
            let pairs = query.pairs();
            assert!(!pairs.is_empty(), "{}", field.name);
            let again = Query::parse(list, pairs.iter().map(|(name, value)| (*name, value.as_str()))).unwrap();
            assert_eq!(again.pairs(), pairs);
            assert_eq!(query.given.len(), again.given.len());
            assert!(query.given.iter().zip(&again.given).all(|(a, b)| a.1 == b.1), "{pairs:?}");
        }
    }
}

#[test]
fn tables_are_whole() {
    for list in LISTS {
        for (at, field) in list.fields().iter().enumerate() {
            assert!(list.fields()[..at].iter().all(|other| other.name != field.name), "{} twice", field.name);
            if let Some(default) = field.default {
                field.takes.read(default).unwrap();
            }
            if let Some(other) = field.excludes {
                list.field(other).unwrap();
            }
            assert_eq!(field.value.is_empty(), matches!(field.takes, Takes::Flag), "{}", field.name);
        }
    }
    let names = |list: List, group: Group| {
        let fields = list.fields().iter().filter(|field| field.group == group);
        fields.map(|field| field.name).collect::<Vec<_>>()
    };
    assert_eq!(names(List::Export, Group::Output), [""; 0]);
    assert_eq!(names(List::Export, Group::Scope), names(List::Findings(View::All), Group::Scope));
    let findings = List::Findings(View::All);
    // What an issue's finding must match is a filter of findings, under the same name.
    for name in names(List::Issues, Group::OneFinding) {
        findings.field(name).unwrap();
    }
    assert!(names(List::Findings(View::Weaknesses), Group::Filter).iter().all(|name| *name != "kind"));
}

#[test]
fn what_cannot_be_read_is_told_with_what_was_meant() {
    let findings = List::Findings(View::All);
    let wrong = |pairs: &[(&'static str, &'static str)]| Query::parse(findings, pairs.iter().copied()).unwrap_err();
    let told = |pairs: &[(&'static str, &'static str)]| wrong(pairs).to_string();
    assert_eq!(told(&[("severty", "high")]), "unknown filter `severty`; did you mean `severity`?");
    assert_eq!(told(&[("nonsense", "high")]), "unknown filter `nonsense`");
    let words = Severity::ALL.map(Severity::as_str).join(", ");
    let slip = format!("invalid value `hihg` for `severity`: one of {words}; did you mean `high`?");
    assert_eq!(told(&[("severity", "low,hihg")]), slip);
    assert_eq!(
        told(&[("min-priority", "101")]),
        "invalid value `101` for `min-priority`: a whole number from 0 to 100"
    );
    assert_eq!(told(&[("min-epss", "1.5")]), "invalid value `1.5` for `min-epss`: a number from 0 to 1");
    assert!(told(&[("sort", "priorty")]).ends_with("; did you mean `priority`?"));
    assert_eq!(wrong(&[("status", "open"), ("include-closed", "")]), QueryError::Excluded("include-closed", "status"));
    assert_eq!(wrong(&[("include-closed", ""), ("status", "open")]), QueryError::Excluded("status", "include-closed"));
    assert_eq!(wrong(&[("limit", "1"), ("limit", "2")]), QueryError::Twice("limit"));
    let twice = Query::parse(findings, [("kind", "sca"), ("kind", "sast,secrets")]).unwrap();
    assert_eq!(twice.texts("kind"), ["sca", "sast", "secrets"]);
}

#[test]
fn a_field_that_is_not_given_has_its_default() {
    let query = Query::new(List::Issues);
    assert_eq!(
        (query.whole("limit"), query.text("sort").as_deref(), query.flag("reverse")),
        (Some(50), Some("priority"), false)
    );
    assert_eq!(query.pairs(), []);
    let top = Query::parse(List::Findings(View::All), [("top25", "")]).unwrap();
    assert_eq!(top.values("top25").collect::<Vec<_>>(), [Given::Edition(super::Edition::ALL[0])]);
}

#[test]
fn a_flag_that_is_false_is_one_that_is_not_given() {
    let findings = List::Findings(View::All);
    let of = |pairs: &[(&'static str, &'static str)]| Query::parse(findings, pairs.iter().copied());
    let none = of(&[("include-closed", "false"), ("status", "open")]).unwrap();
    assert_eq!(none.pairs(), [("status", "open".to_owned())]);
    assert!(!none.flag("include-closed") && of(&[("include-closed", "true")]).unwrap().flag("include-closed"));
    assert!(of(&[("kev", "yes")]).unwrap_err().to_string().ends_with(": true or false"));
}

#[test]
fn weaknesses_are_named_as_people_do() {
    for good in ["79", "CWE-79", "cwe-79", "Cwe-079"] {
        assert_eq!(cwe(good), Ok(79), "{good}");
    }
    for wrong in ["", "CWE-", "CWE79", "-1", "+1", "0", "cwe-x", "xss", "é-79"] {
        assert!(cwe(wrong).is_err(), "{wrong}");
    }
    for good in ["A03", "a3", "A03:2021", "API1:2023", "LLM01"] {
        assert_eq!(owasp(good).as_deref(), Ok(good));
    }
    for wrong in ["", "X", "03", "A", "A03:", "A03:21", "A03-2021", "A123", "INJECTION1", "A03:2021 - Injection"] {
        assert!(owasp(wrong).is_err(), "{wrong}");
    }
    assert_eq!(severity("HIGH").unwrap().as_str(), "high");
}
