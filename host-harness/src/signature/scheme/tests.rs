use http::HeaderValue;

use super::*;
use appsec_grant::SecretSource;

const NOW: i64 = 1_700_000_000;

fn secret() -> Secret {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "what_do_ya_want_for_nothing?").unwrap();
    SecretSource::File { path }.read().unwrap()
}

fn scheme(encoding: SignatureEncoding, prefix: &str, timestamp: Option<&str>) -> WebhookScheme {
    WebhookScheme {
        signature_header: "X-Any-Signature".to_owned(),
        algorithm: SignatureAlgorithm::HmacSha256,
        encoding,
        prefix: prefix.to_owned(),
        timestamp_header: timestamp.map(str::to_owned),
        description: String::new(),
    }
}

fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in of {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// The signature of a text under the secret of these tests, in hex; made with
/// `openssl dgst -sha256 -hmac KEY`.
const OF_BODY: &str = "7e988b28793cbfd14aaa93b3b8579ac1289effdc72f37e70d1c903358fbe50be";
const OF_TIMED: &str = "5c800d5e339a21bf9802082be8dee2eead0902d8542d8b81ec9090d115c338b0";

#[test]
fn a_signature_over_the_raw_body_is_taken_in_either_case_of_hex() {
    let verifier = Verifier::new(&scheme(SignatureEncoding::Hex, "", None), &secret()).unwrap();
    let hash = verifier.check(&headers(&[("x-any-signature", OF_BODY)]), b"{\"a\": 1}", NOW).unwrap();
    let upper = OF_BODY.to_uppercase();
    assert_eq!(verifier.check(&headers(&[("x-any-signature", &upper)]), b"{\"a\": 1}", NOW), Some(hash));
    // The body as it came, not as JSON.
    assert_eq!(verifier.check(&headers(&[("x-any-signature", OF_BODY)]), b"{\"a\":1}", NOW), None);
}

#[test]
fn anything_else_than_the_one_right_signature_is_refused() {
    let verifier = Verifier::new(&scheme(SignatureEncoding::Hex, "", None), &secret()).unwrap();
    let cut = &OF_BODY[..62];
    let longer = format!("{OF_BODY}00");
    let prefixed = format!("sha256={OF_BODY}");
    let wrong = format!("{}0", &OF_BODY[..63]);
    let zeros = "0".repeat(64);
    for bad in ["", cut, &longer, &prefixed, &wrong, &zeros, "x", "é"] {
        assert_eq!(verifier.check(&headers(&[("x-any-signature", bad)]), b"{\"a\": 1}", NOW), None, "{bad}");
    }
    assert_eq!(verifier.check(&HeaderMap::new(), b"{\"a\": 1}", NOW), None);
    let twice = headers(&[("x-any-signature", OF_BODY), ("x-any-signature", OF_BODY)]);
    assert_eq!(verifier.check(&twice, b"{\"a\": 1}", NOW), None);
    let nobody = Verifier::nobody().unwrap();
    assert_eq!(nobody.check(&headers(&[("signature", OF_BODY)]), b"{\"a\": 1}", NOW), None);
}

#[test]
fn a_time_is_signed_with_the_body_and_must_be_near() {
    let scheme = scheme(SignatureEncoding::Base64, "v0=", Some("X-Any-Time"));
    let verifier = Verifier::new(&scheme, &secret()).unwrap();
    let signature = format!("v0={}", BASE64.encode(&HEXLOWER_PERMISSIVE.decode(OF_TIMED.as_bytes()).unwrap()));
    let at = |time: &str, now| {
        verifier.check(&headers(&[("x-any-signature", &signature), ("x-any-time", time)]), b"{\"a\": 1}", now).is_some()
    };
    assert!(at("1700000000", NOW) && at("1700000000", NOW + 300) && at("1700000000", NOW - 300));
    assert!(!at("1700000000", NOW + 301) && !at("1700000000", NOW - 301));
    assert!(!at("1700000001", NOW) && !at("", NOW) && !at("soon", NOW));
    assert!(verifier.check(&headers(&[("x-any-signature", &signature)]), b"{\"a\": 1}", NOW).is_none());
}

#[test]
fn a_scheme_that_this_host_does_not_know_is_refused_by_name() {
    let unknown = WebhookScheme { algorithm: "ed25519".into(), ..scheme(SignatureEncoding::Hex, "", None) };
    assert!(matches!(Verifier::new(&unknown, &secret()), Err(WebhookError::Algorithm(name)) if name == "ed25519"));
    let header = WebhookScheme { signature_header: "no header".to_owned(), ..scheme(SignatureEncoding::Hex, "", None) };
    assert!(matches!(Verifier::new(&header, &secret()), Err(WebhookError::Header(_))));
}
