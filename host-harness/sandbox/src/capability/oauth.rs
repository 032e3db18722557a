//! Access tokens by OAuth 2.0 (RFC 6749): asked for by the host, kept in its
//! memory, and renewed when they end or the vendor refuses one. A guest sees
//! what stands for the token, and nothing of what it is asked for with.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use appsec_model::{OauthAuthentication, OauthClient, OauthGrant, SecretPlacement};
use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};
use url::{Url, form_urlencoded};
use wasmtime_wasi_http::WasiBody;

use crate::capability::{
    credential::{GrantedSecret, placeholder},
    transport::{RequestError, Transport},
};
use appsec_grant::{EgressPolicy, Origin, Proxies, Secret};

/// Longest time for a token.
const ASK_TIME: Duration = Duration::from_secs(30);

/// Largest answer of a token endpoint.
const ANSWER_BYTES: usize = 64 << 10;

/// A token that ends so soon is renewed before: a request takes its time.
const MARGIN: Duration = Duration::from_secs(30);

/// Where the access token of an instance comes from. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    placeholder: String,
    of: Of,
    /// The operator's refresh token.
    refresh: Option<Secret>,
    cache: TokenCache,
    keep: Option<KeepRefreshToken>,
}

/// Who asks for tokens, and where: others need tokens of their own.
#[derive(Clone, Eq, PartialEq)]
struct Of {
    client: OauthClient,
    url: Url,
    id: Option<Secret>,
    secret: Option<Secret>,
}

/// Keeps a refresh token that the vendor gives in the place of another one, which
/// comes first; says why it cannot.
pub type KeepRefreshToken = Arc<dyn Fn(&Secret, &Secret) -> Result<(), String> + Send + Sync>;

/// The access tokens of an instance between its calls.
#[derive(Clone, Default)]
pub struct TokenCache(Arc<Mutex<Vec<Held>>>);

/// Tokens that a cache holds: more are no longer used.
const HELD: usize = 8;

struct Held {
    of: Of,
    token: Secret,
    ends: Option<Instant>,
    /// The operator's refresh token and those that came after it, where the vendor
    /// gives another one with each access token: the last one counts.
    refresh: Vec<Secret>,
}

impl Held {
    /// Whether it is the token of a client. The operator's refresh token is another
    /// one by now, where a later one was kept.
    fn is_of(&self, inner: &Inner) -> bool {
        self.of == inner.of && inner.refresh.as_ref().is_none_or(|own| self.refresh.contains(own))
    }
}

/// Why there is no access token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenFailure {
    /// What sort of failure it is.
    pub problem: TokenProblem,
    /// The token endpoint.
    pub url: String,
    /// What happened, in words.
    pub what: String,
}

/// Who must act.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenProblem {
    /// The credentials are wrong or no longer valid.
    Refused,
    /// There is no answer, or one that asks to come again later.
    Unavailable,
    /// The answer is not that of a token endpoint, or its origin is not granted.
    Protocol,
}

impl fmt::Display for TokenFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "no access token from {}: {}", self.url, self.what)
    }
}

impl std::error::Error for TokenFailure {}

/// What the token endpoint is reached by: the same as the vendor.
pub(super) struct Network {
    pub policy: Arc<EgressPolicy>,
    pub transport: Arc<Transport>,
    pub proxies: Arc<Proxies>,
}

/// What a token endpoint answers.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<f64>,
    refresh_token: Option<String>,
    error: Option<String>,
}

impl Tokens {
    /// The tokens of a client, asked for at the endpoint `url` with those of the
    /// secrets that are for it. Refresh tokens that come after the operator's are
    /// given to `keep`; without it they are those of this process.
    pub fn new(
        client: &OauthClient,
        url: Url,
        secrets: &[GrantedSecret],
        cache: TokenCache,
        keep: Option<KeepRefreshToken>,
    ) -> Result<Self, getrandom::Error> {
        let of = |placement: SecretPlacement| {
            secrets.iter().find(|granted| granted.placement == placement).map(|granted| granted.secret.clone())
        };
        let (id, secret) = (of(SecretPlacement::OauthClientId), of(SecretPlacement::OauthClientSecret));
        Ok(Self(Arc::new(Inner {
            placeholder: placeholder()?,
            of: Of { client: client.clone(), url, id, secret },
            refresh: of(SecretPlacement::OauthRefreshToken),
            cache,
            keep,
        })))
    }

