use appsec_model::{Access, Error, ErrorCode};
use serde_json::{Value, json};

use super::configure;
use crate::{
    Outside, Response, TransportError,
    fakes::{MemoryBucket, Vendor, ok, parameter, status, with},
};

type Answer = Result<Response, TransportError>;

/// Configures against a vendor with these deployments, whose findings endpoint
/// answers by issue type.
fn run(
    settings: &Value,
    deployments: &Value,
    findings: impl Fn(&str) -> Answer,
) -> (String, MemoryBucket, Vec<String>) {
    let mut bucket = MemoryBucket::default();
    let mut vendor = Vendor::new(|path| match parameter(path, "issue_type") {
        Some(kind) => findings(kind),
        None if path.contains("/secrets") => findings("secrets"),
        None if path.contains("/dependencies") => findings("dependencies"),
        None => ok(&json!({ "deployments": deployments })),
    });
    let result = with(&mut vendor, &mut bucket, |outside| configure(&settings.to_string(), outside));
    let text = match result {
        Ok(connection) => serde_json::to_string_pretty(&connection).unwrap(),
        Err(error) => error.to_string(),
    };
    (text, bucket, vendor.asked)
}

fn acme() -> Value {
    json!([{ "id": 120, "slug": "acme", "name": "Acme", "findings": { "url": "https://semgrep.dev/" } }])
}

fn empty(_: &str) -> Answer {
    ok(&json!({ "findings": [] }))
}

