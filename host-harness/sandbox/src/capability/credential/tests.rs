use appsec_model::{SecretHeader, SecretPlacement};
use data_encoding::BASE64;
use http::{Request, header::AUTHORIZATION, request::Parts};
use proptest::prelude::*;

use super::{Foreign, GrantedSecret, encoded, put_in};
use appsec_grant::Secret;

const VALUE: &str = "real+token&7";

fn granted(placement: SecretPlacement) -> GrantedSecret {
    GrantedSecret::new("TOKEN".to_owned(), Secret::typed(VALUE).unwrap(), placement).unwrap()
}

fn header(name: &str, template: &str) -> SecretPlacement {
    SecretPlacement::Header(SecretHeader { name: name.to_owned(), template: template.to_owned() })
}

/// A request as it leaves.
fn sent(path: &str, headers: &[(&str, &str)], secrets: &[GrantedSecret]) -> Result<Parts, Foreign> {
    let request = Request::get(format!("https://vendor.example{path}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    put_in(&mut parts, secrets, None).map(|_| parts)
}

fn value<'a>(parts: &'a Parts, name: &str) -> &'a str {
    assert!(parts.headers[name].is_sensitive());
    parts.headers[name].to_str().unwrap()
}

#[test]
fn the_placeholder_becomes_the_secret_and_is_marked_as_sensitive() {
    let secret = granted(SecretPlacement::Bearer);
    let parts = sent("/", &[("authorization", &format!("Bearer {}", secret.placeholder))], &[secret]).unwrap();
    assert_eq!(value(&parts, "authorization"), format!("Bearer {VALUE}"));
}

#[test]
fn any_other_authorization_is_refused() {
    let secret = granted(SecretPlacement::Bearer);
    let good = format!("Bearer {}", secret.placeholder);
    for values in [
        &["Bearer guessed"][..],
        &["Basic dXNlcjpwYXNz"],
        &[&format!("bearer {}", secret.placeholder)],
        &[&format!("Token {}", secret.placeholder)],
        &[&good, &good],
    ] {
        let headers: Vec<_> = values.iter().map(|value| ("authorization", *value)).collect();
        let refused = sent("/", &headers, std::slice::from_ref(&secret)).unwrap_err();
        assert_eq!(refused, Foreign::Header(AUTHORIZATION), "{values:?}");
    }
    assert!(sent("/", &[("authorization", &good)], &[]).is_err());
    assert!(sent("/", &[], &[secret]).unwrap().headers.is_empty());
}

#[test]
fn a_header_of_any_name_holds_the_secret_where_the_manifest_says() {
    let own = granted(header("X-Api-Key", "{secret}"));
    let token = granted(header("Authorization", "Token {secret}"));
    let (key, authorization) = (own.placeholder.clone(), format!("Token {}", token.placeholder));
    let secrets = [own, token];
    let parts = sent("/", &[("x-api-key", &key), ("authorization", &authorization)], &secrets).unwrap();
    assert_eq!(value(&parts, "x-api-key"), VALUE);
    assert_eq!(value(&parts, "authorization"), format!("Token {VALUE}"));
    for (name, wrong) in [
        ("x-api-key", "guessed"),
        ("x-api-key", authorization.as_str()),
        ("authorization", key.as_str()),
        ("authorization", &format!("Bearer {key}")),
    ] {
        assert!(sent("/", &[(name, wrong)], &secrets).is_err(), "{name}: {wrong}");
    }
    // Elsewhere it is a text like any other.
    let parts = sent("/", &[("x-other", &key)], &secrets).unwrap();
    assert_eq!(parts.headers["x-other"], key);
}

#[test]
fn user_and_password_are_two_secrets_or_one() {
    let (user, password) = (granted(SecretPlacement::BasicUser), granted(SecretPlacement::BasicPassword));
    let with = |user: &str, password: &str| format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()));
    let (it, that) = (user.placeholder.clone(), password.placeholder.clone());
    let sent = |value: &str, secrets: &[GrantedSecret]| {
        sent("/", &[("authorization", value)], secrets).map(|parts| value_of(&parts))
    };
    let both = [user.clone(), password.clone()];
    assert_eq!(sent(&with(&it, &that), &both).unwrap(), with(VALUE, VALUE));
    assert_eq!(sent(&with(&it, ""), std::slice::from_ref(&user)).unwrap(), with(VALUE, ""));
    assert_eq!(sent(&with("me", &that), std::slice::from_ref(&password)).unwrap(), with("me", VALUE));
    for (value, secrets) in [
        (with(&that, &it), &both[..]),
        (with(&it, "guessed"), &both),
        (with(&it, "own"), std::slice::from_ref(&user)),
        (with("me", "own"), std::slice::from_ref(&password)),
        (format!("Basic {it}"), &both),
    ] {
        assert!(sent(&value, secrets).is_err(), "{value}");
    }
}

fn value_of(parts: &Parts) -> String {
    value(parts, "authorization").to_owned()
}

#[test]
fn a_parameter_of_the_query_is_replaced_however_its_name_is_spelled() {
    let secret = granted(SecretPlacement::Query("api_key".to_owned()));
    let placeholder = secret.placeholder.clone();
    let secrets = [secret];
    let path = |path: &str| sent(path, &[], &secrets).map(|parts| parts.uri.to_string());
    let secret = encoded(VALUE);
    assert_eq!(
        path(&format!("/a?page=1&api_key={placeholder}&x")).unwrap(),
        format!("https://vendor.example/a?page=1&api_key={secret}&x")
    );
    assert_eq!(
        path(&format!("/a?api%5Fkey={placeholder}")).unwrap(),
        format!("https://vendor.example/a?api%5Fkey={secret}")
    );
    assert_eq!(path("/a?page=1").unwrap(), "https://vendor.example/a?page=1");
    for wrong in [
        "/a?api_key=own".to_owned(),
        "/a?API_KEY=own".to_owned(),
        "/a?%61pi_key=own".to_owned(),
        "/a?api_key".to_owned(),
        format!("/a?api_key={placeholder}x"),
        format!("/a?api_key={placeholder}&api_key={placeholder}"),
    ] {
        assert_eq!(path(&wrong).unwrap_err(), Foreign::Parameter("api_key".to_owned()), "{wrong}");
    }
}

#[test]
fn no_two_placeholders_are_equal() {
    assert_ne!(granted(SecretPlacement::Bearer).placeholder, granted(SecretPlacement::Bearer).placeholder);
}

proptest! {
    /// Whatever a guest sends, the secret is only where the manifest has it.
    #[test]
    fn the_secret_stands_nowhere_else(name in "x-[a-z]{1,4}|authorization", before in "[ -~]{0,8}", query in "[a-z&=]{0,12}") {
        let secret = granted(header("X-Key", "{secret}"));
        let value = format!("{before}{}", secret.placeholder);
        let path = format!("/a?{query}{}", secret.placeholder);
        if let Ok(parts) = sent(&path, &[(name.as_str(), value.trim())], std::slice::from_ref(&secret)) {
            prop_assert!(!parts.uri.to_string().contains(&encoded(VALUE)));
            for (found, value) in &parts.headers {
                prop_assert_eq!(value.to_str().unwrap().contains(VALUE), found == "x-key", "{}", found);
            }
        }
    }
}
