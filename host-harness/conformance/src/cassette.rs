//! Recorded answers of a vendor: JSON, one exchange a line.
//!
//! What is recorded is what the guest sees: what stands for a secret, never the
//! secret. On top of that no header is kept that is not needed to read an
//! answer, and a cassette in which a secret is found is not written.

mod scrub;

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The version of the format.
const FORMAT: u32 = 1;

/// Headers of an answer that a connector may need.
const KEPT_HEADERS: [HeaderName; 6] =
    [header::CONTENT_TYPE, header::RETRY_AFTER, header::LINK, header::LOCATION, header::ETAG, header::DATE];

/// Words in the names of others that say where a list goes on, or when to ask again.
const KEPT_WORDS: [&str; 7] = ["page", "pages", "total", "count", "cursor", "limit", "ratelimit"];

/// What a guest sends in the place of a secret, another one each time.
#[expect(clippy::unwrap_used, reason = "a constant, which a test reads")]
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new("placeholder-[0-9a-f]{32}").unwrap());

/// Mail addresses, as answers hold them and as addresses of requests do.
#[expect(clippy::unwrap_used, reason = "a constant, which a test reads")]
static MAIL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}").unwrap());

/// The domain of those that take their place; it is reserved (RFC 2606).
const NOWHERE: &str = "example.invalid";

/// What was recorded, and under which settings.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Head {
    /// Version of the format.
    cassette: u32,
    /// Id of the connector.
    pub connector: String,
    /// Version of the connector.
    pub version: String,
    /// SHA-256 of its component, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The day on which it was recorded, such as `2026-11-28`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<String>,
    /// The origins that it reached, in the order in which it names those that it needs.
    pub origins: Vec<String>,
    /// Its settings.
    pub settings: Map<String, Value>,
}

impl Head {
    /// That of a connector.
    pub fn new(connector: String, version: String, origins: Vec<String>, settings: Map<String, Value>) -> Self {
        Self { cassette: FORMAT, connector, version, sha256: None, recorded: None, origins, settings }
    }
}

/// What the vendor answered to one and the same request.
pub(crate) struct Recorded {
    request: Request<Bytes>,
    /// One after the other: what is being prepared is asked for until it is ready.
    answers: Vec<Response<Bytes>>,
    /// The read in which it did.
    walk: Option<u64>,
}

impl Recorded {
    pub(crate) fn new(request: &Request<Bytes>, answer: &Response<Bytes>, walk: Option<u64>) -> Self {
        Self { request: request.clone(), answers: vec![answer.clone()], walk }
    }

    /// Whether the vendor gave an answer that is worth keeping.
    pub(crate) fn has_success(&self) -> bool {
        self.answers.iter().any(|answer| answer.status().is_success())
    }

    /// Takes a further answer to the request, or leaves it.
    pub(crate) fn take(&mut self, answer: &Response<Bytes>, walk: Option<u64>) {
        // What was refused at first, such as for too many requests, is not what
        // the vendor has to say. And what a read gets goes together.
        let is_better = !self.answers.iter().any(is_good) || (self.walk.is_none() && walk.is_some() && is_good(answer));
        if is_better {
            (self.answers, self.walk) = (vec![answer.clone()], walk);
        } else if walk.is_some() && self.walk == walk && is_good(answer) {
            let is_other = |known: &Response<Bytes>| (known.status(), known.body()) != (answer.status(), answer.body());
            if self.answers.last().is_some_and(is_other) {
                self.answers.push(answer.clone());
            }
        }
    }
}

/// Whether an answer is what the vendor has to say: not that it refuses to.
fn is_good(answer: &Response<Bytes>) -> bool {
    answer.status().is_success() || answer.status().is_redirection()
}

/// A request and its answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Exchange {
    method: String,
    /// Path and query.
    path: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    request: String,
    status: u16,
    headers: BTreeMap<String, String>,
    #[serde(flatten)]
    body: Body,
}

/// A body: text where it is text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Text(String),
    Base64(String),
}

/// Recorded exchanges.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cassette {
    /// What was recorded.
    pub head: Head,
    exchanges: Vec<Exchange>,
}

/// Why a cassette cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// It is no cassette.
    #[error("line {line} of the cassette cannot be read: {detail}")]
    Form {
        /// Where, from 1.
        line: usize,
        /// Why.
        detail: String,
    },
    /// It is of a later version of this program.
    #[error("the cassette has format {0}, and this program reads format {FORMAT}")]
    Format(u32),
    /// A secret would be in it.
    #[error("the cassette is not written: the answer to {0} shows a secret")]
    Secret(String),
    /// A setting has the value of a secret.
    #[error("the cassette is not written: a setting shows a secret")]
    Setting,
    /// The connector asks for what is not in it.
    #[error("the cassette has no answer to {asked}{}", beside(.nearest.as_deref()))]
    Missing {
        /// Method and path.
        asked: String,
        /// The recorded request that is most like it.
        nearest: Option<String>,
    },
}

