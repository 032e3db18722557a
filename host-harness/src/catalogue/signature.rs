//! Signatures of catalogues, in the form of minisign, so that its tool makes and
//! checks them too.

use std::{
    fmt,
    io::{self, Read as _},
    path::Path,
};

use blake2::{Blake2b, Blake2b512, Digest, digest::consts::U32};
use data_encoding::BASE64;
use minisign_verify::{Error as VerifyError, Signature};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use crate::error::CatalogueError;
use appsec_grant::files::{open_trusted, too_large};

/// Bytes of a file with a key.
const KEY_BYTES: u16 = 4 << 10;

/// What follows the name of a catalogue in the name of its signature.
pub(crate) const SIGNATURE_SUFFIX: &str = ".minisig";

/// Whom a catalogue is believed for.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    text: String,
    key: minisign_verify::PublicKey,
}

impl PublicKey {
    /// A key, or the file that holds it.
    pub fn given(text: &str) -> Result<Self, CatalogueError> {
        if let Ok(key) = Self::read(text) {
            return Ok(key);
        }
        let content = read_key(text.as_ref())
            .map_err(|error| CatalogueError::Key(format!("the public key {text} cannot be read: {error}")))?;
        // Nothing of the file is told: it may be the one with the secret key.
        Self::read(last_line(&content))
            .map_err(|_| CatalogueError::Key(format!("{text}: it is no public key of minisign")))
    }

    /// A key as text.
    pub fn read(text: &str) -> Result<Self, CatalogueError> {
        let key = minisign_verify::PublicKey::from_base64(text)
            .map_err(|_| CatalogueError::Key(format!("`{text}` is no public key of minisign")))?;
        Ok(Self { text: text.to_owned(), key })
    }

