//! Pulls a component from a registry of the Open Container Initiative, by its digest.
//!
//! That takes two kinds of requests and, where the registry asks for one, a token:
//! a client for all of the protocol would bring an HTTP stack of its own, which would
//! know nothing of the addresses and proxies that are allowed here.

use http::{StatusCode, header};
use serde::Deserialize;
use url::Url;

use super::{
    download::{self, Answer, Wanted},
    origin::{ComponentOrigin, hash, is_hash, is_of_this_machine},
};
use crate::{
    error::{ConnectorError, Error},
    host::Host,
};
use appsec_grant::Addresses;
use appsec_sandbox::{Inspection, RuntimeError};

/// What an address of an artifact begins with.
pub(super) const SCHEME: &str = "oci://";

const DIGEST: &str = "sha256:";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const COMPONENT: &str = "application/wasm";

/// Bytes of a manifest, of a config, and of an answer with a token.
const DOCUMENT_BYTES: u64 = 4 << 20;

/// How often a registry may lead elsewhere for one blob.
const REDIRECTIONS: usize = 3;

/// An artifact in a registry.
#[derive(Debug)]
struct Artifact {
    /// Where the registry is, with the path of the repository.
    repository: Url,
    digest: String,
    shown: String,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
}

#[derive(Deserialize)]
struct Config {
    component: Option<Interfaces>,
}

#[derive(Deserialize)]
struct Interfaces {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// The component of an artifact. Its config says what it imports and exports: what
/// does not run here is refused before its code is fetched, as is a component with
/// another hash than the expected one.
pub(super) async fn component(
    host: &Host,
    reference: &str,
    expected: Option<&str>,
    addresses: Addresses,
) -> Result<Vec<u8>, Error> {
    let artifact = Artifact::read(reference)?;
    let registry = Registry { host, artifact: &artifact, addresses };
    let mut token = None;
    let manifest = registry.get("manifests", &artifact.digest, MANIFEST, DOCUMENT_BYTES, &mut token).await?;
    let manifest: Manifest = artifact.parsed("manifest", &manifest)?;
    let [layer] = manifest.layers.as_slice() else {
        return Err(artifact.unusable(format!("it has {} layers, and a component is one", manifest.layers.len())));
    };
    for (what, found, expected) in [("config", &manifest.config, CONFIG), ("layer", layer, COMPONENT)] {
        if found.media_type != expected {
            return Err(artifact.unusable(format!("its {what} is `{}` and not `{expected}`", found.media_type)));
        }
        // It becomes a part of an address.
        if !found.digest.strip_prefix(DIGEST).is_some_and(is_hash) {
            return Err(artifact.unusable(format!("the digest of its {what} is no SHA-256")));
        }
    }
    let config = registry.get("blobs", &manifest.config.digest, CONFIG, DOCUMENT_BYTES, &mut token).await?;
    let config: Config = artifact.parsed("config", &config)?;
    let Some(Interfaces { imports, exports }) = config.component else {
        return Err(artifact.unusable("its config names no imports and exports".to_owned()));
    };
    let sha256 = layer.digest.strip_prefix(DIGEST).unwrap_or_default().to_owned();
    if let Some(expected) = expected.filter(|expected| *expected != sha256) {
        return Err(ConnectorError::OtherHash { expected: expected.to_owned(), found: sha256 }.into());
    }
    let size = usize::try_from(layer.size).unwrap_or(usize::MAX);
    Inspection::announced(sha256, size, imports, exports).check().map_err(RuntimeError::from)?;
    let most = host.options().limits.component_bytes;
    if layer.size > most {
        return Err(artifact.unusable(format!("it has {size} bytes, and a connector may have {most}")));
    }
    registry.get("blobs", &layer.digest, COMPONENT, most, &mut token).await
}

impl Artifact {
    /// What a person typed: `oci://registry/repository@sha256:HEX`.
    fn read(reference: &str) -> Result<Self, Error> {
        let shown = ComponentOrigin::Url(reference.to_owned()).to_string();
        let wrong = || ConnectorError::OciReference(shown.clone());
        let (place, digest) = reference.rsplit_once('@').ok_or_else(wrong)?;
        let hex = digest.strip_prefix(DIGEST).ok_or_else(wrong)?;
        let (registry, repository) = place.strip_prefix(SCHEME).and_then(|it| it.split_once('/')).ok_or_else(wrong)?;
        // A tag says nothing beside a digest.
        let repository = repository.rsplit_once(':').map_or(repository, |(repository, _)| repository);
        let is_part = |part: &str| {
            let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
            part.bytes().all(inner) && part.starts_with(|sign: char| sign.is_ascii_alphanumeric())
        };
        if !is_hash(hex) || registry.is_empty() || registry.contains('@') || !repository.split('/').all(is_part) {
            return Err(wrong().into());
        }
        let url = |scheme: &str| Url::parse(&format!("{scheme}://{registry}/v2/{repository}/"));
        let mut at = url("https").map_err(|_| wrong())?;
        // As everywhere with registries, one of this machine has no TLS.
        if is_of_this_machine(&at) {
            at = url("http").map_err(|_| wrong())?;
        }
        Ok(Self { repository: at, digest: digest.to_owned(), shown })
    }

