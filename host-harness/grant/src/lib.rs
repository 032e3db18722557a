//! What an instance of a connector is granted: who it is ([`TenantId`],
//! [`InstanceName`]), which origins it may reach ([`EgressPolicy`]) through which
//! proxy ([`Proxies`]), where its secrets are read from ([`SecretSource`]), and the
//! store of its bucket ([`BucketStore`]).
//!
//! Everything here is data and decisions. Reading a secret is the only I/O.

#![warn(missing_docs)]

mod addresses;
mod audience;
mod bucket;
mod code;
mod egress;
pub mod files;
mod ids;
mod mounts;
mod origin;
mod proxy;
mod secrets;
mod text;
mod unknown;

pub use self::{
    addresses::Addresses,
    audience::Audience,
    bucket::{BucketError, BucketStore, Changes, Values, apply},
    code::{Class, Code, UnknownCode},
    egress::{EgressPolicy, Refusal},
    ids::{CatalogueName, InstanceName, NameError, TenantId},
    mounts::network_file_system,
    origin::{Origin, OriginError, Scheme},
    proxy::{Proxies, Proxy, ProxyError, ProxyFormError, ProxyOrigin, ProxySetting, ProxyUrl},
    secrets::{Secret, SecretError, SecretSource, VAULT_KEY_PREFIX},
    text::{counted, with_causes},
    unknown::UnknownName,
};
