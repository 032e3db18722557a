//! Signatures: HMAC with SHA-256 (RFC 2104, FIPS 180-4), compared in constant time.

pub(crate) mod scheme;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::WebhookError;
use appsec_grant::Secret;

/// Shortest secret: a random one of this length cannot be guessed.
const MIN_SECRET_BYTES: usize = 16;

/// What a secret in the spelling of Standard Webhooks begins with; base64 follows.
const STANDARD_PREFIX: &str = "whsec_";

/// A key that signs and checks.
#[derive(Clone)]
pub(crate) struct SigningKey(Zeroizing<Vec<u8>>);

impl SigningKey {
    /// The key of events that go out. A secret that begins with `whsec_` is the
    /// base64 of the key; any other is the key itself.
    pub fn outgoing(secret: &Secret) -> Result<Self, WebhookError> {
        let text = secret.reveal();
        let key = match text.strip_prefix(STANDARD_PREFIX) {
            Some(encoded) => BASE64.decode(encoded.as_bytes()).map_err(|_| WebhookError::SecretForm)?,
            None => text.as_bytes().to_vec(),
        };
        let key = Zeroizing::new(key);
        if key.len() < MIN_SECRET_BYTES {
            Err(WebhookError::ShortSecret { bytes: key.len(), least: MIN_SECRET_BYTES })
        } else {
            Ok(Self(key))
        }
    }

    /// The key of events that come in: the secret as the vendor was given it.
    pub fn incoming(secret: &Secret) -> Result<Self, WebhookError> {
        let key = secret.reveal().as_bytes();
        if key.len() < MIN_SECRET_BYTES {
            return Err(WebhookError::ShortSecret { bytes: key.len(), least: MIN_SECRET_BYTES });
        }
        Ok(Self(Zeroizing::new(key.to_vec())))
    }

    /// A key that nobody has.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = Zeroizing::new(vec![0; 32]);
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    fn mac(&self, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(mac)
    }

    /// The signature of these parts, one after the other.
    pub fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.mac(parts).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
    }

    /// Whether this is the signature of these parts. Compares in constant time.
    pub fn verify(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.mac(parts).is_some_and(|mac| mac.verify_slice(signature).is_ok())
    }
}

/// The value of the header `webhook-signature` as Standard Webhooks has it: over
/// the event's id, the time in seconds, and the body, with full stops between.
pub(crate) fn standard(key: &SigningKey, event_id: &str, seconds: &str, body: &[u8]) -> String {
    let signature = key.sign(&[event_id.as_bytes(), b".", seconds.as_bytes(), b".", body]);
    format!("v1,{}", BASE64.encode(&signature))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::{SigningKey, WebhookError, standard};
    use appsec_grant::{Secret, SecretSource};

    fn secret(text: &str) -> Secret {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, text).unwrap();
        SecretSource::File { path }.read().unwrap()
    }

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        // Test cases 1, 2 and 6 of section 4.
        let cases: [(&[u8], &[u8], &str); 3] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, data, expected) in cases {
            let key = SigningKey(key.to_vec().into());
            let (head, tail) = data.split_at(3);
            assert_eq!(HEXLOWER.encode(&key.sign(&[head, tail])), expected);
        }
    }

    #[test]
    fn a_standard_signature_is_that_of_the_published_example() {
        // The example of the specification of Standard Webhooks.
        let key = SigningKey::outgoing(&secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signed = standard(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_can_be_guessed_or_is_cut_is_refused() {
        assert!(matches!(
            SigningKey::outgoing(&secret("fifteen-letters")),
            Err(WebhookError::ShortSecret { bytes: 15, .. })
        ));
        assert!(matches!(
            SigningKey::outgoing(&secret("whsec_c2hvcnQ=")),
            Err(WebhookError::ShortSecret { bytes: 5, .. })
        ));
        assert!(matches!(
            SigningKey::outgoing(&secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS")),
            Err(WebhookError::SecretForm)
        ));
        assert!(SigningKey::outgoing(&secret("sixteen-letters!")).is_ok());
    }
}
