use std::{alloc::Layout, collections::BTreeMap};

use proptest::prelude::*;

use super::{Heap, Region, Source};

/// Memory in one piece, of which others take some now and then.
struct Arena {
    memory: Vec<u128>,
    used: usize,
    /// Bytes that somebody else takes before each growth.
    gap: usize,
}

impl Arena {
    fn new(bytes: usize, gap: usize) -> Self {
        Self { memory: vec![0; bytes / 16], used: 0, gap }
    }
}

// SAFETY: pieces of a vector that does not move, each handed out once.
unsafe impl Source for Arena {
    fn grow(&mut self, at_least: usize) -> Option<Region> {
        let bytes = at_least.next_multiple_of(4_096);
        let start = self.used + self.gap;
        if start + bytes > self.memory.len() * 16 {
            return None;
        }
        self.used = start + bytes;
        Some(Region { start: self.memory.as_mut_ptr().cast::<u8>().wrapping_add(start), bytes })
    }
}

/// A heap, what was asked of it, and a pattern in each block.
struct Checked {
    heap: Heap<Arena>,
    blocks: BTreeMap<usize, (*mut u8, Layout, u8)>,
    /// Where blocks begin and end.
    ends: BTreeMap<usize, usize>,
    made: usize,
}

impl Checked {
    fn new(bytes: usize, gap: usize) -> Self {
        Self { heap: Heap::new(Arena::new(bytes, gap)), blocks: BTreeMap::new(), ends: BTreeMap::new(), made: 0 }
    }

    fn allocate(&mut self, layout: Layout) -> bool {
        let block = self.heap.allocate(layout);
        if block.is_null() {
            return false;
        }
        self.keep(block, layout);
        true
    }

    fn keep(&mut self, block: *mut u8, layout: Layout) {
        assert_eq!(block.addr() % layout.align(), 0);
        let (start, end) = (block.addr(), block.addr() + layout.size());
        let before = self.ends.range(..end).next_back();
        assert!(before.is_none_or(|(_, before)| *before <= start), "two blocks share memory");
        self.ends.insert(start, end);
        self.made += 1;
        let pattern = (self.made % 251) as u8;
        // SAFETY: the heap has just given this block.
        unsafe { block.write_bytes(pattern, layout.size()) };
        self.blocks.insert(self.made, (block, layout, pattern));
    }

    fn check(block: *mut u8, bytes: usize, pattern: u8) {
        // SAFETY: the block was written with that many bytes.
        let found = unsafe { std::slice::from_raw_parts(block, bytes) };
        assert!(found.iter().all(|byte| *byte == pattern), "a block was written by somebody else");
    }

    fn nth(&self, which: usize) -> Option<usize> {
        self.blocks.keys().nth(which % self.blocks.len().max(1)).copied()
    }

    fn free(&mut self, which: usize) {
        let Some((block, layout, pattern)) = self.nth(which).and_then(|key| self.blocks.remove(&key)) else { return };
        Self::check(block, layout.size(), pattern);
        self.ends.remove(&block.addr());
        // SAFETY: it came from there for this layout, and is used no more.
        unsafe { self.heap.deallocate(block, layout) };
    }

