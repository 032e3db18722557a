use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{AddedCatalogue, place, record_file};
use crate::{BUNDLED, Catalogue, CatalogueBuild, CatalogueEntry, InstalledState, test_context::TestContext};
use appsec_grant::CatalogueName;
use appsec_grant::{Addresses, Code, files::write_private};

/// Whoever publishes a catalogue, in a folder.
struct Publisher<'a> {
    context: &'a TestContext,
    folder: PathBuf,
    public_key: String,
}

impl<'a> Publisher<'a> {
    fn new(context: &'a TestContext, name: &str) -> Self {
        let folder = context.path(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("connector.wasm"), BUNDLED[0].component).unwrap();
        let key = context.harness.generate_catalogue_key(&folder.join("key")).unwrap();
        Self { context, folder, public_key: key.public_key }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("catalogue.json")
    }

    fn from(&self) -> String {
        self.file().display().to_string()
    }

    fn build(&self) -> CatalogueBuild {
        CatalogueBuild {
            file: self.file(),
            components: vec![self.folder.join("connector.wasm")],
            base: None,
            reports: vec![],
            yank: vec![],
            deprecate: vec![],
            valid_for: Duration::from_secs(86_400),
        }
    }

    /// Publishes the next edition.
    async fn publish(&self, build: CatalogueBuild) -> Catalogue {
        let built = self.context.harness.build_catalogue(build).await.unwrap();
        self.sign();
        built
    }

    /// Publishes what is not built of a component.
    fn publish_as(&self, catalogue: &Catalogue) {
        fs::write(self.file(), serde_json::to_vec(catalogue).unwrap()).unwrap();
        self.sign();
    }

    fn sign(&self) {
        self.context.harness.sign_catalogue(&self.file(), &self.folder.join("key")).unwrap();
    }

    async fn add(&self, name: &str) -> Result<u64, Code> {
        let added = self.context.harness.add_catalogue(&named(name), &self.from(), &self.public_key).await;
        added.map(|it| it.number).map_err(|error| error.code())
    }
}

fn named(name: &str) -> CatalogueName {
    name.parse().unwrap()
}

async fn search(context: &TestContext) -> Result<usize, Code> {
    let found = context.harness.search_catalogues(None, Some(&named("acme"))).await;
    found.map(|it| it.matches.len()).map_err(|error| error.code())
}

