use std::sync::{Arc, atomic::Ordering};

use appsec_model::{OauthAuthentication, OauthClient, OauthGrant, SecretPlacement};
use bytes::Bytes;
use futures_util::FutureExt;
use http::Request;
use http_body_util::{BodyExt, Empty};
use wasmtime_wasi_http::{Error as HttpError, Result as HttpResult};

use super::{GrantedSecret, HttpGrant, HttpHooks, TokenFailure, Tokens, Waits, send};
use crate::{
    capability::{
        oauth::{KeepRefreshToken, TokenCache, TokenProblem},
        transport::{Transport, tls_config},
    },
    limits::Limits,
    receiver::{Received, Receiver},
};
use appsec_grant::{Addresses, EgressPolicy, Secret};

fn granted(variable: &str, secret: &str, placement: SecretPlacement) -> GrantedSecret {
    GrantedSecret::new(variable.to_owned(), Secret::typed(secret).unwrap(), placement).unwrap()
}

/// What may reach these origins.
fn grant(origins: &[&Receiver], secrets: Vec<GrantedSecret>) -> HttpGrant {
    let mut policy = EgressPolicy::default();
    for server in origins {
        policy.grant(server.origin.parse().unwrap(), Addresses::Private);
    }
    let transport = Arc::new(Transport::new(tls_config().unwrap(), &Limits::default()));
    HttpGrant { policy: Arc::new(policy), transport, proxies: Arc::default(), secrets, tokens: None }
}

/// Sends a request with this header; what the guest gets, and what was noted.
async fn sent(grant: &HttpGrant, url: &str, header: (&str, &str)) -> (HttpResult<String>, HttpHooks) {
    let limits = Limits::default();
    let hooks = HttpHooks::new(Some(grant.clone()), &limits);
    let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(url).header(header.0, header.1).body(body).unwrap();
    let prepared = hooks.prepare(request).unwrap();
    let answer = send(prepared, Waits::new(&limits, None), 1_000, hooks.usage().clone(), "it").await;
    let answer = match answer {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            Ok(format!("{status} {}", String::from_utf8_lossy(&body)))
        }
        Err(error) => Err(error),
    };
    (answer, hooks)
}

#[tokio::test]
async fn an_encoded_answer_is_refused_before_it_is_read() {
    let answers = ["200 OK\ncontent-encoding: gzip\n\nreal-token", "200 OK\ncontent-encoding: identity\n\nreal-token"];
    let server = Receiver::answering(&answers).await;
    let grant = grant(&[&server], vec![granted("TOKEN", "real-token", SecretPlacement::Bearer)]);
    // What the guest asks for makes no difference.
    let asked = ("accept-encoding", "gzip, br");
    let (refused, hooks) = sent(&grant, &server.origin, asked).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, HttpError::HttpResponseContentCoding(Some(coding)) if coding == "gzip"));
    assert_eq!(hooks.usage().encoded.get().unwrap(), "gzip");
    assert_eq!(sent(&grant, &server.origin, asked).await.0.unwrap(), "200 **********");
    assert!(server.received().iter().all(|it| it.header("accept-encoding") == Some("identity")));
}

const CLIENT_ID: &str = "client-id";
const CLIENT_SECRET: &str = "client+secret";

fn with_client(grant_type: OauthGrant) -> OauthClient {
    OauthClient {
        variable: "ACCESS".to_owned(),
        grant: grant_type,
        token_url: "https://vendor.example/oauth/token".to_owned(),
        scope: Some("read all".to_owned()),
        authentication: match grant_type {
            OauthGrant::ClientCredentials => OauthAuthentication::Basic,
            OauthGrant::RefreshToken => OauthAuthentication::Body,
        },
    }
}

/// What reaches a vendor with access tokens of this endpoint.
fn with_tokens(endpoint: &Receiver, vendor: &Receiver, grant_type: OauthGrant, cache: &TokenCache) -> HttpGrant {
    let client = with_client(grant_type);
    let secrets = vec![
        granted("ID", CLIENT_ID, SecretPlacement::OauthClientId),
        granted("SECRET", CLIENT_SECRET, SecretPlacement::OauthClientSecret),
        granted("REFRESH", "refresh-token-1", SecretPlacement::OauthRefreshToken),
    ];
    let url = format!("{}/oauth/token", endpoint.origin).parse().unwrap();
    let tokens = Tokens::new(&client, url, &secrets, cache.clone(), None).unwrap();
    HttpGrant { tokens: Some(tokens), ..grant(&[endpoint, vendor], secrets) }
}

