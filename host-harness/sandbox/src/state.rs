//! What belongs to one call: the data of its store.

use std::time::Duration;

use wasmtime::{
    ResourceLimiter,
    component::{Resource, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bindings::wasi::keyvalue::store;
use crate::{
    capability::{
        http::HttpHooks,
        storage::{BucketCtx, Refused},
    },
    limits::Limits,
};

/// Handles that a guest holds at one time: requests, streams, buckets.
pub(super) const MAX_HANDLES: usize = 1_000;

/// The state of one call's store.
pub(super) struct SandboxState {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub hooks: HttpHooks,
    pub bucket: BucketCtx,
    pub limiter: Limiter,
}

impl SandboxState {
    pub fn new(wasi: WasiCtx, hooks: HttpHooks, bucket: BucketCtx, limits: &Limits) -> Self {
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.header_bytes * 2);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self { table, wasi, http, hooks, bucket, limiter: Limiter::new(limits) }
    }

    pub fn bucket(&mut self) -> BucketView<'_> {
        BucketView { ctx: &mut self.bucket, table: &mut self.table }
    }
}

impl WasiView for SandboxState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for SandboxState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// A limit that stopped a call.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LimitHit {
    /// Linear memory.
    #[error("more than {} MiB of memory", .0 >> 20)]
    Memory(usize),
    /// Elements of tables.
    #[error("more than {0} table elements")]
    Table(usize),
    /// Processor time.
    #[error("more than {} s of processor time", .0.as_secs_f32())]
    Cpu(Duration),
    /// Time around the whole call.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Wall(Duration),
    /// Recursion.
    #[error("more than {} KiB of stack", .0 >> 10)]
    Stack(usize),
    /// Requests, streams and buckets held at one time.
    #[error("more than {0} handles of requests, streams and buckets")]
    Handles(usize),
    /// Size of an answer of the vendor.
    #[error("an answer of more than {} MiB", .0 >> 20)]
    Answer(u64),
    /// Size of a result.
    #[error("{0}")]
    Result(String),
}

/// Caps what a guest's memories and tables take, and records the peak.
pub(super) struct Limiter {
    memory_limit: usize,
    table_limit: usize,
    core_instances: usize,
    memories: usize,
    tables: usize,
    memory: usize,
    table: usize,
    pub peak_memory: usize,
}

impl Limiter {
    fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            core_instances: limits.core_instances,
            memories: limits.memories,
            tables: limits.tables,
            memory: 0,
            table: 0,
            peak_memory: 0,
        }
    }
}

impl ResourceLimiter for Limiter {
    /// The limit is on all memories of the component together. A guest that
    /// hits it is stopped: an allocator that fails would only trap later, with
    /// a reason that nobody can read.
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            return Err(LimitHit::Memory(self.memory_limit).into());
        }
        self.memory = total;
        self.peak_memory = self.peak_memory.max(total);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table.saturating_add(desired.saturating_sub(current));
        if total > self.table_limit {
            return Err(LimitHit::Table(self.table_limit).into());
        }
        self.table = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.core_instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

/// A bucket as the guest holds it. All handles are the same bucket.
pub struct Bucket;

/// `wasi:keyvalue` of one call.
pub(super) struct BucketView<'a> {
    ctx: &'a mut BucketCtx,
    table: &'a mut ResourceTable,
}

fn refuse(refused: Refused) -> store::Error {
    match refused {
        Refused::Store => store::Error::AccessDenied,
        other => store::Error::Other(other.to_string()),
    }
}

impl store::Host for BucketView<'_> {
    fn open(&mut self, _: String) -> wasmtime::Result<Result<Resource<Bucket>, store::Error>> {
        if !self.ctx.is_granted() {
            return Ok(Err(store::Error::AccessDenied));
        }
        Ok(Ok(self.table.push(Bucket)?))
    }
}

impl store::HostBucket for BucketView<'_> {
    fn get(&mut self, _: Resource<Bucket>, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, store::Error>> {
        Ok(self.ctx.value(&key).map_err(refuse))
    }

    fn set(&mut self, _: Resource<Bucket>, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), store::Error>> {
        Ok(self.ctx.set(&key, value).map_err(refuse))
    }

    fn delete(&mut self, _: Resource<Bucket>, key: String) -> wasmtime::Result<Result<(), store::Error>> {
        Ok(self.ctx.delete(&key).map_err(refuse))
    }

    fn exists(&mut self, _: Resource<Bucket>, key: String) -> wasmtime::Result<Result<bool, store::Error>> {
        Ok(self.ctx.value(&key).map(|value| value.is_some()).map_err(refuse))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}