#[tokio::test]
async fn a_connector_is_installed_by_its_name_and_told_when_it_is_outdated() {
    let context = TestContext::new();
    let harness = &context.harness;
    let publisher = Publisher::new(&context, "acme");
    let first = publisher.publish(publisher.build()).await;
    assert_eq!(publisher.add("acme").await, Ok(1));
    assert_eq!(publisher.add("acme").await, Err(Code::CatalogueExists));
    let id = BUNDLED[0].id;
    let found = harness.search_catalogues(Some(&id.to_uppercase()), None).await.unwrap();
    let [found] = found.matches.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.catalogue.as_str(), found.fits, &found.entry), ("acme", true, &first.connectors[0]));
    assert!(!found.entry.origins.is_empty() && !found.entry.imports.is_empty(), "{found:?}");
    assert!(harness.search_catalogues(Some("nothing"), None).await.unwrap().matches.is_empty());

    let installed = harness.install_catalogued(id, None, None).await.unwrap();
    assert_eq!((installed.catalogue.as_deref(), &installed.sha256), (Some("acme"), &found.entry.sha256));
    let state = async || {
        let list = harness.outdated_connectors().await.unwrap();
        let [it] = list.connectors.as_slice() else { panic!("{list:?}") };
        (it.state, it.newest.clone(), it.origins_added.clone(), it.why.clone())
    };
    assert_eq!(state().await, (InstalledState::Current, None, vec![], None));

    // A newer one that asks for more; the publisher has not said which bytes it is.
    let mut second = first.clone();
    second.number = 2;
    let mut newer =
        CatalogueEntry { version: "99.0.0".to_owned(), sha256: "0".repeat(64), ..first.connectors[0].clone() };
    newer.origins.push("https://more.example".to_owned());
    second.connectors.push(newer);
    publisher.publish_as(&second);
    let more = vec!["https://more.example".to_owned()];
    assert_eq!(state().await, (InstalledState::Outdated, Some("99.0.0".to_owned()), more.clone(), None));
    assert_eq!(harness.install_catalogued(id, None, None).await.unwrap_err().code(), Code::ConnectorHash);

    // Deprecated is told, yanked is refused, and what is installed stays.
    let version = first.connectors[0].version.as_str();
    let of_version = format!("{id}@{version}");
    let marked = |yank: bool| {
        let why = vec![(of_version.clone(), "use another".to_owned())];
        let (yank, deprecate) = if yank { (why, vec![]) } else { (vec![], why) };
        CatalogueBuild { yank, deprecate, components: vec![], ..publisher.build() }
    };
    publisher.publish(marked(false)).await;
    let why = Some("use another".to_owned());
    assert_eq!(state().await, (InstalledState::Deprecated, Some("99.0.0".to_owned()), more.clone(), why.clone()));
    // Told of what is there already, too.
    assert_eq!(harness.install_catalogued(&of_version, None, None).await.unwrap().deprecated, why);
    harness.remove_connector(id).await.unwrap();
    let deprecated = harness.install_catalogued(&of_version, None, Some(&installed.sha256)).await.unwrap();
    assert_eq!(deprecated.deprecated, why);
    publisher.publish(marked(true)).await;
    assert_eq!(state().await, (InstalledState::Yanked, Some("99.0.0".to_owned()), more, why));
    let refused = harness.install_catalogued(&of_version, None, None).await.unwrap_err();
    assert_eq!(refused.code(), Code::ConnectorYanked);
    assert!(
        refused.to_string().ends_with("was yanked by its publisher: use another; nothing was installed"),
        "{refused}"
    );

    harness.remove_catalogue(&named("acme")).unwrap();
    assert_eq!(search(&context).await, Err(Code::CatalogueNotFound));
    // The same under another name, behind one that has other bytes of that version.
    let mut elsewhere = first.clone();
    elsewhere.connectors[0].sha256 = "0".repeat(64);
    let other = Publisher::new(&context, "other");
    other.publish_as(&elsewhere);
    other.add("another").await.unwrap();
    assert_eq!(state().await.0, InstalledState::Unlisted);
    publisher.add("renamed").await.unwrap();
    assert_eq!(state().await.0, InstalledState::Yanked);
    assert_eq!(harness.connectors().await.unwrap().connectors.len(), 1);
}

