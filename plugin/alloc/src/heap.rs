//! Free lists by size class over memory that only grows.

use core::{alloc::Layout, ptr};

use crate::classes::{CLASSES, UNIT, class_of, largest_within, size_of};

/// A piece of memory that nobody else uses, for ever.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Where it begins: a multiple of 16.
    pub start: *mut u8,
    /// Its bytes.
    pub bytes: usize,
}

/// Where memory comes from.
///
/// # Safety
///
/// A region is readable and writable, begins at a multiple of 16, and belongs to
/// whoever got it from then on.
pub unsafe trait Source {
    /// More memory: at least so many bytes; none if there is none.
    fn grow(&mut self, at_least: usize) -> Option<Region>;
}

/// What a free block holds.
struct Free {
    next: *mut Self,
}

/// An allocator of one thread.
pub struct Heap<S> {
    source: S,
    /// Free blocks of each class.
    free: [*mut Free; CLASSES],
    /// Free blocks for alignments above 16, by power of two.
    aligned: [*mut Free; usize::BITS as usize],
    /// Memory that no block was made of yet.
    fresh: Region,
}

impl<S: Source> Heap<S> {
    /// A heap without memory.
    pub const fn new(source: S) -> Self {
        Self {
            source,
            free: [ptr::null_mut(); CLASSES],
            aligned: [ptr::null_mut(); usize::BITS as usize],
            fresh: Region { start: ptr::null_mut(), bytes: 0 },
        }
    }

