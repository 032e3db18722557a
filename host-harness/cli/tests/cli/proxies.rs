//! Proxies: from the environment, of an instance, and those that refuse.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use data_encoding::BASE64;
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivatePkcs8KeyDer};
use serde_json::{Value, json};

use crate::support::{Done, TestContext, done, shape};

/// A name that only the proxies of these tests know.
const VENDOR: &str = "https://vendor.test";

/// Credentials that nobody may see, and their form on the wire.
const CREDENTIALS: &str = "operator:pr0xy-word";
const BASIC: &str = "b3BlcmF0b3I6cHIweHktd29yZA==";

/// A proxy behind which the vendor is, with TLS; it keeps the heads of what it
/// was asked.
struct Proxy {
    url: String,
    /// The vendor's certificate, in PEM.
    certificate: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Answers with a status of its own, where one is given.
    fn new(vendor: &str, status: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, vendor) = (Arc::new(Mutex::new(Vec::new())), vendor.replace("http://", ""));
        let kept = asked.clone();
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["vendor.test".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(vec![cert.der().clone()], key).unwrap());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, vendor, config) = (kept.clone(), vendor.clone(), config.clone());
                // What the client breaks off ends the thread.
                thread::spawn(move || _ = serve(stream, &vendor, config, status, &kept));
            }
        });
        let lines: Vec<String> = BASE64
            .encode(cert.der())
            .as_bytes()
            .chunks(64)
            .map(|it| String::from_utf8_lossy(it).into_owned())
            .collect();
        let certificate = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        Self { url, certificate, asked }
    }

    /// The variable that lets the program trust the vendor.
    fn trusted(&self, context: &TestContext) -> String {
        context.file(&format!("{}.pem", self.url.rsplit(':').next().unwrap()), &self.certificate)
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Its URL with the credentials in it.
    fn with_credentials(&self) -> String {
        self.url.replace("http://", &format!("http://{CREDENTIALS}@"))
    }
}