#[tokio::test]
async fn a_catalogue_that_is_not_what_it_was_is_not_used() {
    let context = TestContext::new();
    let publisher = Publisher::new(&context, "acme");
    assert_eq!(publisher.add("acme").await, Err(Code::CatalogueUnavailable));
    publisher.publish(publisher.build()).await;
    let other = Publisher::new(&context, "other");
    let with_other_key = context.harness.add_catalogue(&named("acme"), &publisher.from(), &other.public_key).await;
    assert_eq!(with_other_key.unwrap_err().code(), Code::CatalogueSignature);
    let with_none = context.harness.add_catalogue(&named("acme"), &publisher.from(), "no key").await;
    assert_eq!(with_none.unwrap_err().code(), Code::CatalogueKey);
    assert!(
        context.harness.catalogues().unwrap().catalogues.is_empty(),
        "nothing is remembered of what is not believed"
    );

    // The key from its file, as minisign writes it.
    let key = publisher.folder.join("key.pub").display().to_string();
    context.harness.add_catalogue(&named("acme"), &publisher.from(), &key).await.unwrap();
    let first = fs::read(publisher.file()).unwrap();
    publisher.publish(publisher.build()).await;
    assert_eq!(search(&context).await, Ok(1));

    // An older edition, or two of one number.
    fs::write(publisher.file(), &first).unwrap();
    publisher.sign();
    assert_eq!(search(&context).await, Err(Code::CatalogueRolledBack));
    let mut twin: Catalogue = serde_json::from_slice(&first).unwrap();
    twin.number = 2;
    publisher.publish_as(&twin);
    assert_eq!(search(&context).await, Err(Code::CatalogueRolledBack));
    twin.number = 3;
    publisher.publish_as(&twin);
    assert_eq!(search(&context).await, Ok(1));

    // Damaged, without a signature, signed and no catalogue.
    fs::write(publisher.file(), &first[1..]).unwrap();
    assert_eq!(search(&context).await, Err(Code::CatalogueSignature));
    fs::remove_file(publisher.folder.join("catalogue.json.minisig")).unwrap();
    assert_eq!(search(&context).await, Err(Code::CatalogueUnavailable));
    let refused = context.harness.sign_catalogue(&publisher.file(), &publisher.folder.join("key"));
    assert_eq!(refused.unwrap_err().code(), Code::CatalogueInvalid);

    // One that cannot be read keeps nobody from the others, but names mean nothing then.
    other.publish(other.build()).await;
    other.add("other").await.unwrap();
    let found = context.harness.search_catalogues(None, None).await.unwrap();
    assert_eq!((found.matches.len(), found.unread.len()), (1, 1));
    assert_eq!(found.unread[0].code, Code::CatalogueUnavailable);
    let blind = context.harness.install_catalogued(BUNDLED[0].id, None, None).await.unwrap_err();
    assert_eq!(blind.code(), Code::CatalogueUnavailable);
    publisher.publish_as(&Catalogue { number: 4, ..twin });
    let both = context.harness.install_catalogued(BUNDLED[0].id, None, None).await.unwrap_err();
    assert!(both.to_string().ends_with("acme, other"), "{both}");
    context.harness.install_catalogued(BUNDLED[0].id, Some(&named("other")), None).await.unwrap();

    // In time it is too old.
    context.clock.later(86_400_000_000);
    assert_eq!(search(&context).await, Err(Code::CatalogueExpired));
    assert_eq!(
        context.harness.sign_catalogue(&publisher.file(), &publisher.folder.join("key")).unwrap_err().code(),
        Code::CatalogueExpired
    );
}