fn beside(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; the nearest that it has is {nearest}")).unwrap_or_default()
}

impl Cassette {
    /// A cassette of recorded exchanges, with people's mail addresses replaced. The
    /// same request stands in it again where its answer became another one.
    pub(crate) fn new(head: Head, recorded: &[Recorded]) -> Self {
        let mut head = head;
        head.settings.values_mut().for_each(|value| *value = value_without_mail(value));
        let exchanges =
            recorded.iter().flat_map(|it| it.answers.iter().map(|answer| Exchange::of(&it.request, answer)));
        Self { head, exchanges: exchanges.collect() }
    }

    /// Reads one.
    pub fn read(text: &str) -> Result<Self, CassetteError> {
        let form = |line: usize, error: &serde_json::Error| CassetteError::Form { line, detail: error.to_string() };
        let mut lines = text.lines().enumerate();
        let (_, first) = lines.next().unwrap_or_default();
        let head: Head = serde_json::from_str(first).map_err(|error| form(1, &error))?;
        if head.cassette != FORMAT {
            return Err(CassetteError::Format(head.cassette));
        }
        let exchange = |(line, text): (usize, &str)| serde_json::from_str(text).map_err(|error| form(line + 1, &error));
        let exchanges = lines.map(exchange).collect::<Result<_, _>>()?;
        Ok(Self { head, exchanges })
    }

    /// Its text, if none of these secrets is in it.
    pub(crate) fn write(&self, secrets: &[String]) -> Result<String, CassetteError> {
        let mut text = line(&self.head);
        let forms: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        if shows(&text, &forms) {
            return Err(CassetteError::Setting);
        }
        for exchange in &self.exchanges {
            let written = line(exchange);
            let body = String::from_utf8_lossy(&exchange.bytes()).into_owned();
            if [&written, &exchange.path, &exchange.request, &body].into_iter().any(|text| shows(text, &forms)) {
                return Err(CassetteError::Secret(exchange.asked()));
            }
            text.push_str(&written);
        }
        Ok(text)
    }

    /// The answer to a request that is made for another time: of several answers
    /// that of its number, counted from 0, and after them the last one.
    pub(crate) fn answer(&self, request: &Request<Bytes>, number: usize) -> Result<Response<Bytes>, CassetteError> {
        let (method, path, body) = parts(request);
        let is_it = |it: &&Exchange| it.method == method && it.path == path && it.request == body;
        let mut answers = self.exchanges.iter().filter(is_it);
        match answers.by_ref().take(number.saturating_add(1)).last() {
            Some(exchange) => Ok(exchange.response()),
            None => {
                let asked = format!("{method} {path}");
                let like = |it: &&Exchange| strsim::normalized_levenshtein(&it.asked(), &asked);
                let nearest = self.exchanges.iter().max_by(|one, other| like(one).total_cmp(&like(other)));
                Err(CassetteError::Missing { asked, nearest: nearest.map(Exchange::asked) })
            }
        }
    }
}

/// A line of JSON.
fn line(value: &impl Serialize) -> String {
    // Maps with keys of text: nothing in it that JSON cannot hold.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

fn parts(request: &Request<Bytes>) -> (String, String, String) {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    // What is another one in each process would be found by none.
    let stable = |text: &str| without_mail(&PLACEHOLDER.replace_all(text, "placeholder"));
    (request.method().to_string(), stable(path), stable(&String::from_utf8_lossy(request.body())))
}

impl Exchange {
    fn of(request: &Request<Bytes>, response: &Response<Bytes>) -> Self {
        let (method, path, request) = parts(request);
        let is_kept = |name: &HeaderName| {
            KEPT_HEADERS.contains(name) || name.as_str().split('-').any(|word| KEPT_WORDS.contains(&word))
        };
        let kept = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = value.to_str().ok().filter(|_| is_kept(name))?;
            Some((name.as_str().to_owned(), without_mail(value)))
        };
        let body = match std::str::from_utf8(response.body()) {
            Ok(text) => Body::Text(without_mail(text)),
            Err(_) => Body::Base64(BASE64.encode(response.body())),
        };
        let headers = response.headers().iter().filter_map(kept).collect();
        Self { method, path, request, status: response.status().as_u16(), headers, body }
    }

    fn asked(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Text(text) => text.clone().into_bytes(),
            Body::Base64(text) => BASE64.decode(text.as_bytes()).unwrap_or_default(),
        }
    }

    fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.bytes()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The same text with other mail addresses: the same one for the same one, so
