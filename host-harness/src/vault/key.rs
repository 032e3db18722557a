//! The key of a vault: made by this program, kept by the operator.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::VaultError;
use appsec_grant::{SecretSource, VAULT_KEY_PREFIX};

/// What the id of a key is a hash over, before the key.
const ID: &[u8] = b"id of a harness vault key\0";
/// What the key for lists of backups is a hash over, before the key.
const BACKUP: &[u8] = b"key for the list of a harness backup\0";
/// What the check at the end of a key's text is a hash over, before the key.
const CHECK: &[u8] = b"check of a harness vault key\0";

const KEY_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;
const ID_BYTES: usize = 8;
pub(super) const NONCE_BYTES: usize = 24;

/// A key that seals the secrets of vaults: 256 random bits. Nothing shows it
/// but [`VaultKey::text`], and its memory is overwritten when it is dropped.
pub struct VaultKey(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for VaultKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "VaultKey({})", self.id())
    }
}

/// A sealed secret: what it was sealed with, and what came of it.
pub(super) type Sealed = ([u8; NONCE_BYTES], Vec<u8>);

impl VaultKey {
    /// A fresh key.
    pub fn generate() -> Result<Self, VaultError> {
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(VaultError::Random)?;
        Ok(Self(key))
    }

    /// Reads a key in the form that [`text`](Self::text) gives it.
    pub fn read(source: &SecretSource) -> Result<Self, VaultError> {
        let read = source.read_any().map_err(|error| VaultError::NoKey { wanted: None, error })?;
        Self::parse(read.reveal()).ok_or_else(|| VaultError::KeyForm(source.clone()))
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes =
            Zeroizing::new(data_encoding::HEXLOWER.decode(text.strip_prefix(VAULT_KEY_PREFIX)?.as_bytes()).ok()?);
        let (key, check) = bytes.split_first_chunk::<KEY_BYTES>()?;
        let key = Self(Zeroizing::new(*key));
        // What was filled and not drawn is no key, also where its check is right.
        let filled = key.0.iter().all(|byte| Some(byte) == key.0.first());
        (!filled && check == key.hash::<CHECK_BYTES>(CHECK)).then_some(key)
    }

    /// What vouches for a text with this key: HMAC-SHA256, with a key that is
    /// derived for it.
    pub(crate) fn mac(&self, text: &[u8]) -> Option<String> {
        Some(data_encoding::HEXLOWER.encode(&self.backup_mac(text)?.finalize().into_bytes()))
    }

    /// Whether this key vouches for a text. Takes the same time whatever differs.
    pub(crate) fn vouches(&self, text: &[u8], mac: &str) -> bool {
        data_encoding::HEXLOWER
            .decode(mac.as_bytes())
            .ok()
            .zip(self.backup_mac(text))
            .is_some_and(|(mac, made)| made.verify_slice(&mac).is_ok())
    }

    fn backup_mac(&self, text: &[u8]) -> Option<Hmac<Sha256>> {
        let derived = Zeroizing::new(self.hash::<KEY_BYTES>(BACKUP));
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(derived.as_slice()).ok()?;
        mac.update(text);
        Some(mac)
    }

    /// The key as the operator keeps it: one line of ASCII, with a check
    /// against mistakes in copying.
    pub fn text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([self.0.as_slice(), self.hash::<CHECK_BYTES>(CHECK).as_slice()].concat());
        let digits = Zeroizing::new(data_encoding::HEXLOWER.encode(&bytes));
        Zeroizing::new([VAULT_KEY_PREFIX, digits.as_str()].concat())
    }

    /// A name for the key that tells nothing of it: a vault says with it which
    /// key it wants.
    pub fn id(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.hash::<ID_BYTES>(ID))
    }

    fn hash<const N: usize>(&self, purpose: &[u8]) -> [u8; N] {
        let hash = Sha256::new().chain_update(purpose).chain_update(self.0.as_slice()).finalize();
        let mut out = [0_u8; N];
        out.iter_mut().zip(hash).for_each(|(out, byte)| *out = byte);
        out
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }

    /// Seals a text; it opens only with the same `bound`.
    pub(super) fn seal(&self, text: &str, bound: &[u8]) -> Result<Sealed, VaultError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
        let payload = Payload { msg: text.as_bytes(), aad: bound };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::TooLarge)?;
        Ok((nonce, sealed))
    }

    /// Opens what was sealed with this key and this `bound`; none for anything
    /// else.
    pub(super) fn open(&self, (nonce, sealed): &Sealed, bound: &[u8]) -> Option<Zeroizing<String>> {
        let payload = Payload { msg: sealed, aad: bound };
        let opened = Zeroizing::new(self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()?);
        Some(Zeroizing::new(std::str::from_utf8(&opened).ok()?.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::VaultKey;

    #[test]
    fn a_key_is_read_as_it_is_written_and_no_two_are_equal() {
        let key = VaultKey::generate().unwrap();
        let again = VaultKey::parse(&key.text()).unwrap();
        assert_eq!((again.id(), again.text()), (key.id(), key.text()));
        assert_ne!(VaultKey::generate().unwrap().id(), key.id());
    }

    #[test]
    fn a_slip_in_a_key_is_noticed() {
        let text = VaultKey::generate().unwrap().text();
        for place in 0..text.len() {
            let mut slipped = text.as_bytes().to_vec();
            slipped[place] = if slipped[place] == b'0' { b'1' } else { b'0' };
            assert!(VaultKey::parse(std::str::from_utf8(&slipped).unwrap()).is_none(), "{place}");
            assert!(VaultKey::parse(&text[..place]).is_none(), "{place}");
        }
        assert!(VaultKey::parse("correct horse battery staple").is_none());
    }

    #[test]
    fn a_key_of_one_repeated_byte_is_none() {
        for byte in [0, 0x61, 0xff] {
            let filled = VaultKey(zeroize::Zeroizing::new([byte; super::KEY_BYTES]));
            assert!(VaultKey::parse(&filled.text()).is_none(), "{byte}");
        }
        let mut nearly = [0; super::KEY_BYTES];
        nearly[31] = 1;
        assert!(VaultKey::parse(&VaultKey(zeroize::Zeroizing::new(nearly)).text()).is_some());
    }

    #[test]
    fn debug_shows_the_id_alone() {
        let key = VaultKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("VaultKey({})", key.id()));
    }
}