    /// Where its memory comes from.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// A block for a layout; null if memory is at its end.
    pub fn allocate(&mut self, layout: Layout) -> *mut u8 {
        if layout.align() > UNIT {
            return self.allocate_aligned(layout);
        }
        let Some(class) = class_of(layout.size()) else { return ptr::null_mut() };
        match pop(self.free.get_mut(class)) {
            Some(block) => block,
            None => self.cut(size_of(class)),
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// The block came from this heap for this layout, and is used no more.
    pub unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        if layout.align() > UNIT {
            let bits = aligned_bits(layout);
            // SAFETY: a block of this list has at least 32 bytes, and nobody uses it.
            return unsafe { push(self.aligned.get_mut(bits as usize), block) };
        }
        let Some(class) = class_of(layout.size()) else { return };
        if self.is_last(block, size_of(class)) {
            self.fresh = Region { start: block, bytes: self.fresh.bytes + size_of(class) };
            return;
        }
        // SAFETY: a block has at least 16 bytes, and nobody uses it.
        unsafe { push(self.free.get_mut(class), block) }
    }

    /// Makes a block larger or smaller, where it is if that is possible.
    ///
    /// # Safety
    ///
    /// The block came from this heap for this layout. If the result is not null,
    /// the old block is used no more.
    pub unsafe fn reallocate(&mut self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        if layout.align() <= UNIT
            && let (Some(old), Some(new)) = (class_of(layout.size()), class_of(size))
            && self.resize(block, size_of(old), size_of(new))
        {
            return block;
        }
        let moved = self.allocate(wanted);
        if !moved.is_null() {
            // SAFETY: both blocks have that many bytes and are not the same; the
            // old one is given back once.
            unsafe {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.deallocate(block, layout);
            }
        }
        moved
    }

    /// Whether a block has another size now without moving. Where a block of that
    /// size is free, it moves there: else large blocks would be made over and
    /// over at the end of memory by what grows there, and none used again.
    fn resize(&mut self, block: *mut u8, old: usize, new: usize) -> bool {
        if new == old {
            return true;
        }
        let is_free = class_of(new).and_then(|class| self.free.get(class)).is_some_and(|list| !list.is_null());
        if is_free || !self.is_last(block, old) {
            return false;
        }
        let Some(more) = new.checked_sub(old) else {
            self.fresh = Region { start: block.wrapping_add(new), bytes: self.fresh.bytes + (old - new) };
            return true;
        };
        if self.fresh.bytes < more && !self.grows_by(more - self.fresh.bytes) {
            return false;
        }
        self.fresh = Region { start: self.fresh.start.wrapping_add(more), bytes: self.fresh.bytes - more };
        true
    }

    fn is_last(&self, block: *mut u8, bytes: usize) -> bool {
        block.wrapping_add(bytes) == self.fresh.start
    }

    /// Whether the fresh memory could be made longer at its end. Memory that
    /// came from elsewhere instead is not lost: the old rest goes to the lists.
    fn grows_by(&mut self, bytes: usize) -> bool {
        let Some(more) = self.source.grow(bytes) else { return false };
        if self.fresh.start.wrapping_add(self.fresh.bytes) == more.start {
            self.fresh.bytes += more.bytes;
            return true;
        }
        let rest = self.fresh;
        self.fresh = more;
        self.scatter(rest);
        false
    }

    /// A block of that size from memory that is fresh, from a larger free block,
    /// or from more memory, in this order.
    fn cut(&mut self, size: usize) -> *mut u8 {
        if self.fresh.bytes < size {
            if let Some(block) = self.split(size) {
                return block;
            }
            // What comes from elsewhere may be too short: then what follows it is asked for.
            self.grows_by(size - self.fresh.bytes);
            if self.fresh.bytes < size {
                self.grows_by(size);
            }
            if self.fresh.bytes < size {
                return ptr::null_mut();
            }
        }
        let block = self.fresh.start;
        self.fresh = Region { start: block.wrapping_add(size), bytes: self.fresh.bytes - size };
        block
    }

    /// A block from the smallest larger free one of at most twice the size. Of
    /// what is much larger none is taken: it will be asked for again.
    fn split(&mut self, size: usize) -> Option<*mut u8> {
        let (first, last) = (class_of(size)? + 1, class_of(size.checked_mul(2)?)?);
        let class = (first..=last).find(|class| self.free.get(*class).is_some_and(|list| !list.is_null()))?;
        let block = pop(self.free.get_mut(class))?;
        self.scatter(Region { start: block.wrapping_add(size), bytes: size_of(class) - size });
        Some(block)
    }

    /// Gives memory to the free lists, in the largest blocks that fit.
    fn scatter(&mut self, mut rest: Region) {
        while let Some(class) = largest_within(rest.bytes) {
            let size = size_of(class);
            // SAFETY: the block lies within memory that this heap owns and that
            // is in no other block; it has at least 16 bytes.
            unsafe { push(self.free.get_mut(class), rest.start) };
            rest = Region { start: rest.start.wrapping_add(size), bytes: rest.bytes - size };
        }
    }

    /// Blocks for alignments above 16 are rare: powers of two with lists of
    /// their own, so that a free one is aligned for whoever takes it next.
    fn allocate_aligned(&mut self, layout: Layout) -> *mut u8 {
        let bits = aligned_bits(layout);
        if let Some(block) = pop(self.aligned.get_mut(bits as usize)) {
            return block;
        }
        let Some(size) = 1_usize.checked_shl(bits).filter(|size| *size <= isize::MAX as usize / 2) else {
            return ptr::null_mut();
        };
        let raw = self.cut(size * 2);
        if raw.is_null() {
            return raw;
        }
        let before = raw.align_offset(size);
        let (block, behind) = (raw.wrapping_add(before), size - before);
        self.scatter(Region { start: raw, bytes: before });
        self.scatter(Region { start: block.wrapping_add(size), bytes: behind });
        block
    }
}

/// The power of two of a block for a large alignment.
fn aligned_bits(layout: Layout) -> u32 {
    layout.size().max(layout.align()).next_power_of_two().trailing_zeros()
}

fn pop(list: Option<&mut *mut Free>) -> Option<*mut u8> {
    let list = list?;
    let block = *list;
    if block.is_null() {
        return None;
    }
    // SAFETY: what is in a list was put there by `push`, and nobody uses it.
    *list = unsafe { (*block).next };
    Some(block.cast())
}

/// # Safety
///
/// The block is aligned to 16, has at least 16 bytes, and nobody uses it.
unsafe fn push(list: Option<&mut *mut Free>, block: *mut u8) {
    let Some(list) = list else { return };
    let block = block.cast::<Free>();
    // SAFETY: as the caller says.
    unsafe { block.write(Free { next: *list }) };
    *list = block;
}

#[cfg(test)]
mod tests;