async fn asked(grant: &HttpGrant, vendor: &Receiver) -> (HttpResult<String>, Option<TokenFailure>) {
    let bearer = format!("Bearer {}", grant.tokens.as_ref().unwrap().placeholder());
    let (answer, hooks) = sent(grant, &format!("{}/api", vendor.origin), ("authorization", &bearer)).await;
    (answer, hooks.usage().token.get().cloned())
}

fn bearers(vendor: &Receiver) -> Vec<String> {
    let bearer = |it: &Received| it.header("authorization").unwrap().to_owned();
    vendor.received().iter().map(bearer).collect()
}

fn token(token: &str, expires_in: u32) -> String {
    format!(
        r#"200 OK

{{"access_token":"{token}","token_type":"Bearer","expires_in":{expires_in}}}"#
    )
}

#[tokio::test]
async fn an_access_token_is_asked_for_once_and_no_guest_sees_it() {
    let endpoint = Receiver::answering(&[&token("access-token-1", 3_600)]).await;
    let vendor = Receiver::answering(&["200 OK\n\naccess-token-1 client+secret"; 3]).await;
    let cache = TokenCache::default();
    for _ in 0..3 {
        // Each call has a grant of its own.
        let grant = with_tokens(&endpoint, &vendor, OauthGrant::ClientCredentials, &cache);
        assert_eq!(asked(&grant, &vendor).await.0.unwrap(), "200 ************** *************");
    }
    assert_eq!(bearers(&vendor), ["Bearer access-token-1"; 3]);
    let received = endpoint.received();
    assert_eq!(received.len(), 1);
    assert!(received[0].head.starts_with("POST /oauth/token "));
    // The form of RFC 6749, section 2.3.1: each part is encoded, then both.
    assert_eq!(received[0].header("authorization").unwrap(), "Basic Y2xpZW50LWlkOmNsaWVudCUyQnNlY3JldA==");
    assert_eq!(received[0].body, "grant_type=client_credentials&scope=read+all");
}

#[tokio::test]
async fn another_clients_access_token_is_not_used() {
    let endpoint = Receiver::answering(&[&token("access-token-1", 3_600), &token("access-token-2", 3_600)]).await;
    let vendor = Receiver::answering(&["200 OK\n\n"; 3]).await;
    let cache = TokenCache::default();
    let first = with_tokens(&endpoint, &vendor, OauthGrant::ClientCredentials, &cache);
    asked(&first, &vendor).await.0.unwrap();
    // The operator has given another secret.
    let mut secrets = first.secrets.clone();
    secrets[1].secret = Secret::typed("another-secret").unwrap();
    let client = with_client(OauthGrant::ClientCredentials);
    let url = format!("{}/oauth/token", endpoint.origin).parse().unwrap();
    let tokens = Some(Tokens::new(&client, url, &secrets, cache, None).unwrap());
    let second = HttpGrant { tokens, ..first.clone() };
    asked(&second, &vendor).await.0.unwrap();
    // Nor is its own one lost.
    asked(&first, &vendor).await.0.unwrap();
    assert_eq!(bearers(&vendor), ["Bearer access-token-1", "Bearer access-token-2", "Bearer access-token-1"]);
}

#[tokio::test]
async fn a_token_that_has_ended_is_renewed_with_the_newest_refresh_token() {
    let second = r#"200 OK

{"access_token":"access-token-1","expires_in":0,"refresh_token":"refresh-token-2"}"#;
    let endpoint = Receiver::answering(&[second, &token("access-token-2", 3_600)]).await;
    let vendor = Receiver::answering(&["200 OK\n\n"; 3]).await;
    let grant = with_tokens(&endpoint, &vendor, OauthGrant::RefreshToken, &TokenCache::default());
    for _ in 0..3 {
        asked(&grant, &vendor).await.0.unwrap();
    }
    assert_eq!(bearers(&vendor), ["Bearer access-token-1", "Bearer access-token-2", "Bearer access-token-2"]);
    let bodies: Vec<_> = endpoint.received().into_iter().map(|it| it.body).collect();
    assert_eq!(
        bodies,
        [
            "grant_type=refresh_token&refresh_token=refresh-token-1&scope=read+all&client_id=client-id&client_secret=client%2Bsecret",
            "grant_type=refresh_token&refresh_token=refresh-token-2&scope=read+all&client_id=client-id&client_secret=client%2Bsecret",
        ]
    );
}

