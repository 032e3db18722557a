//! Which origins a guest may reach, and at which addresses.
//!
//! A list of names is not enough: a name that its owner points at the metadata
//! service of a cloud is a way into the operator's network. So the name is
//! checked first, and then every address that it resolves to.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    addresses::Addresses,
    origin::{Origin, OriginError},
    proxy::ProxyError,
};

/// The origins granted to one instance. An empty policy denies everything.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct EgressPolicy {
    granted: BTreeMap<Origin, Addresses>,
}

/// Why a request is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The origin was not granted.
    #[error("{0} is not granted to this instance")]
    NotGranted(Origin),
    /// The address is not of the public internet.
    #[error("{origin} is at {address}, which is {reason}")]
    Address {
        /// The origin.
        origin: Origin,
        /// The address that it resolves to.
        address: IpAddr,
        /// What sort of address it is.
        reason: &'static str,
    },
    /// A proxy would look the name up, and where it leads to is not of the
    /// public internet.
    #[error("{origin} is {reason}, which is not looked up by a proxy")]
    Name {
        /// The origin.
        origin: Origin,
        /// What sort of name it is.
        reason: &'static str,
    },
    /// The proxy for it cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Not an origin at all.
    #[error(transparent)]
    Origin(#[from] OriginError),
}

impl EgressPolicy {
    /// Grants an origin.
    pub fn grant(&mut self, origin: Origin, addresses: Addresses) {
        self.granted.insert(origin, addresses);
    }

    /// Takes an origin back.
    pub fn revoke(&mut self, origin: &Origin) {
        self.granted.remove(origin);
    }

    /// The granted origins.
    pub fn origins(&self) -> impl Iterator<Item = (&Origin, Addresses)> {
        self.granted.iter().map(|(origin, addresses)| (origin, *addresses))
    }

    /// Checks a request's target: first the origin; then, where the host is a
    /// number, that number. Names are checked when they resolve, by
    /// [`Addresses::check`].
    pub fn check(&self, url: &str) -> Result<(Origin, Addresses), Refusal> {
        let origin = Origin::of_url(url)?;
        let Some(addresses) = self.granted.get(&origin).copied() else {
            return Err(Refusal::NotGranted(origin));
        };
        if let Some(address) = origin.address() {
            addresses.check(address).map_err(|reason| Refusal::Address { origin: origin.clone(), address, reason })?;
        }
        Ok((origin, addresses))
    }
}

#[cfg(test)]
mod tests;
