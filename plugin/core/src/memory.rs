//! What `configure` learnt, kept in the bucket for the later calls.

use appsec_model::{Deployment, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Bucket, BucketError, settings::Settings, wire::from_text};

/// The one key in use: settings and deployment are one value, so that a crash
/// cannot leave the one without the other.
const KEY: &str = "connection";

/// Version of the stored form. A value of another version reads as "not
/// configured", and the host configures again.
const VERSION: u32 = 1;

/// Settings that worked, and the deployment they led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// The checked settings.
    pub settings: Settings,
    /// The token's deployment.
    pub deployment: Deployment,
}

#[derive(Deserialize, Serialize)]
struct Stored {
    version: u32,
    settings: Value,
    deployment: Deployment,
}

impl Memory {
    /// What the last successful `configure` left.
    pub fn load(bucket: &mut dyn Bucket) -> Result<Self, Error> {
        let bytes = bucket.get(KEY).map_err(unusable)?.ok_or(Error::NotConfigured)?;
        Self::decode(&bytes).ok_or(Error::NotConfigured)
    }

    /// Replaces what is there.
    pub fn save(&self, bucket: &mut dyn Bucket) -> Result<(), Error> {
        let stored =
            Stored { version: VERSION, settings: self.settings.to_json(), deployment: self.deployment.clone() };
        let bytes = serde_json::to_vec(&stored).map_err(|error| Error::Internal { detail: error.to_string() })?;
        bucket.set(KEY, &bytes).map_err(unusable)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let stored: Stored = from_text(std::str::from_utf8(bytes).ok()?).ok()?;
        let settings = Settings::parse(&stored.settings.to_string()).ok()?;
        (stored.version == VERSION).then_some(Self { settings, deployment: stored.deployment })
    }
}

fn unusable(BucketError(what): BucketError) -> Error {
    Error::Internal { detail: format!("the connector's bucket cannot be used: {what}") }
}

#[cfg(test)]
mod tests {
    use appsec_model::Deployment;

    use super::Memory;
    use crate::settings::Settings;

    #[test]
    fn what_is_not_ours_reads_as_nothing() {
        for bytes in ["", "{}", "[]", r#"{"version":1}"#, "\u{fffd}"] {
            assert_eq!(Memory::decode(bytes.as_bytes()), None, "{bytes}");
        }
        let deployment = Deployment { id: "1".into(), slug: "acme".into(), name: None };
        let settings = Settings::parse("{}").unwrap();
        let newer = serde_json::json!({ "version": 2, "settings": settings.to_json(), "deployment": deployment });
        assert_eq!(Memory::decode(newer.to_string().as_bytes()), None);
    }
}
