//! The limits of the sandbox and of a sync: one named number each, with its
//! reason. Every one can be changed through [`Limits`].

use std::{thread, time::Duration};

/// What one call of a connector, and one instance's storage, may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Linear memory of a guest. A page of 3,000 findings of 2 KB takes about
    /// 20 MB raw and normalized; a large one needs a multiple of that.
    pub memory_bytes: usize,
    /// Elements of a guest's tables: function pointers; real components have a
    /// few hundred.
    pub table_elements: usize,
    /// Core instances of one component: one made by rustc has about four, one
    /// that carries Python fourteen and one more for each native extension.
    pub core_instances: usize,
    /// Linear memories of one component.
    pub memories: usize,
    /// Tables of one component.
    pub tables: usize,
    /// Native stack of a guest: deep recursion ends in a trap, not in the host.
    pub stack_bytes: usize,
    /// Processor time of a guest in one call. A page normalizes in
    /// milliseconds; this is for the one that never ends.
    pub cpu_time: Duration,
    /// Time around a whole call, waiting for the vendor included. More than
    /// `request_time`, so that the more telling error comes first.
    pub wall_time: Duration,
    /// Values that a guest may hand over in one call, as the host holds them.
    pub result_bytes: usize,

    /// Time to open a connection, TLS included.
    pub connect_time: Duration,
    /// Time to the first byte of an answer: the vendor is slow on large pages.
    pub first_byte_time: Duration,
    /// Time between two chunks of an answer.
    pub between_bytes_time: Duration,
    /// Time for one whole request, so that a dripping answer ends.
    pub request_time: Duration,
    /// Bytes of one answer. 3,000 findings of 10 KB are 30 MB.
    pub response_bytes: u64,
    /// Bytes of one request's body: queries, never uploads.
    pub request_bytes: u64,
    /// Bytes of headers, on either side.
    pub header_bytes: usize,
    /// Requests of one call; `configure` makes one per kind and two more.
    pub requests_per_call: u32,

    /// Bytes that a guest may write to standard error in one call.
    pub log_bytes: usize,
    /// Bytes of one line of it; longer ones are cut.
    pub log_line_bytes: usize,

    /// Bytes of a key in the bucket.
    pub key_bytes: usize,
    /// Bytes of a value in the bucket: settings and what was learnt.
    pub value_bytes: usize,
    /// Keys in a bucket.
    pub keys: usize,
    /// Bytes of all keys and values of a bucket.
    pub bucket_bytes: usize,

    /// Records of one page. The contract's bound for `normalize`.
    pub records_per_page: usize,
    /// Bytes of one cursor. The contract's bound.
    pub cursor_bytes: usize,
    /// Bytes of a file for `normalize`, which is held in memory whole.
    pub document_bytes: u64,

    /// Bytes of a connector's file. One in Rust takes a few megabytes, one that
    /// carries an interpreter some ten.
    pub component_bytes: u64,

    /// Sandboxes at one time in this process; more wait in line. By default 8
    /// per processor, from 32, as most of them wait for a vendor, to 64.
    pub sandboxes: u32,
    /// Whether the address space for all sandboxes is reserved when the engine
    /// starts: they begin and end faster. Without, and where the machine has not
    /// the room for it, memory comes on demand, up to the same limits.
    pub pooled_memory: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            table_elements: 20_000,
            core_instances: 32,
            memories: 4,
            tables: 8,
            stack_bytes: 512 << 10,
            cpu_time: Duration::from_secs(20),
            wall_time: Duration::from_secs(150),
            result_bytes: 256 << 20,
            connect_time: Duration::from_secs(10),
            first_byte_time: Duration::from_secs(60),
            between_bytes_time: Duration::from_secs(20),
            request_time: Duration::from_secs(120),
            response_bytes: 64 << 20,
            request_bytes: 1 << 20,
            header_bytes: 64 << 10,
            requests_per_call: 16,
            log_bytes: 64 << 10,
            log_line_bytes: 2 << 10,
            key_bytes: 256,
            value_bytes: 256 << 10,
            keys: 256,
            bucket_bytes: 1 << 20,
            records_per_page: 10_000,
            cursor_bytes: 4 << 10,
            document_bytes: 64 << 20,
            component_bytes: 128 << 20,
            sandboxes: sandboxes(),
            pooled_memory: true,
        }
    }
}

fn sandboxes() -> u32 {
    let processors = thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
    processors.saturating_mul(8).clamp(32, 64)
}
