//! Cursors go on with a read, or are refused.

use std::sync::LazyLock;

use appsec_model::{Error, ErrorCode, FetchRequest, Kind, NextPage, ProjectScope, RawPage, Scope};
use semgrep_core::{fetch_findings, list_projects};

use crate::{
    input::{has, pick, split_text},
    world::{MemoryBucket, Vendor, configured, friendly, ok, with},
};

/// The longest cursor that the contract allows, in bytes.
pub const MAX_CURSOR_BYTES: usize = 4 << 10;

static ALL: LazyLock<MemoryBucket> = LazyLock::new(|| configured("all"));
static PRIMARY: LazyLock<MemoryBucket> = LazyLock::new(|| configured("primary"));

/// A text as a cursor, or as the vendor's part of a cursor that is forged.
///
/// Choices: kind; bits: forged, whole deployment; group; page.
pub fn cursor(data: &[u8]) {
    let Some(([kind, bits, group, page], text)) = split_text(data) else { return };
    let kind = pick(kind, &[Kind::Sast, Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Packages]);
    let (bucket, scope) = match has(bits, 1) {
        true => (&ALL, Scope::Deployment),
        false => (&PRIMARY, Scope::Projects(projects())),
    };
    let mut bucket = MemoryBucket::clone(bucket);
    let request = FetchRequest { kind, scope, since: None, cursor: None };
    if !has(bits, 0) {
        refused(fetch(&FetchRequest { cursor: Some(text.into()), ..request }, &mut bucket));
        let projects = with(&mut Vendor::new(friendly), &mut bucket, |outside| list_projects(Some(text), outside));
        refused(projects);
        return;
    }
    // Who forges a cursor reads its own pages, and nothing else.
    let first = one_record(&request, &mut bucket);
    let NextPage::Cursor(genuine) = first.next else { panic!("a page with a record has a next one") };
    let forged = forge(&genuine, u32::from(group), u32::from(page), text);
    match fetch(&FetchRequest { cursor: Some(forged), ..request }, &mut bucket) {
        Ok(page) => {
            assert!(page.records.is_empty());
            if let NextPage::Cursor(next) = page.next {
                assert!(next.len() <= MAX_CURSOR_BYTES);
            }
        }
        Err(Error { code: ErrorCode::InvalidCursor, .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Projects of two branches, so that there are two groups.
fn projects() -> Vec<ProjectScope> {
    let project = |id: &str, branch: &str| ProjectScope {
        id: id.into(),
        name: format!("acme/{id}"),
        primary_branch: Some(branch.into()),
    };
    vec![project("7", "main"), project("8", "refs/heads/a&b#c")]
}

/// Nobody guesses a cursor.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error { code: ErrorCode::InvalidCursor, .. })), "{result:?}");
}

fn fetch(request: &FetchRequest, bucket: &mut MemoryBucket) -> Result<RawPage, Error> {
    let mut vendor = Vendor::new(friendly);
    let result = with(&mut vendor, bucket, |outside| fetch_findings(request, outside));
    assert!(vendor.asked <= 1, "one page is one request");
    result
}

/// The first page of a read, with a record and a next page.
fn one_record(request: &FetchRequest, bucket: &mut MemoryBucket) -> RawPage {
    let mut vendor = Vendor::new(|path| {
        ok(match path.contains("/dependencies") {
            true => r#"{"dependencies":[{"repositoryId":"7","package":{"name":"a"}}],"hasMore":true,"cursor":"next"}"#,
            false => r#"{"findings":[{"id":"1"}],"cursor":"next"}"#,
        })
    });
    with(&mut vendor, bucket, |outside| fetch_findings(request, outside)).expect("a page with a record")
}

/// A cursor of the same request that leads elsewhere.
fn forge(genuine: &str, group: u32, page: u32, vendor: &str) -> String {
    let (prefix, hex) = genuine.split_at(2);
    let byte = |at: usize| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hexadecimal digits");
    let mut bytes: Vec<u8> = group.to_le_bytes().into_iter().chain(page.to_le_bytes()).collect();
    bytes.extend((8..16).map(byte));
    bytes.extend(vendor.as_bytes());
    // FNV-1a over the word, the byte that ends it, and the rest.
    let words = b"cursor\xff".iter().chain(&bytes);
    let hash = words
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    bytes.extend(hash.to_le_bytes());
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{digits}")
}