#[tokio::test]
async fn a_component_is_refused_by_what_its_catalogue_says() {
    let context = TestContext::new();
    let publisher = Publisher::new(&context, "acme");
    let good = publisher.publish(publisher.build()).await;
    publisher.add("acme").await.unwrap();
    let mut number = 1;
    let mut told = async |change: fn(&mut CatalogueEntry), reference: &str| {
        number += 1;
        let mut catalogue = Catalogue { number, ..good.clone() };
        catalogue.connectors.iter_mut().for_each(change);
        publisher.publish_as(&catalogue);
        let error = context.harness.install_catalogued(reference, None, None).await.unwrap_err();
        format!("{}: {error}", error.code())
            .replace(BUNDLED[0].id, "ID")
            .replace(&good.connectors[0].version, "VERSION")
    };
    // Nothing is at any of these places.
    let nowhere = |it: &mut CatalogueEntry| it.location = "none.wasm".to_owned();
    let id = BUNDLED[0].id;
    let version = format!("{id}@{}", good.connectors[0].version);
    let mut all = vec![
        told(|it| it.contract_version = "0.9.0".to_owned(), id).await,
        told(|it| (it.contract_version, it.location) = ("0.9.0".to_owned(), "none.wasm".to_owned()), &version).await,
        told(|it| (it.imports, it.location) = (vec!["acme:x/y".to_owned()], "none.wasm".to_owned()), id).await,
        told(|it| it.yanked = Some("it leaks".to_owned()), id).await,
        told(|it| it.version = "7.0.0".to_owned(), id).await,
        told(|it| it.id = "acme".to_owned(), "acme").await,
        told(|it| it.id = "acme".to_owned(), "acm").await,
    ];
    let missing = told(nowhere, id).await;
    all.push(missing.split(':').next().unwrap().to_owned());
    insta::assert_snapshot!(all.join("\n"), @"
        connector-not-catalogued: catalogue `acme`: the catalogue has no version of `ID` for contract 0.2.0 that is not yanked; there are: VERSION (contract 0.9.0)
        connector-unusable: the connector speaks contract 0.9.0 and this host 0.2.0: the host is too old, use a newer one
        connector-unusable: the connector imports interfaces that this host does not provide: `acme:x/y`
        connector-not-catalogued: catalogue `acme`: the catalogue has no version of `ID` for contract 0.2.0 that is not yanked; there are: VERSION (yanked)
        catalogue-invalid: catalogue `acme`: the catalogue says ID 7.0.0, and the component says that it is ID VERSION; nothing was installed
        catalogue-invalid: catalogue `acme`: the catalogue says acme VERSION, and the component says that it is ID VERSION; nothing was installed
        connector-not-catalogued: no catalogue has a connector `acm`; did you mean `acme`?
        connector-unusable
        ");
    assert!(context.harness.connectors().await.unwrap().connectors.is_empty());

    // A version is published once.
    let mut other = BUNDLED[0].component.to_vec();
    other.extend(b"\0\x05\x04note");
    fs::write(publisher.folder.join("connector.wasm"), other).unwrap();
    publisher.publish_as(&Catalogue { number: 90, ..good });
    let refused = context.harness.build_catalogue(publisher.build()).await.unwrap_err();
    assert!(refused.to_string().contains("is published already, with the SHA-256"), "{refused}");
}

#[test]
fn what_a_catalogue_names_elsewhere_is_not_of_the_own_network() {
    let told = |catalogue: &str, location: &str| match place(catalogue, location) {
        Ok((origin, addresses)) => {
            format!("{origin}{}", if addresses == Addresses::Private { " or within" } else { "" })
        }
        Err(error) => error.to_string(),
    };
    let at = "https://acme.example/all/catalogue.json";
    let all = [
        told("/srv/catalogue.json", "acme.wasm"),
        told("/srv/catalogue.json", "/etc/acme.wasm"),
        told("/srv/catalogue.json", "https://acme.example/acme.wasm"),
        told(at, "acme.wasm"),
        told(at, "../acme.wasm"),
        told(at, "https://acme.example/acme.wasm"),
        told(at, "https://10.0.0.1/acme.wasm"),
        told(at, "//10.0.0.1/acme.wasm"),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
        /srv/acme.wasm
        the catalogue cannot be used: the location `/etc/acme.wasm` leads elsewhere
        https://acme.example/acme.wasm
        https://acme.example/all/acme.wasm or within
        https://acme.example/acme.wasm or within
        https://acme.example/acme.wasm or within
        https://10.0.0.1/acme.wasm
        the catalogue cannot be used: the location `//10.0.0.1/acme.wasm` leads elsewhere
        ");
}

#[tokio::test]
async fn what_was_removed_or_replaced_meanwhile_is_not_remembered() {
    let context = TestContext::new();
    let harness = &context.harness;
    let publisher = Publisher::new(&context, "acme");
    let catalogue = publisher.publish(publisher.build()).await;
    publisher.add("acme").await.unwrap();
    let read = harness.added(&named("acme")).unwrap();
    let remember = |it: &AddedCatalogue| {
        harness.remember(it, &catalogue, read.sha256.clone()).map(|it| it.number).map_err(|error| error.code())
    };
    assert_eq!(remember(&read), Ok(1));
    let of_another_key = AddedCatalogue { public_key: "another".to_owned(), ..read.clone() };
    assert_eq!(remember(&of_another_key), Err(Code::CatalogueUnavailable));
    assert_eq!(remember(&AddedCatalogue { sha256: String::new(), ..read.clone() }), Err(Code::CatalogueExists));
    harness.remove_catalogue(&named("acme")).unwrap();
    assert_eq!(remember(&read), Err(Code::CatalogueUnavailable));
    assert!(harness.catalogues().unwrap().catalogues.is_empty());
}

#[tokio::test]
async fn a_damaged_record_keeps_nobody_from_the_others_and_can_be_removed() {
    let context = TestContext::new();
    let harness = &context.harness;
    let publisher = Publisher::new(&context, "acme");
    publisher.publish(publisher.build()).await;
    publisher.add("acme").await.unwrap();
    publisher.add("damaged").await.unwrap();
    let record = record_file(&harness.catalogues_folder().unwrap(), &named("damaged"));
    write_private(&record, b"{").unwrap();
    let found = harness.search_catalogues(None, None).await.unwrap();
    assert_eq!((found.matches.len(), found.unread[0].name.as_str()), (1, "damaged"));
    // What it would have said is not known.
    let blind = harness.install_catalogued(BUNDLED[0].id, None, None).await.unwrap_err();
    assert_eq!(blind.code(), Code::CatalogueUnavailable);
    harness.remove_catalogue(&named("damaged")).unwrap();
    assert!(harness.catalogues().unwrap().unread.is_empty());
}

#[tokio::test]
async fn what_a_publisher_makes_leaves_nothing_half_done() {
    let context = TestContext::new();
    let harness = &context.harness;
    let (key, public) = (context.path("key"), context.path("key.pub"));
    fs::write(&public, "another").unwrap();
    harness.generate_catalogue_key(&key).unwrap_err();
    assert_eq!((key.exists(), fs::read(&public).unwrap().as_slice()), (false, &b"another"[..]));
    fs::remove_file(&public).unwrap();
    fs::write(&key, "another").unwrap();
    harness.generate_catalogue_key(&key).unwrap_err();
    assert_eq!((public.exists(), fs::read(&key).unwrap().as_slice()), (false, &b"another"[..]));

    let publisher = Publisher::new(&context, "acme");
    let report = context.path("report.json");
    fs::write(&report, r#"{"component": {"sha256": "ab"}, "verdict": "conformant", "results": []}"#).unwrap();
    let build = CatalogueBuild { reports: vec![report], ..publisher.build() };
    let refused = harness.build_catalogue(build).await.unwrap_err();
    assert_eq!(refused.code(), Code::CatalogueInvalid);
    assert!(!publisher.file().exists());
}

/// Serves the files of a folder.
fn serving(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut read = [0; 4096];
            let length = stream.read(&mut read).unwrap();
            let head = String::from_utf8_lossy(&read[..length]).into_owned();
            let name = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let (status, body) = match fs::read(folder.join(name)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", vec![]),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            // Who reads no more than it wants may have gone by then.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    url
}

#[tokio::test]
async fn a_catalogue_is_read_from_an_address() {
    let context = TestContext::new();
    let publisher = Publisher::new(&context, "acme");
    publisher.publish(publisher.build()).await;
    let url = format!("{}/catalogue.json", serving(&publisher.folder));
    let add = async |name: &str, from: &str| {
        let added = context.harness.add_catalogue(&named(name), from, &publisher.public_key).await;
        added.map(|it| it.from).map_err(|error| error.code())
    };
    assert_eq!(add("acme", &url).await, Ok(url.clone()));
    let installed = context.harness.install_catalogued(BUNDLED[0].id, None, None).await.unwrap();
    assert!(installed.installed_from.ends_with("/connector.wasm"), "{}", installed.installed_from);
    assert_eq!(add("query", &format!("{url}?secret")).await, Err(Code::CatalogueUnavailable));
    assert_eq!(add("gone", &url.replace("catalogue", "none")).await, Err(Code::CatalogueUnavailable));
    assert_eq!(add("plain", "http://acme.example/catalogue.json").await, Err(Code::DownloadWithoutTls));
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(add("away", &format!("http://{port}/catalogue.json")).await, Err(Code::CatalogueUnavailable));
}
