//! The heap as the allocator of a guest, beside the one of its C library.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::UnsafeCell,
    ptr,
};
use std::alloc::System;

use crate::{
    heap::{Heap, Region, Source},
    pages::{PAGE, Pages},
};

/// Pages that memory grows by: each growth is a call to the host, and a host
/// that limits memory counts what is not used yet.
const GROWTH: core::ops::RangeInclusive<usize> = 4..=16;

/// The linear memory of this module, and which of it is ours.
struct LinearMemory {
    ours: Pages,
}

// SAFETY: pages that `memory.grow` added are nobody's until then, and stay.
unsafe impl Source for LinearMemory {
    fn grow(&mut self, at_least: usize) -> Option<Region> {
        // By an eighth of what is there, so that large guests grow seldom.
        let least = at_least.div_ceil(PAGE);
        let pages = least.max((wasm32::memory_size(0) / 8).clamp(*GROWTH.start(), *GROWTH.end()));
        for pages in [pages, least] {
            let before = wasm32::memory_grow(0, pages);
            if before != usize::MAX {
                self.ours.add(before, pages);
                let start = ptr::with_exposed_provenance_mut(before * PAGE);
                return Some(Region { start, bytes: pages * PAGE });
            }
        }
        None
    }
}

/// The allocator; one per guest, as its `#[global_allocator]`.
///
/// What the host passes in comes from [`cabi_realloc`], which is the C library's
/// memory: such a block goes back to where it came from.
pub struct GuestAllocator {
    heap: UnsafeCell<Heap<LinearMemory>>,
}

impl GuestAllocator {
    /// An allocator without memory of its own yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { heap: UnsafeCell::new(Heap::new(LinearMemory { ours: Pages::new() })) }
    }
}

impl Default for GuestAllocator {
    fn default() -> Self {
        Self::new()
    }
}

/// Memory for what the host passes in. Some of that is for the C library, such as
/// the environment, and it gives it back to itself: so it must come from there.
///
/// # Safety
///
/// As the canonical ABI says: an old block came from here, for this layout.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cabi_realloc(block: *mut u8, old: usize, align: usize, size: usize) -> *mut u8 {
    let layout = |size| Layout::from_size_align(size, align).unwrap_or_else(|_| wasm32::unreachable());
    let moved = match (old, size) {
        (0, 0) => return ptr::without_provenance_mut(align),
        // SAFETY: the layout has a size.
        (0, _) => unsafe { System.alloc(layout(size)) },
        // SAFETY: the caller says so; the size is not 0, as nobody shrinks to that.
        _ => unsafe { System.realloc(block, layout(old), size) },
    };
    // The ABI has no word for an end of memory.
    if moved.is_null() { wasm32::unreachable() } else { moved }
}

#[cfg(target_feature = "atomics")]
compile_error!("guest-alloc is for guests of one thread");

// SAFETY: a guest has one thread, and no call here comes back into itself.
unsafe impl Sync for GuestAllocator {}

// Its functions are not inlined: a guest asks for memory in thousands of places,
// and would be half as large again.
// SAFETY: blocks are as large and as aligned as asked for, and belong to one
// caller until they are given back, as the tests of the heap show. A page of
// memory is of one allocator for ever, so a block tells whose it is.
unsafe impl GlobalAlloc for GuestAllocator {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: nobody else is in here, see `Sync`.
        unsafe { (*self.heap.get()).allocate(layout) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; of the block the caller says so.
        let heap = unsafe { &mut *self.heap.get() };
        if !heap.source().ours.contain(block.addr()) {
            // SAFETY: what is not ours is the C library's.
            return unsafe { System.dealloc(block, layout) };
        }
        // SAFETY: the block is of this heap.
        unsafe { heap.deallocate(block, layout) }
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`.
        let heap = unsafe { &mut *self.heap.get() };
        if !heap.source().ours.contain(block.addr()) {
            // SAFETY: what is not ours is the C library's.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: the block is of this heap.
        unsafe { heap.reallocate(block, layout, size) }
    }
}
