use std::{fs, path::Path};

use appsec_model::{Error, Scan};

use super::fetch_scan;
use crate::{
    Response, TransportError,
    fakes::{MemoryBucket, Vendor, status, with},
};

type Answer = Result<Response, TransportError>;

fn run(id: &str, answer: &Answer) -> (Result<Option<Scan>, Error>, Vec<String>) {
    let mut vendor = Vendor::new(|_| answer.clone());
    let mut bucket = MemoryBucket::configured(&serde_json::json!({}));
    let result = with(&mut vendor, &mut bucket, |outside| fetch_scan(id, outside));
    (result, vendor.asked)
}

fn body(body: impl Into<Vec<u8>>) -> Answer {
    Ok(Response { status: 200, body: body.into(), ..Response::default() })
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may read the fixtures and write the reviewed file")]
fn every_fixture_has_its_reviewed_result() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut changed = Vec::new();
    for entry in fs::read_dir(fixtures.join("api/scans")).unwrap() {
        let path = entry.unwrap().path();
        let (result, asked) = run("30000007", &body(fs::read(&path).unwrap()));
        assert_eq!(asked, ["/api/v1/deployments/1/scan/30000007"]);
        let text = format!("{:#}\n", serde_json::to_value(result.unwrap()).unwrap());
        let reviewed = fixtures.join("normalized/scans").join(path.file_name().unwrap());
        if fs::read_to_string(&reviewed).ok().as_deref() != Some(&text) {
            fs::create_dir_all(reviewed.parent().unwrap()).unwrap();
            fs::write(&reviewed, text).unwrap();
            changed.push(reviewed);
        }
    }
    assert!(changed.is_empty(), "results differed and are rewritten: review {changed:?} and run the tests again");
}

#[test]
fn a_scan_that_the_vendor_lacks_is_none() {
    assert_eq!(run("7", &status(404)).0, Ok(None));
}

#[test]
fn an_id_that_no_scan_has_is_not_asked_for() {
    for id in ["", "j4an6ro33aJM", "-1", "+1", "1/../2", "1?x", "٣", "99999999999999999999999"] {
        assert_eq!(run(id, &status(500)), (Ok(None), Vec::new()), "{id}");
    }
}

#[test]
fn other_answers_say_who_must_act() {
    let errors: Vec<String> = [
        status(401),
        status(403),
        status(429),
        status(502),
        body(""),
        body("{\"id\":7,\"meta\":{"),
        body("<html>"),
        body("[]"),
        body("{\"error\":\"x\"}"),
        Err(TransportError::Denied),
    ]
    .into_iter()
    .map(|answer| run("7", &answer).0.unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    unauthorized: Semgrep refused the token as wrong or expired
    forbidden: Semgrep does not let this token read scans of the deployment `1` (GET /api/v1/deployments/1/scan/7 answered 403)
    rate limited
    unavailable (HTTP 502): GET /api/v1/deployments/1/scan/7 failed
    unexpected answer of GET /api/v1/deployments/1/scan/7: the body is empty
    unavailable (HTTP 200): the body ends in the middle
    unexpected answer of GET /api/v1/deployments/1/scan/7: the body is an HTML page instead of JSON; is `origin` right?
    unexpected answer of GET /api/v1/deployments/1/scan/7: the body is JSON without a scan
    unexpected answer of GET /api/v1/deployments/1/scan/7: the body is JSON without a scan
    egress denied: https://semgrep.dev
    ");
}

#[test]
fn without_configure_there_is_no_deployment_to_ask() {
    let mut vendor = Vendor::new(|_| status(200));
    let result = with(&mut vendor, &mut MemoryBucket::default(), |outside| fetch_scan("7", outside));
    assert_eq!(result, Err(Error::not_configured()));
}