    fn failed(&self, reason: String) -> Error {
        ConnectorError::Download { url: self.shown.clone(), reason }.into()
    }

    fn unusable(&self, what: String) -> Error {
        ConnectorError::Artifact { reference: self.shown.clone(), what }.into()
    }

    fn parsed<'a, T: Deserialize<'a>>(&self, what: &str, bytes: &'a [u8]) -> Result<T, Error> {
        serde_json::from_slice(bytes).map_err(|error| self.unusable(format!("its {what} cannot be read: {error}")))
    }
}

/// A registry that is asked for an artifact.
struct Registry<'a> {
    host: &'a Host,
    artifact: &'a Artifact,
    addresses: Addresses,
}

impl Registry<'_> {
    /// What has a digest: those bytes, or none.
    async fn get(
        &self,
        sort: &str,
        digest: &str,
        accept: &str,
        most: u64,
        token: &mut Option<String>,
    ) -> Result<Vec<u8>, Error> {
        let failed = |reason: String| self.artifact.failed(format!("{digest}: {reason}"));
        let mut url =
            self.artifact.repository.join(&format!("{sort}/{digest}")).map_err(|error| failed(error.to_string()))?;
        let mut redirections = 0..REDIRECTIONS;
        loop {
            let is_registry = url.origin() == self.artifact.repository.origin();
            // Nobody else gets the token.
            let authorization = token.as_deref().filter(|_| is_registry);
            let answer = self.ask(&url, accept, most, authorization).await.map_err(failed)?;
            match answer.status {
                StatusCode::OK => {
                    let found = hash(&answer.body);
                    return match digest.strip_prefix(DIGEST) {
                        Some(expected) if expected == found => Ok(answer.body),
                        _ => Err(ConnectorError::OtherHash { expected: digest.to_owned(), found }.into()),
                    };
                }
                StatusCode::UNAUTHORIZED if is_registry && token.is_none() => {
                    *token = Some(self.token(&answer).await.map_err(failed)?);
                }
                status if status.is_redirection() => {
                    let again = || failed("the registry leads elsewhere again and again".to_owned());
                    redirections.next().ok_or_else(again)?;
                    let location = answer.headers.get(header::LOCATION).and_then(|it| it.to_str().ok());
                    let next = location.and_then(|location| url.join(location).ok());
                    url = next.ok_or_else(|| failed(format!("the registry answers {status} and leads nowhere")))?;
                }
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    return Err(failed("the registry gives it to nobody without an account".to_owned()));
                }
                status => return Err(failed(format!("the registry answers {status}"))),
            }
        }
    }

    /// A token that everybody gets.
    async fn token(&self, refused: &Answer) -> Result<String, String> {
        #[derive(Deserialize)]
        struct Given {
            token: Option<String>,
            access_token: Option<String>,
        }
        let challenge = refused.headers.get(header::WWW_AUTHENTICATE).and_then(|it| it.to_str().ok());
        let nobody = || "the registry gives it to nobody without an account".to_owned();
        let challenge = challenge.and_then(|it| it.split_once(' '));
        let is_bearer = |(scheme, _): &(&str, &str)| scheme.eq_ignore_ascii_case("bearer");
        let (_, challenge) = challenge.filter(is_bearer).ok_or_else(nobody)?;
        let pairs = quoted(challenge);
        let of = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let mut url = of("realm").and_then(|realm| Url::parse(realm).ok()).ok_or_else(nobody)?;
        for name in ["service", "scope"] {
            if let Some(value) = of(name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let answer = self.ask(&url, "application/json", DOCUMENT_BYTES, None).await?;
        let given = serde_json::from_slice::<Given>(&answer.body).ok().filter(|_| answer.status == StatusCode::OK);
        let token = given.and_then(|it| it.token.or(it.access_token)).ok_or_else(nobody)?;
        Ok(format!("Bearer {token}"))
    }

    /// Asks the registry, or where it leads to. What the operator did not type is not
    /// of the own network, and not without TLS.
    async fn ask(&self, url: &Url, accept: &str, most: u64, authorization: Option<&str>) -> Result<Answer, String> {
        let is_registry = url.origin() == self.artifact.repository.origin();
        if url.scheme() != "https" && !is_registry {
            return Err(format!(
                "the registry leads to {}, which is not encrypted",
                url.origin().ascii_serialization()
            ));
        }
        let addresses = if is_registry { self.addresses } else { Addresses::Public };
        let wanted = Wanted { url: url.as_str(), accept, most, what: "it", addresses };
        download::get(self.host, &wanted, authorization).await
    }
}

/// The values of a challenge by their names.
fn quoted(challenge: &str) -> Vec<(&str, &str)> {
    let (mut pairs, mut rest) = (Vec::new(), challenge);
    while let Some((name, (value, after))) =
        rest.split_once("=\"").and_then(|(name, it)| Some((name, it.split_once('"')?)))
    {
        pairs.push((name.trim_matches([' ', ',']), value));
        rest = after;
    }
    pairs
}

#[cfg(test)]
mod tests;
