//! What `configure` learnt, kept in the bucket for the later calls.

use appsec_model::{Deployment, Error};
use guest_json::{Raw, object, quote, text, write};

use crate::{Bucket, BucketError, settings::Settings, wire::Text};

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

object! {
    #[derive(Default)]
    struct Stored<'a> {
        version: Option<u32>,
        settings: Option<Raw<'a>>,
        deployment: Option<Account<'a>>,
    }

    #[derive(Default)]
    struct Account<'a> {
        id: Option<Text<'a>>,
        slug: Option<Text<'a>>,
        name: Option<Text<'a>>,
    }
}

impl Memory {
    /// What the last successful `configure` left.
    pub fn load(bucket: &mut dyn Bucket) -> Result<Self, Error> {
        let bytes = bucket.get(KEY).map_err(unusable)?.ok_or_else(Error::not_configured)?;
        Self::decode(&bytes).ok_or_else(Error::not_configured)
    }

    /// Replaces what is there.
    pub fn save(&self, bucket: &mut dyn Bucket) -> Result<(), Error> {
        let Deployment { id, slug, name } = &self.deployment;
        let deployment = write(&[
            ("id", Some(quote(id))),
            ("slug", Some(quote(slug))),
            ("name", Some(name.as_deref().map_or_else(|| "null".to_owned(), quote))),
        ]);
        let stored = write(&[
            ("version", Some(VERSION.to_string())),
            ("settings", Some(text(&self.settings.to_json()))),
            ("deployment", Some(deployment)),
        ]);
        bucket.set(KEY, stored.as_bytes()).map_err(unusable)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let stored: Stored<'_> = guest_json::read(std::str::from_utf8(bytes).ok()?)?;
        let settings = Settings::parse(stored.settings?.get()).ok()?;
        let Account { id, slug, name } = stored.deployment?;
        let deployment =
            Deployment { id: id?.into_string(), slug: slug?.into_string(), name: name.map(Text::into_string) };
        (stored.version? == VERSION).then_some(Self { settings, deployment })
    }
}

fn unusable(BucketError(what): BucketError) -> Error {
    Error::internal(format!("the connector's bucket cannot be used: {what}"))
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
