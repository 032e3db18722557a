//! The engine: how guests are compiled and what they get memory from.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::sync::Semaphore;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, component::Linker,
};

use super::{
    cache::{self, CodeCache},
    inspect::InspectionError,
    linker,
    state::SandboxState,
};
use crate::limits::Limits;
use appsec_grant::files::read_bounded;

/// How often a running guest is looked at. Short enough that one guest cannot
/// hold a core for long while others wait; long enough to cost nothing.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The part of wasmtime's stack for host functions that a guest calls.
const HOST_STACK_BYTES: usize = 1 << 20;

/// Freed memory that a pool keeps mapped per memory. A page of 500 findings
/// touches 4 to 5 MiB, and clearing that is cheaper than asking the kernel for
/// it again: it was a fifth of the time that a page took. What is kept is by the
/// most memories that were in use at one time: a connector has one, so it is
/// this times [`Limits::sandboxes`] at most, 256 MiB on two processors.
const RESIDENT_BYTES: usize = 8 << 20;

/// Compiles and runs connectors. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    pub(super) shared: Arc<Shared>,
}

/// How the sandboxes of a process are used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SandboxUsage {
    /// Those that are in use now.
    pub in_use: usize,
    /// Those that there can be at one time; a call more waits.
    pub places: usize,
    /// Calls that were begun.
    pub calls: u64,
}

/// What all connectors of a process share.
pub(super) struct Shared {
    pub engine: Engine,
    pub linker: Linker<SandboxState>,
    pub limits: Limits,
    /// A pool that has no place left is an error, not a queue: wait here.
    pub sandboxes: Arc<Semaphore>,
    /// A file being read keeps its sandbox while others are called for its
    /// records: never all of the places, or nobody could go on.
    pub files: Arc<Semaphore>,
    /// Calls that were begun.
    pub calls: AtomicU64,
    pub cache: CodeCache,
}

/// Why a runtime or a connector cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// wasmtime refuses the configuration.
    #[error("the WebAssembly engine cannot start")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The component is not one, or not for this host.
    #[error(transparent)]
    Inspection(#[from] InspectionError),
    /// Compilation or linking failed.
    #[error("the component cannot be {what}: {detail}")]
    Component {
        /// `compiled` or `linked`.
        what: &'static str,
        /// wasmtime's own words.
        detail: String,
    },
    /// The file cannot be read.
    #[error("cannot read the connector {0}")]
    File(PathBuf, #[source] std::io::Error),
}

impl Runtime {
    /// Starts an engine. Compiled code is kept in `cache_dir`, if there is one.
    pub fn new(limits: Limits, cache_dir: Option<&Path>) -> Result<Self, RuntimeError> {
        let engine = engine(&limits).map_err(|error| RuntimeError::Engine(error.into()))?;
        let linker = linker::linker(&engine).map_err(|error| RuntimeError::Engine(error.into()))?;
        start_ticker(&engine);
        let shared = Shared {
            cache: CodeCache::new(cache_dir, &engine),
            sandboxes: Arc::new(Semaphore::new(limits.sandboxes as usize)),
            files: Arc::new(Semaphore::new((limits.sandboxes / 2) as usize)),
            calls: AtomicU64::new(0),
            engine,
            linker,
            limits,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The limits of every sandbox.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// How its sandboxes are used.
    pub fn usage(&self) -> SandboxUsage {
        let (places, free) = (self.shared.limits.sandboxes as usize, self.shared.sandboxes.available_permits());
        SandboxUsage { in_use: places.saturating_sub(free), places, calls: self.shared.calls.load(Ordering::Relaxed) }
    }

    /// The bytes of a component in a file.
    pub fn read_file(&self, path: &Path) -> Result<Vec<u8>, RuntimeError> {
        let bytes = read_bounded(path, self.shared.limits.component_bytes);
        bytes.map_err(|error| RuntimeError::File(path.to_owned(), error))
    }
}

/// Compiles a component ahead of time for machines of a target, to be given to
/// [`Runtime::load_compiled`] of this very version. Whether the code fits the
/// processor and the settings is decided when it is loaded.
///
/// # Errors
///
/// The component does not compile, or there is no compiler for the target.
pub fn precompile(component: &[u8], target: &str) -> Result<Vec<u8>, RuntimeError> {
    let mut config = config(&Limits::default(), false);
    let mut compile = || {
        config.target(target)?;
        if target.starts_with("x86_64-") {
            #[expect(unsafe_code, reason = "allows instructions that processors have since 2015")]
            // SAFETY: an engine loads no code with instructions that its
            // processor does not have.
            unsafe {
                config.cranelift_flag_enable("x86-64-v3");
            }
        }
        Engine::new(&config)?.precompile_component(component)
    };
    let compiled =
        compile().map_err(|error| RuntimeError::Component { what: "compiled", detail: format!("{error:#}") });
    compiled.map(|code| cache::sealed(&code))
}

/// An engine with pooled memory, or with memory on demand where the machine
/// has not the address space for pools (wasmtime issues 8607 and 7637).
fn engine(limits: &Limits) -> wasmtime::Result<Engine> {
    if !limits.pooled_memory {
        return Engine::new(&config(limits, false));
    }
    Engine::new(&config(limits, true)).or_else(|error| {
        tracing::info!(%error, "no memory pool on this machine, memory comes on demand");
        Engine::new(&config(limits, false))
    })
}

fn config(limits: &Limits, pooling: bool) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        .async_stack_size(limits.stack_bytes + HOST_STACK_BYTES);
    if pooling {
        let places = |most: usize| u32::try_from(most).unwrap_or(u32::MAX);
        let (cores, memories, tables) = (places(limits.core_instances), places(limits.memories), places(limits.tables));
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(limits.sandboxes)
            .total_core_instances(limits.sandboxes.saturating_mul(cores))
            .total_memories(limits.sandboxes.saturating_mul(memories))
            .total_tables(limits.sandboxes.saturating_mul(tables))
            .total_stacks(limits.sandboxes)
            .max_core_instances_per_component(cores)
            .max_memories_per_component(memories)
            .max_tables_per_component(tables)
            .max_memory_size(limits.memory_bytes)
            .table_elements(limits.table_elements)
            .linear_memory_keep_resident(RESIDENT_BYTES)
            // Only what a call has written is cleared after it.
            .pagemap_scan(Enabled::Auto)
            // Places that were used are used again first, so that what is kept
            // is by the most sandboxes that ran at one time.
            .max_unused_warm_slots(0);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// Advances the engine's clock until the engine is gone.
fn start_ticker(engine: &Engine) {
    let engine = engine.weak();
    let ticker = move || {
        loop {
            thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    };
    // Without the ticker no limit on processor time holds; a machine that
    // cannot start a thread cannot run anything here.
    if let Err(error) = thread::Builder::new().name("epoch".to_owned()).spawn(ticker) {
        tracing::error!(%error, "the clock of the sandbox did not start");
        std::process::abort();
    }
}