#[tokio::test]
async fn a_refresh_token_that_was_replaced_is_kept_though_nobody_waits() {
    let first = r#"200 OK

{"access_token":"access-token-1","expires_in":3600,"refresh_token":"refresh-token-2"}"#;
    let endpoint = Receiver::answering(&[first]).await;
    let vendor = Receiver::answering(&["200 OK\n\n"; 2]).await;
    let cache = TokenCache::default();
    let (told, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let with = |refresh: &str| {
        let grant = with_tokens(&endpoint, &vendor, OauthGrant::RefreshToken, &cache);
        let mut secrets = grant.secrets.clone();
        secrets[2].secret = Secret::typed(refresh).unwrap();
        let told = told.clone();
        let keep: KeepRefreshToken = Arc::new(move |before, after| {
            told.send([before, after].map(|it| it.reveal().to_owned())).map_err(|error| error.to_string())
        });
        let url = format!("{}/oauth/token", endpoint.origin).parse().unwrap();
        let tokens = Tokens::new(&with_client(OauthGrant::RefreshToken), url, &secrets, cache.clone(), Some(keep));
        HttpGrant { tokens: Some(tokens.unwrap()), ..grant }
    };
    let grant = with("refresh-token-1");
    // Whoever asks goes away as soon as the exchange has begun.
    let tokens = grant.tokens.clone().unwrap();
    assert!(tokens.get(grant.network(), None).now_or_never().is_none());
    assert_eq!(kept.recv().await.unwrap(), ["refresh-token-1", "refresh-token-2"]);
    // With the one before and with the one that was kept it is the same token.
    for refresh in ["refresh-token-1", "refresh-token-2"] {
        assert_eq!(asked(&with(refresh), &vendor).await.0.unwrap(), "200 ");
    }
    assert_eq!(endpoint.received().len(), 1);
}

#[tokio::test]
async fn a_token_that_the_vendor_refuses_is_renewed_once() {
    let (first, second) = (token("access-token-1", 3_600), token("access-token-2", 3_600));
    let endpoint = Receiver::answering(&[&first, &second]).await;
    let vendor =
        Receiver::answering(&["200 OK\n\n", "401 Unauthorized\n\n", "401 Unauthorized\n\n", "200 OK\n\n"]).await;
    let grant = with_tokens(&endpoint, &vendor, OauthGrant::ClientCredentials, &TokenCache::default());
    assert_eq!(asked(&grant, &vendor).await.0.unwrap(), "200 ");
    // With the second one refused as well, that is the vendor's answer.
    assert_eq!(asked(&grant, &vendor).await.0.unwrap(), "401 ");
    assert_eq!(bearers(&vendor), ["Bearer access-token-1", "Bearer access-token-1", "Bearer access-token-2"]);
    assert_eq!(endpoint.received().len(), 2);
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_named_and_nothing_is_sent_to_the_vendor() {
    let answers = [
        "401 Unauthorized\n\n{\"error\":\"invalid_client\",\"error_description\":\"client+secret is wrong\"}",
        "200 OK\n\n{\"error\":\"invalid_grant\"}",
        "503 Service Unavailable\n\n",
        "200 OK\n\n<html>",
        "200 OK\n\n{\"token_type\":\"bearer\"}",
        "200 OK\n\n{\"access_token\":\"a-long-token\",\"token_type\":\"mac\"}",
        "302 Found\nlocation: https://elsewhere.example\n\n",
    ];
    let endpoint = Receiver::answering(&answers).await;
    let vendor = Receiver::answering(&[]).await;
    let grant = with_tokens(&endpoint, &vendor, OauthGrant::ClientCredentials, &TokenCache::default());
    let mut told = Vec::new();
    for _ in answers {
        let (answer, failure) = asked(&grant, &vendor).await;
        assert!(matches!(answer.unwrap_err(), HttpError::ConnectionRefused));
        let failure = failure.unwrap();
        told.push(format!("{:?}: {failure}", failure.problem).replace(&endpoint.origin, "[endpoint]"));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    Refused: no access token from [endpoint]/oauth/token: the credentials are refused (HTTP 401, invalid_client)
    Refused: no access token from [endpoint]/oauth/token: the credentials are refused (HTTP 200, invalid_grant)
    Unavailable: no access token from [endpoint]/oauth/token: HTTP 503
    Protocol: no access token from [endpoint]/oauth/token: an answer that is not the promised JSON
    Protocol: no access token from [endpoint]/oauth/token: an answer without an access token
    Protocol: no access token from [endpoint]/oauth/token: a token that is no bearer token
    Protocol: no access token from [endpoint]/oauth/token: HTTP 302
    ");
    assert!(vendor.received().is_empty());
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_granted_is_not_asked() {
    let (endpoint, vendor) = (Receiver::answering(&[]).await, Receiver::answering(&[]).await);
    let with = with_tokens(&endpoint, &vendor, OauthGrant::ClientCredentials, &TokenCache::default());
    let grant = HttpGrant { tokens: with.tokens.clone(), ..grant(&[&vendor], with.secrets.clone()) };
    let failure = asked(&grant, &vendor).await.1.unwrap();
    assert_eq!(failure.problem, TokenProblem::Protocol);
    assert!(failure.what.ends_with("is not granted to this instance"), "{failure}");
    assert!(endpoint.received().is_empty() && vendor.received().is_empty());
}

#[tokio::test]
async fn credentials_of_basic_are_masked_as_they_are_encoded() {
    // `user-1:real-password` and `guest:real-password`.
    let (both, other) = ("dXNlci0xOnJlYWwtcGFzc3dvcmQ=", "Z3Vlc3Q6cmVhbC1wYXNzd29yZA==");
    let vendor = Receiver::answering(&[&format!("200 OK\n\n{both}"), &format!("200 OK\n\n{other}")]).await;
    let user = granted("NAME", "user-1", SecretPlacement::BasicUser);
    let password = granted("PASSWORD", "real-password", SecretPlacement::BasicPassword);
    let as_sent = |user: &str| {
        let both = format!("{user}:{}", password.placeholder);
        format!("Basic {}", data_encoding::BASE64.encode(both.as_bytes()))
    };
    for (user, secrets) in
        [(user.placeholder.as_str(), vec![user.clone(), password.clone()]), ("guest", vec![password.clone()])]
    {
        let grant = grant(&[&vendor], secrets);
        let answer = sent(&grant, &vendor.origin, ("authorization", &as_sent(user))).await.0.unwrap();
        assert_eq!(answer, "200 ****************************");
    }
    let sent: Vec<_> = vendor.received().iter().map(|it| it.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, [both, other].map(|it| format!("Basic {it}")));
    // So is what a guest logs.
    let forms = crate::capability::credential::forms(&[user, password]);
    assert!(forms.iter().any(|it| it.reveal() == both));
}

#[tokio::test]
async fn a_secret_of_the_query_reaches_the_vendor_and_not_the_guest() {
    let echo = "200 OK\nx-asked: /a?api_key=real%2Btoken%267\n\nreal%2Btoken%267";
    let vendor = Receiver::answering(&[echo]).await;
    let secret = granted("KEY", "real+token&7", SecretPlacement::Query("api_key".to_owned()));
    let url = format!("{}/a?api_key={}", vendor.origin, secret.placeholder);
    let grant = grant(&[&vendor], vec![secret]);
    let (answer, hooks) = sent(&grant, &url, ("accept", "*/*")).await;
    assert_eq!(answer.unwrap(), "200 ****************");
    assert!(vendor.received()[0].head.starts_with("GET /a?api_key=real%2Btoken%267 "));
    assert_eq!(hooks.usage().requests.load(Ordering::Relaxed), 1);
}