#[test]
fn the_token_leads_to_its_deployment_and_kinds() {
    let (text, bucket, asked) = run(&json!({}), &acme(), empty);
    insta::assert_snapshot!(text, @r#"
    {
      "deployment": {
        "id": "120",
        "slug": "acme",
        "name": "Acme"
      },
      "kinds": [
        {
          "kind": "sast",
          "access": "readable"
        },
        {
          "kind": "sca",
          "access": "readable"
        }
      ],
      "deployment_wide": false,
      "diagnostics": []
    }
    "#);
    insta::assert_snapshot!(asked.join("\n"), @r"
    /api/v1/deployments
    /api/v1/deployments/acme/findings?issue_type=sast&page=0&page_size=100
    /api/v1/deployments/acme/findings?issue_type=sca&page=0&page_size=100
    ");
    insta::assert_snapshot!(String::from_utf8_lossy(&bucket.0["connection"]), @r#"{"version":1,"settings":{"branches":"primary","deployment":null,"duplicates":"per-ref","kinds":["sast","sca"],"origin":"https://semgrep.dev","page_size":1000},"deployment":{"id":"120","slug":"acme","name":"Acme"}}"#);
}

#[test]
fn every_kind_that_was_asked_for_is_tried_with_one_request() {
    let settings = json!({ "kinds": ["ai-sast", "secrets", "packages"] });
    let (text, _, asked) = run(&settings, &acme(), |kind| match kind {
        "dependencies" => ok(&json!({ "dependencies": [], "hasMore": false })),
        "secrets" => status(404),
        _ => empty(kind),
    });
    insta::assert_snapshot!(asked.join("\n"), @r#"
    /api/v1/deployments
    /api/v1/deployments/acme/findings?issue_type=ai_sast&page=0&page_size=100
    /api/v1/deployments/120/secrets?limit=100
    POST /api/v1/deployments/120/dependencies {"pageSize":100}
    "#);
    let connection: appsec_model::Connection = serde_json::from_str(&text).unwrap();
    let access = connection.kinds.iter().map(|it| format!("{} {:?}", it.kind, it.access)).collect::<Vec<_>>();
    insta::assert_snapshot!(access.join("\n"), @r#"
    ai-sast Readable
    secrets Denied { reason: "GET /api/v1/deployments/120/secrets answered 404: the token lacks the Web API scope (Semgrep hides what it protects), or the origin or the deployment's slug is wrong" }
    packages Readable
    "#);
}

#[test]
fn a_refused_kind_is_knowledge_and_not_an_error() {
    for code in [403, 404] {
        let findings = |kind: &str| if kind == "sca" { status(code) } else { empty(kind) };
        let (text, bucket, _) = run(&json!({ "branches": "all" }), &acme(), findings);
        assert!(text.contains("\"denied\"") && text.contains("\"readable\""), "{text}");
        assert!(text.contains("\"deployment_wide\": true"), "{text}");
        assert!(!bucket.0.is_empty());
    }
}

#[test]
fn the_deployment_must_be_the_one_that_was_named() {
    let named = json!({ "deployment": "acme-corp" });
    let two = json!([{ "id": 1, "slug": "a" }, { "id": 2, "slug": "b" }]);
    let texts = [
        run(&named, &acme(), empty).0,
        run(&named, &json!([]), empty).0,
        run(&json!({}), &json!([]), empty).0,
        run(&json!({}), &two, empty).0,
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    no deployment `acme-corp`, did you mean `acme`?
    no deployment: the token is right, but Semgrep shows it none: its organization has no deployment, or none that is active
    no deployment: the token is right, but Semgrep shows it none: its organization has no deployment, or none that is active
    invalid settings: `deployment` must name one of the deployments that the token sees: a, b
    ");
    assert!(run(&json!({ "deployment": "b" }), &two, empty).0.contains("\"slug\": \"b\""));
}

#[test]
fn nothing_is_remembered_after_an_error() {
    let before = MemoryBucket::configured(&json!({}));
    for answer in [status(401), status(404), status(429), status(502), Err(TransportError::Denied)] {
        let mut bucket = before.clone();
        let mut vendor = Vendor::new(|_| answer.clone());
        let error = with(&mut vendor, &mut bucket, |outside| configure("{}", outside)).unwrap_err();
        assert_eq!(bucket, before, "{error}");
    }
    let (text, bucket, _) = run(&json!({}), &acme(), |_| status(429));
    assert_eq!((text.as_str(), bucket), ("rate limited", MemoryBucket::default()));
}

#[test]
fn bad_settings_and_a_missing_token_ask_the_vendor_nothing() {
    let mut vendor = Vendor::new(|_| status(200));
    let mut bucket = MemoryBucket::default();
    let error = with(&mut vendor, &mut bucket, |outside| configure(r#"{"page_size":1}"#, outside)).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidSettings);
    let mut outside = Outside { transport: &mut vendor, bucket: &mut bucket, secret: None };
    let error = configure("{}", &mut outside).unwrap_err();
    insta::assert_snapshot!(error, @"unauthorized: no token: set SEMGREP_APP_TOKEN to an API token with the Web API scope");
    assert!(vendor.asked.is_empty());
}

#[test]
fn an_answer_that_is_not_the_api_s_is_named() {
    let check = |response: Answer| {
        let mut vendor = Vendor::new(|_| response.clone());
        with(&mut vendor, &mut MemoryBucket::default(), |outside| configure("{}", outside)).unwrap_err()
    };
    let body = |body: &str| Ok(Response { status: 200, body: body.into(), ..Response::default() });
    let errors: Vec<String> = [
        body(""),
        body("{}"),
        body("<!doctype html>"),
        body("{\"deployments\":[{\"id\":1,"),
        body("\"no such token sgp_0123\""),
        body("[[{\"id\":1,\"slug\":\"a\"}]]"),
        body("{\"deployments\":[{\"id\":1,\"slug\":\"a/../..\"}]}"),
        body("{\"deployments\":[{\"id\":\"..\",\"slug\":\"a\"}]}"),
        Ok(Response { status: 200, body: vec![0xff, 0xfe], ..Response::default() }),
        Err(TransportError::Timeout("waiting for the answer".into())),
        Err(TransportError::Connect("refused".into())),
        Err(TransportError::Cut("the connection ended with sgp_0123".into())),
        Err(TransportError::TooLarge(64)),
        Err(TransportError::Denied),
    ]
    .into_iter()
    .map(|response| check(response).to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    unexpected answer of GET /api/v1/deployments: the body is empty
    unexpected answer of GET /api/v1/deployments: the body is not the promised JSON: missing field `deployments` at line 1 column 2
    unexpected answer of GET /api/v1/deployments: the body is an HTML page instead of JSON; is `origin` right?
    unavailable (HTTP 200): the body ends in the middle
    unexpected answer of GET /api/v1/deployments: the body is not the promised JSON: invalid type: string "no such token [secret]", expected an object at line 1 column 24
    unexpected answer of GET /api/v1/deployments: the body is not the promised JSON: invalid type: sequence, expected an object at line 1 column 0
    unexpected answer of GET /api/v1/deployments: a deployment's id or slug leads out of its address
    unexpected answer of GET /api/v1/deployments: a deployment's id or slug leads out of its address
    unexpected answer of GET /api/v1/deployments: the body is not UTF-8
    unavailable: no answer in time: waiting for the answer
    unavailable: no connection to https://semgrep.dev: refused
    unavailable: the answer was cut off: the connection ended with [secret]
    limit exceeded: an answer of more than 64 bytes; a smaller `page_size` makes answers smaller
    egress denied: https://semgrep.dev
    "#);
    assert!(matches!(check(status(404)), Error { code: ErrorCode::MissingScope, .. }));
}

#[test]
fn access_names_the_reason() {
    let (text, ..) = run(&json!({ "kinds": ["sca"] }), &acme(), |_| status(403));
    let connection: appsec_model::Connection = serde_json::from_str(&text).unwrap();
    let Access::Denied { reason } = &connection.kinds[0].access else { panic!("{text}") };
    assert_eq!(
        reason,
        "Semgrep does not let this token read `sca` of the deployment `acme` (GET /api/v1/deployments/acme/findings answered 403)"
    );
}