/// that what belongs together stays together. One that took another's place stays.
fn without_mail(text: &str) -> String {
    MAIL.replace_all(text, |found: &regex::Captures<'_>| {
        let found = found.get(0).map_or("", |it| it.as_str());
        if found.ends_with(NOWHERE) {
            return found.to_owned();
        }
        // Encoded or not, it is the same one.
        let hash = Sha256::digest(percent_decode_str(found).collect::<Vec<u8>>());
        let at = if found.contains('@') { "@" } else { "%40" };
        format!("{}{at}{NOWHERE}", HEXLOWER.encode(hash.get(..4).unwrap_or_default()))
    })
    .into_owned()
}

/// The same of a value, however deep.
fn value_without_mail(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_mail(text)),
        Value::Array(list) => list.iter().map(value_without_mail).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value_without_mail(value))).collect(),
        other => other.clone(),
    }
}

/// Whether a text shows one of these, also where it is encoded for an address or
/// escaped for JSON.
fn shows(text: &str, forms: &[String]) -> bool {
    let decoded = percent_decode_str(text).decode_utf8_lossy().into_owned();
    let unescaped = text.replace("\\/", "/");
    [text, &decoded, &unescaped].iter().any(|text| forms.iter().any(|form| text.contains(form)))
}

/// How a secret may stand in a text.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let escaped = serde_json::to_string(secret).unwrap_or_default();
    let mut forms = vec![secret.to_owned(), escaped.trim_matches('"').to_owned(), HEXLOWER.encode(bytes)];
    // Where it begins in the encoded text depends on what is before it.
    for before in ["", "x", "xx"] {
        let padded = [before.as_bytes(), bytes].concat();
        for encoded in [BASE64_NOPAD.encode(&padded), BASE64URL_NOPAD.encode(&padded)] {
            // Signs at either end hold bits of their neighbours.
            let inner = encoded.get(before.len() + usize::from(!before.is_empty())..encoded.len().saturating_sub(2));
            forms.extend(inner.filter(|inner| inner.len() >= 8).map(str::to_owned));
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use data_encoding::{BASE64, HEXLOWER};
    use http::{Request, Response};
    use serde_json::Map;

    use super::{Cassette, CassetteError, Head, MAIL, Recorded, without_mail};

    fn recorded(path: &str, body: &[u8]) -> (Request<Bytes>, Response<Bytes>) {
        let request = Request::get(format!("https://api.example{path}")).body(Bytes::new()).unwrap();
        let response = Response::builder().header("x-secret-header", "1").header("content-type", "application/json");
        (request, response.body(Bytes::copy_from_slice(body)).unwrap())
    }

    fn cassette(exchanges: &[(Request<Bytes>, Response<Bytes>)]) -> Cassette {
        let head = Head::new("fake".to_owned(), "1.0.0".to_owned(), vec!["https://api.example".to_owned()], Map::new());
        let each: Vec<_> = exchanges.iter().map(|(request, answer)| Recorded::new(request, answer, None)).collect();
        Cassette::new(head, &each)
    }

    #[test]
    fn what_is_written_is_read_again_and_answers_as_before() {
        let (request, response) = recorded("/a?page=1", b"{\"by\": \"jane.doe@corp.example.com\"}");
        let (odd, bytes) = recorded("/b", b"\xff\xfe");
        let written = cassette(&[(request.clone(), response), (odd.clone(), bytes)]);
        let text = written.write(&[]).unwrap();
        insta::assert_snapshot!(text, @r#"
        {"cassette":1,"connector":"fake","version":"1.0.0","origins":["https://api.example"],"settings":{}}
        {"method":"GET","path":"/a?page=1","status":200,"headers":{"content-type":"application/json"},"text":"{\"by\": \"95be1e08@example.invalid\"}"}
        {"method":"GET","path":"/b","status":200,"headers":{"content-type":"application/json"},"base64":"//4="}
        "#);
        let read = Cassette::read(&text).unwrap();
        assert_eq!(read, written);
        assert_eq!(read.answer(&odd, 0).unwrap().body().as_ref(), b"\xff\xfe");
        assert_eq!(read.answer(&request, 0).unwrap().headers()["content-type"], "application/json");
    }

    #[test]
    fn a_request_with_several_answers_gets_them_in_their_order() {
        let bodies = |tape: &Cassette| {
            [0, 1, 2, 7].map(|number| tape.answer(&recorded("/a", b"").0, number).unwrap().into_body())
        };
        let tape = cassette(&[recorded("/a", b"queued"), recorded("/b", b"{}"), recorded("/a", b"ready")]);
        let text = tape.write(&[]).unwrap();
        assert_eq!(bodies(&Cassette::read(&text).unwrap()), ["queued", "ready", "ready", "ready"]);
    }

    #[test]
    fn what_is_missing_names_the_nearest() {
        let error = cassette(&[recorded("/a?page=1", b"{}"), recorded("/projects", b"{}")])
            .answer(&recorded("/a?page=2", b"").0, 0)
            .unwrap_err();
        insta::assert_snapshot!(error, @"the cassette has no answer to GET /a?page=2; the nearest that it has is GET /a?page=1");
    }

    #[test]
    fn a_secret_in_whatever_form_is_not_written() {
        let secret = "sgp_0123/456789+abcdef".to_owned();
        let encoded = |before: &str| BASE64.encode(format!("{before}{secret}:rest").as_bytes());
        for body in [
            secret.clone(),
            "sgp%5F0123%2F456789%2Babcdef".to_owned(),
            encoded(""),
            encoded("u"),
            encoded("us"),
            encoded("user:"),
            r"sgp_0123\/456789+abcdef".to_owned(),
            "a=sgp_0123%2f456789%2Babcdef&b".to_owned(),
            HEXLOWER.encode(secret.as_bytes()),
        ] {
            let tape = cassette(&[recorded("/a", body.as_bytes())]);
            assert!(matches!(tape.write(std::slice::from_ref(&secret)), Err(CassetteError::Secret(_))), "{body}");
            assert!(tape.write(&["another_secret".to_owned()]).is_ok());
        }
    }

    #[test]
    fn a_setting_is_no_place_for_a_secret() {
        let head = |value: &str| {
            let settings = [("region".to_owned(), value.into())].into_iter().collect();
            Head::new("fake".to_owned(), "1.0.0".to_owned(), Vec::new(), settings)
        };
        let secrets = ["any-token".to_owned()];
        assert!(matches!(Cassette::new(head("any-token"), &[]).write(&secrets), Err(CassetteError::Setting)));
        assert!(Cassette::new(head("eu"), &[]).write(&secrets).is_ok());
        assert!(!Cassette::new(head("jane@corp.example.com"), &[]).write(&secrets).unwrap().contains("jane"));
    }

    #[test]
    fn a_request_is_found_again_with_other_placeholders_and_other_people() {
        let placeholder = |hex: &str| format!("/a?key=placeholder-{}&by=", hex.repeat(32));
        let tape = cassette(&[recorded(
            &(placeholder("0") + "jane%40corp.example.com"),
            b"{\"by\": \"jane@corp.example.com\"}",
        )]);
        let text = tape.write(&[]).unwrap();
        assert!(!text.contains("jane") && !text.contains("0000"), "{text}");
        let people: serde_json::Value = serde_json::from_slice(
            tape.answer(&recorded(&(placeholder("f") + "jane%40corp.example.com"), b"").0, 0).unwrap().body(),
        )
        .unwrap();
        // Whoever reads the answer asks with what stands in it.
        let by = people["by"].as_str().unwrap().replace('@', "%40");
        assert!(tape.answer(&recorded(&(placeholder("1") + &by), b"").0, 0).is_ok());
    }

    #[test]
    fn headers_that_tell_where_a_list_goes_on_are_kept() {
        let (request, mut response) = recorded("/a", b"[]");
        let kept = ["x-next-page", "x-total-count", "x-ratelimit-reset", "x-rate-limit-reset", "location"];
        let others = ["set-cookie", "x-request-id", "x-account-id"];
        for name in kept.into_iter().chain(others) {
            response.headers_mut().insert(name, "1".parse().unwrap());
        }
        let text = cassette(&[(request, response)]).write(&[]).unwrap();
        assert!(kept.into_iter().all(|name| text.contains(name)), "{text}");
        assert!(!others.into_iter().any(|name| text.contains(name)), "{text}");
    }

    #[test]
    fn what_is_no_cassette_is_refused_with_its_line() {
        for (text, told) in [
            ("", "line 1 of the cassette cannot be read: EOF while parsing a value at line 1 column 0"),
            (
                r#"{"cassette":2,"connector":"a","version":"1","origins":[],"settings":{}}"#,
                "the cassette has format 2, and this program reads format 1",
            ),
        ] {
            assert_eq!(Cassette::read(text).unwrap_err().to_string(), told);
        }
        let broken = cassette(&[]).write(&[]).unwrap() + "{\n";
        assert!(Cassette::read(&broken).unwrap_err().to_string().starts_with("line 2 of the cassette"));
    }

    #[test]
    fn mail_addresses_are_replaced_each_by_its_own() {
        assert!(MAIL.is_match("a@b.example"));
        let text = without_mail("a@b.example, c@d.example, a@b.example, @nobody, lib@1.2.3, acme/shop");
        let parts: Vec<&str> = text.split(", ").collect();
        assert_eq!(parts[0], parts[2]);
        assert_ne!(parts[0], parts[1]);
        assert!(!text.contains("b.example") && text.ends_with("@nobody, lib@1.2.3, acme/shop"), "{text}");
    }
}