    fn resize(&mut self, which: usize, size: usize) {
        let Some(key) = self.nth(which) else { return };
        let Some((block, layout, pattern)) = self.blocks.remove(&key) else { return };
        // SAFETY: it came from there for this layout.
        let moved = unsafe { self.heap.reallocate(block, layout, size) };
        if moved.is_null() {
            self.blocks.insert(key, (block, layout, pattern));
            return;
        }
        self.ends.remove(&block.addr());
        Self::check(moved, layout.size().min(size), pattern);
        self.keep(moved, Layout::from_size_align(size, layout.align()).unwrap());
    }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Allocate(usize, usize),
    Free(usize),
    Resize(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![6 => 1_usize..300, 2 => 300_usize..5_000, 1 => 5_000_usize..60_000];
    let align = prop_oneof![8 => 0_u32..5, 1 => 5_u32..9].prop_map(|bits| 1_usize << bits);
    prop::collection::vec(
        prop_oneof![
            4 => (size.clone(), align).prop_map(|(size, align)| Step::Allocate(size, align)),
            3 => any::<usize>().prop_map(Step::Free),
            2 => (any::<usize>(), size).prop_map(|(which, size)| Step::Resize(which, size)),
        ],
        1..200,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn blocks_are_aligned_apart_and_keep_what_is_in_them(steps in steps(), gap in 0_usize..3) {
        let mut checked = Checked::new(8 << 20, gap * 64);
        for step in steps {
            match step {
                Step::Allocate(size, align) => _ = checked.allocate(layout(size, align)),
                Step::Free(which) => checked.free(which),
                Step::Resize(which, size) => checked.resize(which, size),
            }
        }
        while !checked.blocks.is_empty() {
            checked.free(0);
        }
    }

    #[test]
    fn the_same_work_again_takes_no_more_memory(steps in steps()) {
        let mut checked = Checked::new(64 << 20, 0);
        let mut used = Vec::new();
        for _ in 0..24 {
            for step in &steps {
                match *step {
                    Step::Allocate(size, align) => prop_assert!(checked.allocate(layout(size, align))),
                    Step::Free(which) => checked.free(which),
                    Step::Resize(which, size) => checked.resize(which, size),
                }
            }
            while !checked.blocks.is_empty() {
                checked.free(0);
            }
            used.push(checked.heap.source.used);
        }
        // What the first rounds have left in pieces serves the later ones.
        prop_assert_eq!(used[23], used[15], "{:?}", used);
    }
}

#[test]
fn the_last_block_grows_and_shrinks_where_it_is() {
    let mut heap = Heap::new(Arena::new(1 << 20, 0));
    let first = heap.allocate(layout(100, 1));
    // SAFETY: it came from there for these layouts.
    unsafe {
        let mut size = 100;
        for next in [1_000, 50_000, 200_000, 300, 1] {
            assert_eq!(heap.reallocate(first, layout(size, 1), next), first);
            size = next;
        }
        heap.deallocate(first, layout(size, 1));
    }
    assert_eq!(heap.allocate(layout(7, 1)), first, "what was last is fresh again");
}

#[test]
fn memory_that_is_at_its_end_is_told_and_nothing_is_lost() {
    let mut checked = Checked::new(1 << 16, 0);
    while checked.allocate(layout(1_000, 8)) {}
    let held = checked.blocks.len();
    assert!(held >= 60, "{held}");
    assert!(checked.heap.allocate(layout(1 << 20, 8)).is_null());
    assert!(checked.heap.allocate(layout(usize::MAX / 4, 8)).is_null());
    assert!(checked.heap.allocate(layout(usize::MAX / 4, 64)).is_null());
    checked.resize(0, 1 << 20);
    assert_eq!(checked.blocks.len(), held, "a block that cannot grow stays");
    for _ in 0..10 {
        checked.free(3);
    }
    let again = (0..10).filter(|_| checked.allocate(layout(1_000, 8))).count();
    assert_eq!(again, 10);
}

#[test]
fn a_larger_free_block_serves_before_memory_grows() {
    let mut heap = Heap::new(Arena::new(1 << 16, 0));
    let (large, last) = (heap.allocate(layout(4_096, 8)), heap.allocate(layout(16, 8)));
    assert!(!last.is_null());
    // SAFETY: it came from there for this layout.
    unsafe { heap.deallocate(large, layout(4_096, 8)) };
    // No fresh memory is left for it.
    while heap.fresh.bytes >= 3_000 {
        heap.allocate(layout(1_024, 8));
    }
    let used = heap.source.used;
    assert_eq!(heap.allocate(layout(3_000, 8)), large);
    assert_eq!(heap.source.used, used);
}
