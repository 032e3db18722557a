//! The store of a tenant beside the facade, which hands none out.

use appsec_store::{FindingStore, SharedStore};
use host_harness::Tenant;

/// The store of a tenant, opened as another process would.
pub fn store(tenant: &Tenant) -> SharedStore {
    SharedStore::to_look_at(FindingStore::open(&tenant.folder().join("store.sqlite3"), tenant.id()).unwrap())
}