    /// Name of the variable in the guest's environment.
    pub(crate) fn variable(&self) -> &str {
        &self.0.of.client.variable
    }

    /// What stands for the token.
    pub fn placeholder(&self) -> &str {
        &self.0.placeholder
    }

    /// The access token, and whether it was there already; a new one where the
    /// vendor has refused `stale`. Whoever asks meanwhile waits for the same.
    pub(super) async fn get(&self, network: Network, stale: Option<&Secret>) -> Result<(Secret, bool), TokenFailure> {
        let all = self.0.cache.0.clone().lock_owned().await;
        if let Some(held) = all.iter().find(|it| it.is_of(&self.0)) {
            let is_good = held.ends.is_none_or(|ends| Instant::now() < ends);
            if is_good && stale != Some(&held.token) {
                return Ok((held.token.clone(), true));
            }
        }
        // It comes to its end although nobody waits for it any more: the vendor may
        // have put another refresh token in the place of the one that it was sent.
        let exchange = tokio::spawn(self.clone().exchange(network, all));
        let exchanged = exchange.await;
        let token = exchanged.map_err(|_| self.failure(TokenProblem::Unavailable, "the exchange was stopped"))??;
        Ok((token, false))
    }

    /// Asks for another access token.
    async fn exchange(self, network: Network, mut all: OwnedMutexGuard<Vec<Held>>) -> Result<Secret, TokenFailure> {
        let known = all.iter().position(|it| it.is_of(&self.0));
        let mut refresh = match known.and_then(|known| all.get(known)) {
            Some(held) => held.refresh.clone(),
            None => self.0.refresh.iter().cloned().collect(),
        };
        let asked = Instant::now();
        let answer = self.ask(network, refresh.last()).await?;
        let token = answer.access_token.as_deref().and_then(|token| Secret::typed(token).ok());
        let given = answer.refresh_token.as_deref().and_then(|token| Secret::typed(token).ok());
        if let (Some(before), Some(given)) = (refresh.last().cloned(), given)
            && before != given
        {
            self.keep(&before, &given);
            refresh.push(given);
            // The operator's stays: it may be the one that is read again.
            if refresh.len() > HELD {
                refresh.remove(1);
            }
        }
        let token = token.ok_or_else(|| self.failure(TokenProblem::Protocol, "an answer without an access token"))?;
        if let Some(known) = known {
            all.remove(known);
        } else if all.len() >= HELD {
            all.remove(0);
        }
        all.push(Held {
            of: self.0.of.clone(),
            token: token.clone(),
            ends: answer.expires_in.and_then(|seconds| {
                let lifetime = Duration::try_from_secs_f64(seconds).ok()?;
                asked.checked_add(lifetime.saturating_sub(MARGIN.min(lifetime / 2)))
            }),
            refresh,
        });
        Ok(token)
    }

    fn keep(&self, before: &Secret, given: &Secret) {
        let kept = match &self.0.keep {
            Some(keep) => keep(before, given),
            None => Err("it is not stored".to_owned()),
        };
        if let Err(why) = kept {
            tracing::warn!(
                endpoint = %self.0.of.url,
                "the vendor has replaced the refresh token, which is kept for this process only: {why}"
            );
        }
    }

    async fn ask(&self, network: Network, refresh: Option<&Secret>) -> Result<Answer, TokenFailure> {
        let request = self.request(refresh)?;
        // The endpoint is reached as the vendor is: at a granted origin alone.
        let (origin, addresses) = network
            .policy
            .check(self.0.of.url.as_str())
            .map_err(|refusal| self.failure(TokenProblem::Protocol, &format!("egress denied: {refusal}")))?;
        let client = network.transport.client(&origin, addresses, &network.proxies);
        let client = client.map_err(|refusal| self.failure(TokenProblem::Protocol, &refusal.to_string()))?;
        let exchange = async {
            let response = client.request(request).await.map_err(|error| match error {
                RequestError::Proxy(failure) => failure.to_string(),
                RequestError::Failed(_) => "no connection, or no answer".to_owned(),
            })?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            Ok::<_, String>((parts.status, body.map(|body| body.to_bytes()).unwrap_or_default()))
        };
        let unavailable = |what: &str| self.failure(TokenProblem::Unavailable, what);
        let answered = timeout(ASK_TIME, exchange).await.map_err(|_| unavailable("no answer in time"))?;
        let (status, body) = answered.map_err(|what| unavailable(&what))?;
        self.read(status, &body)
    }

