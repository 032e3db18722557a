//! Which results of files are the same finding: the algorithm `semgrep-file-v1`.
//!
//! A run without login prints no fingerprint (since 1.98), or one that only the
//! JSON of some versions holds. So each result gets an identity of ours, from
//! what every version prints in JSON and in SARIF alike:
//!
//! 1. the rule's id, as printed. The CLI puts the folder of a local rule file
//!    before the rule's own id; nothing of it is taken off, since where the
//!    folders end cannot be told from the id. Who wants one finding across
//!    machines names the rules by the same relative path on each;
//! 2. the path, by [`place::path`](super::place::path);
//! 3. the message, each run of ASCII white space as one blank, without those at
//!    its ends.
//!
//! The group is the FNV-1a hash of 128 bits over these three in UTF-8, each
//! followed by the byte 0xff, which UTF-8 does not have. Results of one group
//! are numbered from 0 by their [`Position`](super::sketch::Position) in the
//! file, and the key is the hash in hexadecimal, `_`, and that number.
//!
//! Line numbers only order: lines inserted above move all results of a group
//! and none past another. The matched code is no part of it, as runs without
//! login withhold it, nor is the package of a supply chain result, which SARIF
//! does not have: one rule tells of one vulnerability, usages in several files
//! have several paths, and several in one file are numbered.
//!
//! FNV is no cryptographic hash. Somebody who chooses a rule's id, path and
//! message to collide merges two findings of his own file, and could as well
//! have left one out.
//!
//! That a run was one with login is shown by metadata that only the platform
//! adds (`semgrep.dev` with `src`, `semgrep.policy`, `semgrep.url`; in SARIF a
//! tag of its policies, or the rule's address among an organization's), or by a
//! fingerprint of a version that prints none otherwise. `semgrep.dev` with
//! `rule` alone proves nothing: the registry gives it to everybody. SARIF shows
//! the least of it, so that a run with login before 1.98 may have the vendor's
//! key in JSON and ours in SARIF; each then has the other's among its aliases.
//!
//! A change of any of this is another algorithm and needs another name.

use appsec_model::Identity;

use crate::normalize::branch_name;

/// Name and version of the algorithm.
pub const ALGORITHM: &str = "semgrep-file-v1";

/// The identity that the vendor's API gives, in `match_based_id`.
const VENDOR_ALGORITHM: &str = "semgrep-match-based-id";

/// The group of a result.
pub fn group(rule: &str, path: &str, message: &str) -> u128 {
    let mut hash = Fnv::new();
    hash.part(rule.as_bytes());
    hash.part(path.as_bytes());
    for (at, word) in message.split_ascii_whitespace().enumerate() {
        if at > 0 {
            hash.bytes(b" ");
        }
        hash.bytes(word.as_bytes());
    }
    hash.part(b"");
    hash.finish()
}

/// The id of a record of a file: its group, its number among the group, and the
/// branch where the host said which was scanned.
pub fn record_id(group: u128, ordinal: u32, branch: Option<&str>) -> String {
    match branch {
        Some(branch) => format!("{group:032x}-{ordinal}@{}", branch_name(branch)),
        None => format!("{group:032x}-{ordinal}"),
    }
}

/// The identity of a result. The vendor's fingerprint is the key only of a run
/// with login, where it joins the API's finding; of other runs it is kept as an
/// alias, since the versions that withhold it could not give the same key.
pub fn identity(group: u128, ordinal: u32, fingerprint: Option<&str>, logged_in: bool) -> Identity {
    let own = format!("{group:032x}_{ordinal}");
    let fingerprint = fingerprint.filter(|text| is_fingerprint(text)).map(str::to_owned);
    match fingerprint {
        Some(vendors) if logged_in && is_match_based(&vendors) => {
            Identity { key: vendors, algorithm: VENDOR_ALGORITHM.to_owned(), aliases: vec![own] }
        }
        vendors => Identity { key: own, algorithm: ALGORITHM.to_owned(), aliases: vendors.into_iter().collect() },
    }
}

/// Whether a text has the form of the API's `match_based_id`: a hash of 512
/// bits and a number.
pub fn is_match_based(text: &str) -> bool {
    text.split_once('_').is_some_and(|(hash, _)| hash.len() == 128) && is_fingerprint(text)
}

/// Whether a version of the tool prints fingerprints only of runs with login:
/// those from 1.98 on do, so that one of theirs is a proof of it. Forks number
/// their versions anew.
pub fn hides_fingerprints(tool: Option<&str>) -> bool {
    let Some(version) = tool.and_then(|tool| tool.rsplit(' ').next()) else {
        return false;
    };
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return false;
    };
    let fork = tool.is_some_and(|tool| tool.to_ascii_lowercase().contains("opengrep"));
    !fork && (major, minor) >= (1, 98)
}

/// Whether a text is a hash with or without a number behind it, and none of the
/// words that stand in for one: `requires login`, `0x42`, `...`.
fn is_fingerprint(text: &str) -> bool {
    let (hash, number) = text.split_once('_').unwrap_or((text, "0"));
    (32..=256).contains(&hash.len())
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (1..=10).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// FNV-1a of 128 bits, in two halves: WebAssembly has no multiplication of
/// numbers that wide, and the prime has few digits.
struct Fnv {
    high: u64,
    low: u64,
}

impl Fnv {
    /// The prime is 2 to the power of [`Self::SHIFT`] and of 64, plus this.
    const PRIME: u64 = 0x13b;
    const SHIFT: u32 = 24;

    const fn new() -> Self {
        Self { high: 0x6c62_272e_07bb_0142, low: 0x62b8_2175_6295_c58d }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let Self { mut high, mut low } = *self;
        for byte in bytes {
            low ^= u64::from(*byte);
            // What the product with the low half carries over, apart from the
            // product itself, which the next byte waits for.
            let carry = ((low >> 32) * Self::PRIME + (((low & 0xffff_ffff) * Self::PRIME) >> 32)) >> 32;
            high = high.wrapping_mul(Self::PRIME).wrapping_add(low << Self::SHIFT).wrapping_add(carry);
            low = low.wrapping_mul(Self::PRIME);
        }
        *self = Self { high, low };
    }

    fn part(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
        self.bytes(&[0xff]);
    }

    fn finish(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

#[cfg(test)]
mod tests;