/// The head of a request.
fn head(reader: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// One request per connection, which is enough for a client that opens another.
fn serve(
    mut client: TcpStream,
    vendor: &str,
    config: Arc<ServerConfig>,
    status: Option<&str>,
    kept: &Mutex<Vec<String>>,
) -> io::Result<()> {
    // Unbuffered: what follows is not HTTP.
    let mut asked = String::new();
    while !asked.ends_with("\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        asked.push(char::from(byte[0]));
    }
    kept.lock().unwrap().push(asked);
    if let Some(status) = status {
        return write!(client, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    write!(client, "HTTP/1.1 200 Connection established\r\n\r\n")?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut client = BufReader::new(StreamOwned::new(tls, client));
    let request = head(&mut client)?;
    assert!(!request.contains("proxy-"), "the vendor was sent what is for the proxy: {request}");
    let length = request.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    let mut vendor = TcpStream::connect(vendor)?;
    vendor.write_all(request.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes())?;
    vendor.write_all(&body)?;
    let client = client.get_mut();
    io::copy(&mut vendor, client)?;
    client.conn.send_close_notify();
    client.flush()
}

/// Runs a command with these variables.
fn with(context: &TestContext, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
    let mut command = context.command(arguments);
    let done = done(command.envs(variables.iter().copied()).output().unwrap());
    for hidden in [CREDENTIALS, "pr0xy-word", BASIC] {
        assert!(!done.stdout.contains(hidden) && !done.stderr.contains(hidden), "a proxy's password was printed");
    }
    done
}

fn ok(context: &TestContext, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let done = with(context, variables, arguments);
    assert_eq!(done.code, 0, "{arguments:?}: {}{}", done.stdout, done.stderr);
    done.stdout
}

/// Sets up an instance of the vendor that only proxies know.
fn add(context: &TestContext, variables: &[(&str, &str)], more: &[&str]) -> Done {
    let (token, set) = (context.token_file(), format!("origin={VENDOR}"));
    let usual = ["instance", "add", "code", "--set", &set, "--token-file", &token, "-vv"];
    with(context, variables, &[&usual[..], more].concat())
}

fn shown(context: &TestContext, variables: &[(&str, &str)]) -> Value {
    let shown: Value = serde_json::from_str(&ok(context, variables, &["instance", "show", "code", "--json"])).unwrap();
    context.follows("instance show", &shown);
    shown["proxies"].clone()
}

#[test]
fn the_environments_proxy_is_used_shown_and_tested() {
    let context = TestContext::new(shape(), vec![]);
    let proxy = Proxy::new(context.simulator.url(), None);
    let (credentials, trusted) = (proxy.with_credentials(), proxy.trusted(&context));
    let variables = [("HTTPS_PROXY", credentials.as_str()), ("SSL_CERT_FILE", &trusted)];
    let added = add(&context, &variables, &[]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let asked = proxy.asked();
    assert!(!asked.is_empty());
    for head in asked {
        assert!(head.starts_with("CONNECT vendor.test:443 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("proxy-authorization: Basic {BASIC}\r\n")), "{head}");
        assert!(!head.contains("/api/") && !head.contains("bearer") && !head.contains("Bearer"), "{head}");
    }
    ok(&context, &variables, &["sync", "code", "-vv"]);
    assert_ne!(proxy.asked().len(), 0);

    let route = json!({
        "origin": VENDOR, "proxy": proxy.url, "source": "from HTTPS_PROXY", "credentials": null, "problem": null
    });
    assert_eq!(shown(&context, &variables), json!([route]));
    let told = ok(&context, &variables, &["instance", "show", "code"]);
    assert!(told.contains(&format!("{}, from HTTPS_PROXY", proxy.url)), "{told}");
    let doctor = with(&context, &variables, &["doctor", "--online"]).stdout;
    let doctor = doctor.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(doctor.contains("instance default/code: proxy") && doctor.contains("from HTTPS_PROXY"), "{doctor}");
    assert!(doctor.contains("answers as demo-corp"), "{doctor}");
    assert_ne!(proxy.asked().len(), 0);
    // What it is excepted from does not go to it, and nothing else knows the name.
    let except = [variables[0], ("NO_PROXY", "vendor.test")];
    assert_eq!(shown(&context, &except)[0]["proxy"], Value::Null);
    let failed = with(&context, &except, &["sync", "code", "--json", "--max-wait", "0"]);
    assert!(failed.code != 0 && failed.stderr.contains("no connection to"), "{}{}", failed.stdout, failed.stderr);
    assert_eq!(proxy.asked().len(), 0);
    context.in_no_file(&[CREDENTIALS, "pr0xy-word", BASIC]);
}

#[test]
fn a_proxy_that_stands_in_for_the_vendor_is_not_believed() {
    let context = TestContext::new(shape(), vec![]);
    let proxy = Proxy::new(context.simulator.url(), None);
    // Its certificate is right for the name, and nobody trusts it.
    let done = add(&context, &[("https_proxy", &proxy.url)], &["--json", "--max-wait", "0"]);
    assert!(done.code == 1 && done.stderr.contains("proxy-protocol"), "{}", done.stderr);
    assert!(done.stderr.contains("does not lead to vendor.test over TLS"), "{}", done.stderr);
    assert_eq!(context.simulator.stats().requests, 0, "a request, and so a token, came through");
}

#[test]
fn the_proxy_of_an_instance_counts_before_the_environments() {
    let context = TestContext::new(shape(), vec![]);
    let (own, other) = (Proxy::new(context.simulator.url(), None), Proxy::new(context.simulator.url(), None));
    let (trusted, of_other) = (own.trusted(&context), other.trusted(&context));
    let except = [("ALL_PROXY", other.url.as_str()), ("NO_PROXY", "*"), ("SSL_CERT_FILE", &trusted)];
    let file = context.file("proxy-auth", CREDENTIALS);
    let added = add(&context, &except, &["--proxy", &own.url, "--proxy-auth-file", &file]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    assert!(own.asked().iter().all(|head| head.contains(BASIC)));
    let route = &shown(&context, &except)[0];
    assert_eq!((&route["proxy"], &route["source"]), (&json!(own.url), &json!("set for the instance")));
    assert_eq!(route["credentials"], format!("the file {file}"));

    // The environment's again; what does not connect is not written down.
    let environment = [except[0], ("SSL_CERT_FILE", &of_other)];
    ok(&context, &environment, &["instance", "set", "code", "--proxy", "environment"]);
    assert_ne!(other.asked().len(), 0);
    let none = ["instance", "set", "code", "--proxy", "none", "--json", "--max-wait", "0"];
    let none = with(&context, &environment, &none);
    assert_eq!(none.code, 1, "{}{}", none.stdout, none.stderr);
    assert_eq!(shown(&context, &environment)[0]["source"], "from ALL_PROXY");
    assert_eq!(own.asked().len(), 0);
}

#[test]
fn credentials_in_the_url_go_into_the_vault() {
    let context = TestContext::new(shape(), vec![]);
    let proxy = Proxy::new(context.simulator.url(), None);
    let (given, trusted) = (proxy.with_credentials(), proxy.trusted(&context));
    let refused = add(&context, &[], &["--proxy", &given]);
    assert!(refused.code == 1 && refused.stderr.contains("HARNESS_VAULT_KEY"), "{}", refused.stderr);
    assert_eq!(proxy.asked().len(), 0);
    let key = context.folder.path().join("key").to_str().unwrap().to_owned();
    context.ok(&["vault", "generate-key", "--output", &key]);
    let key = [("HARNESS_VAULT_KEY_FILE", key.as_str()), ("SSL_CERT_FILE", &trusted)];
    let added = add(&context, &key, &["--proxy", &given]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    assert!(proxy.asked().iter().all(|head| head.contains(BASIC)));
    ok(&context, &key, &["sync", "code"]);
    assert_eq!(shown(&context, &key)[0]["credentials"], "the vault");
    // Other origins, the same password, sealed for them.
    ok(&context, &key, &["instance", "set", "code", "--allow-origin", "https://more.example"]);
    assert!(proxy.asked().iter().all(|head| head.contains(BASIC)));
    let entries = || context.json(&["vault", "show"])["entries"].as_array().unwrap().len();
    assert_eq!(entries(), 1);
    context.in_no_file(&[CREDENTIALS, "pr0xy-word", BASIC]);
    // Another proxy does not get it, and it does not stay.
    let other = Proxy::new(context.simulator.url(), None);
    let trusted = other.trusted(&context);
    ok(&context, &[key[0], ("SSL_CERT_FILE", &trusted)], &["instance", "set", "code", "--proxy", &other.url]);
    assert!(other.asked().iter().all(|head| !head.contains("proxy-authorization")));
    assert_eq!(entries(), 0);
}

#[test]
fn a_proxy_that_does_not_let_through_is_told_as_such() {
    let context = TestContext::new(shape(), vec![]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let asking = Proxy::new(context.simulator.url(), Some("407 Proxy Authentication Required"));
    let refusing = Proxy::new(context.simulator.url(), Some("403 Forbidden"));
    let busy = Proxy::new(context.simulator.url(), Some("503 Service Unavailable"));
    let told = |variable: &str, proxy: &str, vendor: &str| {
        let (token, set) = (context.token_file(), format!("origin={vendor}"));
        let arguments = ["instance", "add", "code", "--set", &set, "--token-file", &token, "--max-wait", "0"];
        let done = with(&context, &[(variable, proxy)], &[&arguments[..], &["--json"]].concat());
        assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
        // What the error says is not said by a warning before.
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        let failure = done.error();
        let message = failure["message"].as_str().unwrap().replace(proxy, "PROXY");
        format!("{}: {message}\n  hint: {}\n", failure["code"].as_str().unwrap(), failure["hint"].as_str().unwrap())
    };
    let text = [
        told("HTTPS_PROXY", &asking.url, VENDOR),
        told("HTTPS_PROXY", &refusing.url, VENDOR),
        told("https_proxy", &busy.url, VENDOR),
        told("ALL_PROXY", &format!("http://{closed}"), VENDOR),
        told("HTTPS_PROXY", "socks5://127.0.0.1:9", VENDOR),
        told("HTTPS_PROXY", &refusing.url, "https://metadata.google.internal"),
        told("HTTPS_PROXY", &refusing.url, "https://vendor.internal"),
    ]
    .concat();
    insta::assert_snapshot!(text);
    assert_eq!(context.json(&["instance", "list"])["instances"], json!([]));
}

#[test]
fn a_proxy_is_refused_without_showing_its_url() {
    let context = TestContext::new(shape(), vec![]);
    for (url, told) in [
        ("socks5://operator:pr0xy-word@127.0.0.1:9", "only HTTP proxies"),
        ("http://operator:pr0xy-word@127.0.0.1:99999", "write it as http://HOST:PORT"),
        ("http://operator:pr0xy-word@169.254.169.254", "link-local"),
    ] {
        let done = add(&context, &[], &["--proxy", url]);
        assert!(done.code == 2 && done.stderr.contains(told), "{}", done.stderr);
    }
    let file = context.file("proxy-auth", CREDENTIALS);
    let twice = add(&context, &[], &["--proxy", "http://operator:pr0xy-word@127.0.0.1:9", "--proxy-auth-file", &file]);
    assert!(twice.code == 2 && twice.stderr.contains("given twice"), "{}", twice.stderr);
}

#[test]
fn a_restored_proxy_is_not_used_before_it_is_accepted() {
    let context = TestContext::new(shape(), vec![]);
    let proxy = Proxy::new(context.simulator.url(), None);
    let trusted = proxy.trusted(&context);
    let variables = [("SSL_CERT_FILE", trusted.as_str())];
    let file = context.file("proxy-auth", CREDENTIALS);
    let added = add(&context, &variables, &["--proxy", &proxy.url, "--proxy-auth-file", &file]);
    assert_eq!(added.code, 0, "{}", added.stderr);
    let folder = context.folder.path().join("backup");
    let backup = folder.to_str().unwrap();
    context.ok(&["backup", backup]);
    context.ok(&["tenant", "delete", "default", "--confirm", "default"]);
    proxy.asked();
    let restored = context.json(&["restore", backup, "--as", "copy"]);
    context.follows("restore", &restored);
    let instance = &restored["instances"][0];
    assert_eq!(instance["proxy"], json!(proxy.url));
    assert_eq!(instance["proxy_credentials"], json!(format!("the file {file}")));
    let of_copy = |arguments: &[&str]| with(&context, &variables, &[&["--tenant", "copy"], arguments].concat());
    for work in [&["sync", "code"][..], &["instance", "test", "code"], &["instance", "set", "code", "--proxy", "none"]]
    {
        let done = of_copy(work);
        assert!(done.code == 1 && done.stderr.contains("have not been accepted yet"), "{}", done.stderr);
    }
    of_copy(&["doctor", "--online"]);
    assert_eq!(proxy.asked().len(), 0);
    let shown = of_copy(&["instance", "show", "code"]).stdout;
    assert!(shown.contains(&proxy.url), "{shown}");
    assert_eq!(of_copy(&["instance", "resume", "code"]).code, 0);
    assert_eq!(of_copy(&["sync", "code"]).code, 0);
    assert_ne!(proxy.asked().len(), 0);
}
