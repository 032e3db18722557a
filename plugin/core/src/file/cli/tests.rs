use appsec_model::{Fix, Kind};

use super::{Credentials, sca::fix, sketch};

#[test]
fn a_result_needs_a_rule_and_a_path() {
    assert!(sketch(r#"{"check_id":"-","path":"a"}"#, None, &mut Credentials::default()).is_some());
    for odd in [
        "",
        "[]",
        "{}",
        r#"{"check_id":"r"}"#,
        r#"{"check_id":"","path":"a"}"#,
        r#"{"check_id":"r","path":""}"#,
        r#"{"check_id":"r","path":"./"}"#,
        r#"{"check_id":1,"path":"a"}"#,
    ] {
        assert_eq!(sketch(odd, None, &mut Credentials::default()), None, "{odd}");
    }
}

#[test]
fn the_kind_is_what_only_results_of_it_have() {
    let check = |extra: &str, expect| {
        let result = format!(r#"{{"check_id":"r","path":"a","extra":{extra}}}"#);
        assert_eq!(sketch(&result, None, &mut Credentials::default()).unwrap().kind, expect, "{extra}");
    };
    check("{}", Kind::Sast);
    check(r#"{"validation_state":"NO_VALIDATOR"}"#, Kind::Sast);
    check(r#"{"validation_state":"CONFIRMED_INVALID"}"#, Kind::Secrets);
    check(r#"{"historical_info":{}}"#, Kind::Secrets);
    check(r#"{"metadata":{"product":"secrets"}}"#, Kind::Secrets);
    check(r#"{"metadata":{"product":"code","technology":["secrets"]}}"#, Kind::Sast);
    check(r#"{"sca_info":{},"validation_state":"CONFIRMED_VALID"}"#, Kind::Sca);
    check(r#"{"sca_info":null}"#, Kind::Sast);
    check(r#"{"sca_info":7}"#, Kind::Sast);
}

#[test]
fn versions_that_fix_are_read_as_they_are_written() {
    assert_eq!(fix("[]"), Fix::NoneKnown);
    for odd in ["", "{}", "7", "[7]", r#"[{"a":null},{"":"1"},{"b":""}]"#] {
        assert_eq!(fix(odd), Fix::NotSaid, "{odd}");
    }
    let Fix::Upgrades { upgrades } = fix(r#"[{"a":"1.2"},{"a":2,"b":"3"},7]"#) else { panic!() };
    let read: Vec<_> = upgrades.iter().map(|it| (it.package.as_str(), it.version.as_str())).collect();
    assert_eq!(read, [("a", "1.2"), ("a", "2"), ("b", "3")]);
}