    fn read(&self, status: StatusCode, body: &[u8]) -> Result<Answer, TokenFailure> {
        let answer = serde_json::from_slice::<Answer>(body);
        // Of what went wrong only the standard's word is shown: a description may
        // repeat anything.
        let word =
            answer.as_ref().ok().and_then(|it| it.error.as_deref()).filter(|word| {
                word.len() <= 64 && word.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'_')
            });
        let said = match word {
            Some(word) => format!("HTTP {}, {word}", status.as_u16()),
            None => format!("HTTP {}", status.as_u16()),
        };
        match (status.as_u16(), answer) {
            (200, Ok(answer)) if answer.error.is_none() => match answer.token_type.as_deref() {
                Some(kind) if !kind.eq_ignore_ascii_case("bearer") => {
                    Err(self.failure(TokenProblem::Protocol, "a token that is no bearer token"))
                }
                _ => Ok(answer),
            },
            (200, Err(_)) => Err(self.failure(TokenProblem::Protocol, "an answer that is not the promised JSON")),
            (200 | 400 | 401 | 403, _) => {
                Err(self.failure(TokenProblem::Refused, &format!("the credentials are refused ({said})")))
            }
            (408 | 425 | 429 | 500.., _) => Err(self.failure(TokenProblem::Unavailable, &said)),
            _ => Err(self.failure(TokenProblem::Protocol, &said)),
        }
    }

    fn request(&self, refresh: Option<&Secret>) -> Result<Request<WasiBody>, TokenFailure> {
        let Of { client, url, id, secret } = &self.0.of;
        let mut body = form_urlencoded::Serializer::new(String::new());
        match client.grant {
            OauthGrant::ClientCredentials => body.append_pair("grant_type", "client_credentials"),
            OauthGrant::RefreshToken => body
                .append_pair("grant_type", "refresh_token")
                .append_pair("refresh_token", refresh.map(Secret::reveal).unwrap_or_default()),
        };
        if let Some(scope) = &client.scope {
            body.append_pair("scope", scope);
        }
        let mut request = Request::post(url.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        match (client.authentication, id, secret) {
            (OauthAuthentication::Basic, Some(id), Some(secret)) => {
                let part =
                    |text: &Secret| form_urlencoded::byte_serialize(text.reveal().as_bytes()).collect::<String>();
                let both = BASE64.encode(format!("{}:{}", part(id), part(secret)).as_bytes());
                let mut value = HeaderValue::from_str(&format!("Basic {both}"))
                    .map_err(|_| self.failure(TokenProblem::Protocol, "credentials that cannot be sent"))?;
                value.set_sensitive(true);
                request = request.header(header::AUTHORIZATION, value);
            }
            (_, id, secret) => {
                if let Some(id) = id {
                    body.append_pair("client_id", id.reveal());
                }
                if let Some(secret) = secret {
                    body.append_pair("client_secret", secret.reveal());
                }
            }
        }
        let body = Full::new(Bytes::from(body.finish())).map_err(|never| match never {}).boxed_unsync();
        request.body(body).map_err(|_| self.failure(TokenProblem::Protocol, "an address that cannot be used"))
    }

    fn failure(&self, problem: TokenProblem, what: &str) -> TokenFailure {
        let url = &self.0.of.url;
        let origin = Origin::of_url(url.as_str()).map_or_else(|_| "nowhere".to_owned(), |it| it.to_string());
        TokenFailure { problem, url: format!("{origin}{}", url.path()), what: what.to_owned() }
    }
}
