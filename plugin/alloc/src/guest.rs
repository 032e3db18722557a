//! The heap as the allocator of a guest.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::UnsafeCell,
    ptr,
};

use crate::heap::{Heap, Region, Source};

/// Bytes of a page of WebAssembly.
const PAGE: usize = 64 << 10;

/// Pages that memory grows by at least: a call to the host each time.
const MIN_PAGES: usize = 4;

/// The linear memory of this module.
struct LinearMemory;

// SAFETY: pages that `memory.grow` added are nobody's until then, and stay.
unsafe impl Source for LinearMemory {
    fn grow(&mut self, at_least: usize) -> Option<Region> {
        // By an eighth of what is there, so that large guests grow seldom.
        let pages = at_least.div_ceil(PAGE).max(wasm32::memory_size(0) / 8).max(MIN_PAGES);
        let tight = at_least.div_ceil(PAGE);
        for pages in [pages, tight] {
            let before = wasm32::memory_grow(0, pages);
            if before != usize::MAX {
                let start = ptr::with_exposed_provenance_mut(before * PAGE);
                return Some(Region { start, bytes: pages * PAGE });
            }
        }
        None
    }
}

/// The allocator; one per guest, as its `#[global_allocator]`.
pub struct GuestAllocator {
    heap: UnsafeCell<Heap<LinearMemory>>,
}

impl GuestAllocator {
    /// An allocator without memory of its own yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { heap: UnsafeCell::new(Heap::new(LinearMemory)) }
    }
}

impl Default for GuestAllocator {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(target_feature = "atomics")]
compile_error!("guest-alloc is for guests of one thread");

// SAFETY: a guest has one thread, and no call here comes back into itself.
unsafe impl Sync for GuestAllocator {}

// SAFETY: blocks are as large and as aligned as asked for, and belong to one
// caller until they are given back, as the tests of the heap show.
unsafe impl GlobalAlloc for GuestAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: nobody else is in here, see `Sync`.
        unsafe { (*self.heap.get()).allocate(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; of the block the caller says so.
        unsafe { (*self.heap.get()).deallocate(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; of the block the caller says so.
        unsafe { (*self.heap.get()).reallocate(block, layout, size) }
    }
}
