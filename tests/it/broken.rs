//! Components that break the rules below the contract: pointers, texts, types,
//! tables, instances, versions, imports and what they say of themselves.

use std::time::{Duration, Instant};

use host_harness::{
    Error, Harness, Options, Setup, Tenant,
    grant::Addresses,
    sandbox::{CallFailure, LimitHit, Limits, RuntimeError},
    store::ConnectorSource,
};
use serde_json::json;
use tests::{TestContext, name, settings};
use vendor_sim::WorldShape;

use crate::{
    hostile::soon,
    raw::{Host, Manifest, RESULT, Raw, TEXT, complaint, connection, words},
};

/// The message after `configure`, which must be a crash.
async fn crash(raw: Raw) -> String {
    let error = Host::new(Limits::default()).configured(&raw).await;
    assert!(matches!(error.failure, CallFailure::Trap(_)), "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_pointer_outside_of_memory_is_a_crash() {
    let messages = [
        crash(Raw::answering(vec![complaint(0xffff_0000, 16)])).await,
        crash(Raw::answering(vec![complaint(TEXT, u32::MAX)])).await,
        crash(Raw::answering(vec![connection(TEXT, 0x0fff_ffff)])).await,
        crash(Raw { bodies: vec![("configure", "i32.const -8".to_owned())], ..Raw::default() }).await,
        crash(Raw { bodies: vec![("configure", "i32.const 3".to_owned())], ..Raw::default() }).await,
    ];
    insta::assert_snapshot!(messages.join("\n"), @"
    the connector crashed in `configure`: string pointer/length out of bounds of memory
    the connector crashed in `configure`: string pointer/length out of bounds of memory
    the connector crashed in `configure`: list pointer/length out of bounds of memory
    the connector crashed in `configure`: pointer out of bounds of memory
    the connector crashed in `configure`: return pointer not aligned
    ");
}

#[tokio::test]
async fn an_allocator_that_lies_is_a_crash() {
    let lying = |address: &str| Raw { bodies: vec![("cabi_realloc", address.to_owned())], ..Raw::default() };
    let messages = [crash(lying("i32.const -1")).await, crash(lying("unreachable")).await];
    insta::assert_snapshot!(messages.join("\n"), @"
    the connector crashed in `configure`: realloc return: beyond end of memory
    the connector crashed in `configure`: wasm trap: wasm `unreachable` instruction executed
    ");
}

#[tokio::test]
async fn a_text_that_is_not_utf_8_is_a_crash() {
    let raw = Raw::answering(vec![complaint(TEXT, 4), (TEXT, b"\xff\xfe\xc0\x80".to_vec())]);
    insta::assert_snapshot!(crash(raw).await, @"the connector crashed in `configure`: invalid utf-8 sequence of 1 bytes from index 0");
}

#[tokio::test]
async fn a_case_that_the_contract_does_not_have_is_a_crash() {
    let messages = [
        crash(Raw::answering(vec![(RESULT, words(&[7]))])).await,
        crash(Raw::answering(vec![(RESULT, words(&[1, 0, 99]))])).await,
    ];
    insta::assert_snapshot!(messages.join("\n"), @"
    the connector crashed in `configure`: invalid expected discriminant
    the connector crashed in `configure`: unexpected discriminant: 99
    ");
}

#[tokio::test]
async fn a_list_that_shows_the_same_large_text_over_and_over_is_stopped() {
    // A thousand diagnostics of 52 bytes, each with the same text of 200 KiB:
    // 250 KB for the guest, 200 MB for a host that would take them.
    let diagnostic = words(&[0, TEXT, 1, 0, 0, 0, 0, 0, 0, 0, 0, TEXT, 200 << 10]);
    assert_eq!(diagnostic.len(), 52);
    let list = 0x4_0000;
    let raw = Raw::answering(vec![connection(list, 1_000), (list, diagnostic.repeat(1_000)), (TEXT, b"1".to_vec())]);
    let host = Host::new(Limits { result_bytes: 4 << 20, ..Limits::default() });
    let error = host.configured(&raw).await;
    insta::assert_snapshot!(error, @"the connector was stopped in `configure`: a result of more than 4 MiB");
    assert!(matches!(error.failure, CallFailure::Limit(LimitHit::Result(_))));
}

#[tokio::test]
async fn a_table_that_grows_without_end_is_stopped() {
    let grow = "(loop $again (drop (table.grow $t (ref.null func) (i32.const 100))) (br $again))";
    let host = Host::new(Limits { table_elements: 1_000, ..Limits::default() });
    let error = host.configured(&Raw::doing("(table $t 1 funcref)", grow)).await;
    insta::assert_snapshot!(error, @"the connector was stopped in `configure`: more than 1000 table elements");
    assert_eq!(error.failure, CallFailure::Limit(LimitHit::Table(1_000)));
}

#[tokio::test]
async fn a_table_that_is_too_large_from_the_start_is_refused() {
    let host = Host::new(Limits { table_elements: 1_000, ..Limits::default() });
    insta::assert_snapshot!(refused(&host, &Raw::doing("(table $t 1001 funcref)", "")), @"compiled: the component cannot be compiled: module table does not fit in pooling allocator requirements: table index 0 has a minimum element size of 1001 which exceeds the limit of 1000");
    host.assert_well().await;
}

#[tokio::test]
async fn a_memory_that_is_too_large_from_the_start_is_refused() {
    let host = Host::new(Limits { memory_bytes: 1 << 20, ..Limits::default() });
    let large = Raw { pages: 17, ..Raw::doing("", "") };
    insta::assert_snapshot!(refused(&host, &large), @"compiled: the component cannot be compiled: module memory does not fit in pooling allocator requirements: memory index 0 is unsupported in this pooling allocator configuration: memory has a minimum byte size of 1114112 which exceeds the limit of 0x100000 bytes");
    let second = Raw::doing("(memory $other 1)", "");
    insta::assert_snapshot!(refused(&host, &second), @"compiled: the component cannot be compiled: module memory does not fit in pooling allocator requirements: defined memories count of 2 exceeds the per-instance limit of 1");
    host.assert_well().await;
}

#[tokio::test]
async fn a_memory_that_grows_in_small_steps_is_stopped() {
    let grow = "(loop $again (drop (memory.grow (i32.const 1))) (br $again))";
    let host = Host::new(Limits { memory_bytes: 1 << 20, ..Limits::default() });
    let error = host.configured(&Raw::doing("", grow)).await;
    assert_eq!(error.failure, CallFailure::Limit(LimitHit::Memory(1 << 20)));
    insta::assert_snapshot!(error, @"the connector was stopped in `configure`: more than 1 MiB of memory");
}

/// A component that instantiates its first module, which imports nothing, again
/// and again.
fn many_instances() -> Vec<u8> {
    let count = 20_u8;
    let mut code = Raw::doing("", "").component();
    code.extend([2, 1 + 3 * count, count]);
    code.extend([0, 0, 0].repeat(count.into()));
    code
}

#[tokio::test]
async fn a_component_of_too_many_instances_is_refused() {
    let host = Host::new(Limits { core_instances: 16, ..Limits::default() });
    let error = host.load_bytes(&many_instances()).err().unwrap().to_string();
    insta::assert_snapshot!(error, @"the component does not fit into a sandbox: it has 21 core instances, and a sandbox has places for 16");
    host.assert_well().await;
}

#[tokio::test]
async fn memory_on_demand_has_the_limits_of_the_pool() {
    let limits = || Limits { pooled_memory: false, memory_bytes: 1 << 20, table_elements: 1_000, ..Limits::default() };
    let host = Host::new(limits());
    let more_memory = "(loop $again (drop (memory.grow (i32.const 1))) (br $again))";
    let more_table = "(loop $again (drop (table.grow $t (ref.null func) (i32.const 100))) (br $again))";
    let tables = "(table $t 600 funcref) (table $u 600 funcref)";
    let broken = [
        (Raw::doing("", more_memory), LimitHit::Memory(1 << 20)),
        (Raw { pages: 17, ..Raw::doing("", "") }, LimitHit::Memory(1 << 20)),
        (Raw { pages: 9, ..Raw::doing("(memory $other 9)", "") }, LimitHit::Memory(1 << 20)),
        (Raw::doing("(table $t 1 funcref)", more_table), LimitHit::Table(1_000)),
        (Raw::doing("(table $t 1001 funcref)", ""), LimitHit::Table(1_000)),
        (Raw::doing(tables, ""), LimitHit::Table(1_000)),
    ];
    for (raw, hit) in broken {
        assert_eq!(host.configured(&raw).await.failure, CallFailure::Limit(hit));
        host.assert_well().await;
    }
    let host = Host::new(Limits { core_instances: 16, ..limits() });
    insta::assert_snapshot!(host.load_bytes(&many_instances()).err().unwrap().to_string(), @"the component does not fit into a sandbox: it has 21 core instances, and a sandbox has places for 16");
}

#[tokio::test]
async fn a_start_function_that_never_ends_is_stopped() {
    let host = Host::new(Limits { cpu_time: Duration::from_millis(100), ..Limits::default() });
    let started = Instant::now();
    let error = host.configured(&Raw::doing("(func $start (loop $again (br $again))) (start $start)", "")).await;
    assert!(started.elapsed() < Duration::from_secs(60));
    insta::assert_snapshot!(error, @"the connector was stopped in `configure`: more than 0.1 s of processor time");
}

/// Why a component is not even loaded.
fn refused(host: &Host, raw: &Raw) -> String {
    let error = host.load(raw).err().unwrap();
    let inspected = matches!(error, RuntimeError::Inspection(_));
    format!("{}: {error}", if inspected { "before it is compiled" } else { "compiled" })
}

fn versioned(version: &'static str) -> Raw {
    Raw { contract: vec![("appsec:connector@0.2.0", version)], ..Raw::default() }
}

#[tokio::test]
async fn a_contract_that_is_too_new_or_too_old_is_refused_before_anything_is_compiled() {
    let host = Host::new(Limits::default());
    insta::assert_snapshot!(refused(&host, &versioned("appsec:connector@0.3.0")), @"before it is compiled: the connector speaks contract 0.3.0 and this host 0.2.0: the host is too old, use a newer one");
    insta::assert_snapshot!(refused(&host, &versioned("appsec:connector@1.0.0")), @"before it is compiled: the connector speaks contract 1.0.0 and this host 0.2.0: the host is too old, use a newer one");
    insta::assert_snapshot!(refused(&host, &versioned("appsec:connector@0.0.9")), @"before it is compiled: the connector speaks contract 0.0.9 and this host 0.2.0: the connector is too old, build it against the contract of this host");
    host.assert_well().await;
}

#[tokio::test]
async fn an_interface_of_the_right_name_and_other_types_is_refused() {
    let host = Host::new(Limits::default());
    let with = |was, is| Raw { contract: vec![(was, is)], ..Raw::default() };
    let others = [
        with("describe: func() -> manifest;", "describe: func() -> string;"),
        with("describe: func() -> manifest;", "explain: func() -> manifest;"),
        with("fetch-scan: func(id: string)", "fetch-scan: func(id: u64)"),
    ];
    let mut messages = Vec::new();
    for raw in &others {
        messages.push(match host.load(raw) {
            Err(error) => error.to_string(),
            // Types are compared when there is an instance, before it runs.
            Ok(connector) => soon(connector.describe("acme/raw")).await.unwrap_err().to_string(),
        });
    }
    insta::assert_snapshot!(messages.join("\n"), @"
    the connector crashed in `describe`: expected `record` found `string`
    the component cannot be linked: instance export `appsec:connector/source@0.2.0` does not have export `describe`
    the connector crashed in `describe`: expected `string` found `u64`
    ");
    host.assert_well().await;
}

/// A component that imports one function.
fn importing(package: &'static str, text: &'static str, interface: &'static str, function: &str) -> Raw {
    Raw {
        fields: format!("(import \"{interface}\" \"{function}\" (func (result i32)))"),
        contract: vec![(
            "    export source;",
            Box::leak(format!("import {interface}; export source;").into_boxed_str()),
        )],
        packages: vec![(package, text)],
        ..Raw::default()
    }
}

#[tokio::test]
async fn what_is_not_offered_is_refused_before_anything_is_compiled() {
    let host = Host::new(Limits::default());
    let cases = [
        importing(
            "filesystem",
            "package wasi:filesystem@0.3.0; interface preopens { get-directories: func() -> u32; }",
            "wasi:filesystem/preopens@0.3.0",
            "get-directories",
        ),
        importing(
            "random",
            "package wasi:random@0.3.0; interface random { get-random-u64: func() -> u32; }",
            "wasi:random/random@0.3.0",
            "get-random-u64",
        ),
        importing(
            "host",
            "package acme:host@1.0.0; interface shell { run: func() -> u32; }",
            "acme:host/shell@1.0.0",
            "run",
        ),
    ];
    let messages: Vec<String> = cases.iter().map(|raw| refused(&host, raw)).collect();
    insta::assert_snapshot!(messages.join("\n"), @"
    before it is compiled: the connector imports interfaces that this host does not provide: `wasi:filesystem/preopens@0.3.0` (offered: 0.2)
    before it is compiled: the connector imports interfaces that this host does not provide: `wasi:random/random@0.3.0` (offered: 0.2)
    before it is compiled: the connector imports interfaces that this host does not provide: `acme:host/shell@1.0.0`
    ");
    host.assert_well().await;
}

#[tokio::test]
async fn an_offered_interface_with_other_functions_is_refused() {
    let host = Host::new(Limits::default());
    let raw = importing(
        "random",
        "package wasi:random@0.2.6; interface random { everything: func() -> u32; }",
        "wasi:random/random@0.2.6",
        "everything",
    );
    insta::assert_snapshot!(refused(&host, &raw), @"compiled: the component cannot be linked: component imports instance `wasi:random/random@0.2.6`, but a matching implementation was not found in the linker: instance export `everything` has the wrong type: function implementation is missing");
    host.assert_well().await;
}

/// A host, and what sets up a component with this manifest.
fn lying(manifest: &Manifest) -> (TestContext, Setup) {
    let context = TestContext::new(WorldShape { projects: 1, sast: 1, sca: 0, ..WorldShape::default() });
    let path = context.data_dir().join("lying.wasm");
    std::fs::write(&path, manifest.connector().component()).unwrap();
    let connector = ConnectorSource::File { path };
    let setup = Setup { connector, allow_private_origins: vec![], ..context.hostile("one", settings(json!({}))) };
    (context, setup)
}

/// Asserts that others are served, of the same tenant and of another one.
async fn assert_served(context: &TestContext) {
    for tenant in ["acme", "other"] {
        let well = context.hostile("well", settings(json!({})));
        let made = soon(context.tenant(tenant).add_instance(well, true)).await.unwrap();
        assert_eq!(made.connection.unwrap().diagnostics[0].message, "");
    }
}

#[tokio::test]
async fn a_manifest_that_asks_for_origins_is_granted_none_of_them() {
    let origins = || vec!["http://127.0.0.1:22", "http://169.254.169.254", "https://vendor.example"];
    let manifest = || Manifest { id: "raw", contract: "0.2.0", origins: origins(), secrets: vec!["RAW_TOKEN"] };
    let granted = async |allowed: &[&str]| {
        let (context, mut setup) = lying(&manifest());
        setup.allow_origins = allowed.iter().map(|origin| origin.parse().unwrap()).collect();
        let tenant = context.tenant("acme");
        soon(tenant.add_instance(setup, false)).await.unwrap();
        assert_served(&context).await;
        tenant.grant(&name("one")).await.unwrap().http.unwrap().policy
    };
    let policy = granted(&[]).await;
    assert_eq!(policy.origins().count(), 0);
    for origin in origins() {
        let refusal = policy.check(origin).unwrap_err().to_string();
        assert!(refusal.ends_with("is not granted to this instance"), "{refusal}");
    }
    // The operator's word for a name is none for an address of this machine.
    let policy = granted(&["https://vendor.example", "http://127.0.0.1:22"]).await;
    assert!(policy.origins().all(|(_, addresses)| addresses == Addresses::Public));
    assert!(policy.check("https://vendor.example/api").is_ok());
    let refusal = policy.check("http://127.0.0.1:22/").unwrap_err().to_string();
    assert!(refusal.ends_with("which is a loopback address"), "{refusal}");
}

#[tokio::test]
async fn a_manifest_with_an_origin_that_is_none_is_refused() {
    for (origin, why) in [
        ("https://", "is not an origin"),
        ("file:///etc/passwd", "other than http and https"),
        ("https://user@vendor.example", "more than a scheme, host and port"),
        ("https://vendor.example/path", "more than a scheme, host and port"),
        ("*", "is not an origin"),
    ] {
        let (context, setup) =
            lying(&Manifest { id: "raw", contract: "0.2.0", origins: vec![origin], secrets: vec![] });
        let message = soon(context.tenant("acme").add_instance(setup, false)).await.unwrap_err().to_string();
        assert!(message.contains(why), "{origin}: {message}");
        assert!(context.tenant("acme").instance(&name("one")).await.is_err());
        assert_served(&context).await;
    }
}

#[tokio::test]
async fn a_manifest_that_names_another_contract_is_refused() {
    let (context, setup) = lying(&Manifest { id: "raw", contract: "9.9.9", origins: vec![], secrets: vec![] });
    let message = soon(context.tenant("acme").add_instance(setup, false)).await.unwrap_err().to_string();
    insta::assert_snapshot!(message, @"the connector's description of itself is unusable: it names the contract `9.9.9`, and exports 0.2.0");
    assert_served(&context).await;
}

#[tokio::test]
async fn a_component_that_takes_the_place_of_another_is_not_run() {
    let manifest = |id| Manifest { id, contract: "0.2.0", origins: vec![], secrets: vec![] };
    let (context, setup) = lying(&manifest("raw"));
    let ConnectorSource::File { path } = setup.connector.clone() else { panic!("a file") };
    let tenant = context.tenant("acme");
    soon(tenant.add_instance(setup, false)).await.unwrap();
    std::fs::write(&path, manifest("other").connector().component()).unwrap();
    // A process that had loaded the first one notices it like the next process:
    // it is known for another before it is called.
    let check = async |tenant: &Tenant| soon(tenant.check_instance(&name("one"), None)).await.unwrap_err();
    let restarted = Harness::new(Options::new(context.data_dir())).tenant("acme".parse().unwrap()).unwrap();
    for tenant in [&tenant, &restarted] {
        let error = check(tenant).await;
        assert_eq!(error.to_string(), "connector mismatch: instance uses `raw`, component is `other`");
        assert!(matches!(error, Error::OtherConnector { .. }));
    }
    // Nor does the same id help.
    let same = Manifest { secrets: vec!["TOKEN"], ..manifest("raw") };
    std::fs::write(&path, same.connector().component()).unwrap();
    let error = check(&tenant).await;
    assert!(matches!(error, Error::ConnectorChanged { .. }), "{error}");
    assert_served(&context).await;
}