    /// Whether bytes are signed with it.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> Result<(), CatalogueError> {
        let wrong = |what: &str| CatalogueError::Signature(what.to_owned());
        let signature = std::str::from_utf8(signature).ok().and_then(|text| Signature::decode(text).ok());
        let signature = signature.ok_or_else(|| wrong("its signature is none of minisign"))?;
        self.key.verify(bytes, &signature, false).map_err(|error| match error {
            VerifyError::UnexpectedKeyId => wrong("it is signed with another key than the pinned one"),
            VerifyError::UnsupportedLegacyMode | VerifyError::UnexpectedAlgorithm => {
                wrong("its signature has a form that is out of date")
            }
            _ => wrong("it does not match its signature: it is damaged, or somebody has changed it"),
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// What a publisher signs with.
pub(crate) struct SigningKey {
    id: [u8; KEY_ID_BYTES],
    pair: Ed25519KeyPair,
}

/// The parts of a secret key of minisign, one after the other: what signs, what
/// seals the key, what the sum is made with, salt and effort of the sealing; then
/// what may be sealed: the id, the key and the sum.
const SIGNS: [u8; 2] = *b"Ed";
const NOT_SEALED: [u8; 2] = [0; 2];
const SUMS: [u8; 2] = *b"B2";
const SEALING_BYTES: usize = 32 + 8 + 8;
const KEY_ID_BYTES: usize = 8;
const SEED_BYTES: usize = 32;
const PUBLIC_BYTES: usize = 32;
const SUM_BYTES: usize = 32;

/// What signs files by their hash.
const SIGNS_HASHES: [u8; 2] = *b"ED";

impl SigningKey {
    /// The key in a file of minisign. One with a password is for that tool to open.
    pub fn of_file(path: &Path) -> Result<Self, CatalogueError> {
        let wrong = |what: &str| CatalogueError::Key(format!("the key {} cannot be used: {what}", path.display()));
        let text = read_key(path).map_err(|error| wrong(&error.to_string()))?;
        let decoded = BASE64.decode(last_line(&text).as_bytes()).map(Zeroizing::new);
        let decoded = decoded.map_err(|_| wrong("it is no secret key of minisign"))?;
        let mut rest = decoded.as_slice();
        let mut next = |length: usize| {
            let (part, after) = rest.split_at_checked(length)?;
            rest = after;
            Some(part)
        };
        let parts = (next(2), next(2), next(2), next(SEALING_BYTES));
        let (Some(signs), Some(sealed), Some(sums), Some(_)) = parts else {
            return Err(wrong("it is no secret key of minisign"));
        };
        if (signs, sums) != (&SIGNS[..], &SUMS[..]) {
            return Err(wrong("it is no secret key of minisign"));
        }
        if sealed != NOT_SEALED {
            return Err(wrong("it has a password, which only minisign itself asks for"));
        }
        let parts = (next(KEY_ID_BYTES), next(SEED_BYTES), next(PUBLIC_BYTES), next(SUM_BYTES));
        let (Some(id), Some(seed), Some(public), Some(sum)) = parts else {
            return Err(wrong("it is cut off"));
        };
        let found = Self::sum(id, seed, public);
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public).ok();
        match (pair, <[u8; KEY_ID_BYTES]>::try_from(id)) {
            // The tool writes no sum where there is no password to be checked by it.
            (Some(pair), Ok(id)) if sum == found || sum == [0; SUM_BYTES] => Ok(Self { id, pair }),
            _ => Err(wrong("it is damaged")),
        }
    }

    fn sum(id: &[u8], seed: &[u8], public: &[u8]) -> [u8; SUM_BYTES] {
        let sum = Blake2b::<U32>::new().chain_update(SIGNS).chain_update(id);
        sum.chain_update(seed).chain_update(public).finalize().into()
    }

    /// The key that others check with.
    pub fn public(&self) -> Result<PublicKey, CatalogueError> {
        PublicKey::read(&BASE64.encode(&[&SIGNS[..], &self.id, self.pair.public_key().as_ref()].concat()))
    }

    /// The signature of bytes; the remark is signed too.
    pub fn sign(&self, bytes: &[u8], remark: &str) -> String {
        let signature = self.pair.sign(&Blake2b512::digest(bytes));
        let all = self.pair.sign(&[signature.as_ref(), remark.as_bytes()].concat());
        let signature = BASE64.encode(&[&SIGNS_HASHES[..], &self.id, signature.as_ref()].concat());
        let all = BASE64.encode(all.as_ref());
        format!(
            "untrusted comment: signature of a catalogue of connectors\n{signature}\ntrusted comment: {remark}\n{all}\n"
        )
    }
}

/// A new pair of keys, as their files hold them.
pub(crate) struct NewKey {
    pub secret: Zeroizing<String>,
    pub public: String,
}

impl NewKey {
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut id = [0; KEY_ID_BYTES];
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        getrandom::fill(&mut id)?;
        getrandom::fill(seed.as_mut())?;
        // It has the length of a seed.
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map_err(|_| getrandom::Error::UNSUPPORTED)?;
        let public = pair.public_key().as_ref();
        let sum = SigningKey::sum(&id, seed.as_ref(), public);
        let sealing = [0; SEALING_BYTES];
        let parts = [&SIGNS[..], &NOT_SEALED, &SUMS, &sealing, &id, seed.as_ref(), public, &sum];
        let secret = Zeroizing::new(parts.concat());
        let secret = Zeroizing::new(BASE64.encode(&secret));
        let secret = Zeroizing::new(format!("untrusted comment: minisign secret key\n{}\n", *secret));
        // Shown as a number, the first byte the least.
        let number = u64::from_le_bytes(id);
        let public = BASE64.encode(&[&SIGNS[..], &id, public].concat());
        Ok(Self { secret, public: format!("untrusted comment: minisign public key {number:016X}\n{public}\n") })
    }
}

/// The text of a file with a key, which nobody else may write, in memory that is
/// overwritten afterwards.
fn read_key(path: &Path) -> io::Result<Zeroizing<String>> {
    // Of the full size at once: nothing is left behind where it would grow.
    let mut text = Zeroizing::new(String::with_capacity(usize::from(KEY_BYTES) + 1));
    open_trusted(path)?.take(u64::from(KEY_BYTES) + 1).read_to_string(&mut text)?;
    if text.len() > usize::from(KEY_BYTES) { Err(too_large(KEY_BYTES.into())) } else { Ok(text) }
}

/// What a file of minisign holds behind its comment.
fn last_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default()
}
