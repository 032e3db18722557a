//! Which pages of a memory of 4 GiB belong to one of its allocators.

/// Bytes of a page of WebAssembly.
pub const PAGE: usize = 64 << 10;

/// Pages of 4 GiB.
const PAGES: usize = 1 << 16;

const WORD: usize = u32::BITS as usize;

/// A set of pages: 8 KiB, which are zero at first and cost nothing then.
pub struct Pages {
    words: [u32; PAGES / WORD],
}

impl Pages {
    /// None.
    pub const fn new() -> Self {
        Self { words: [0; PAGES / WORD] }
    }

    /// Adds `count` pages from page `first` on.
    pub fn add(&mut self, first: usize, count: usize) {
        for page in first..first + count {
            if let Some(word) = self.words.get_mut(page / WORD) {
                *word |= 1 << (page % WORD);
            }
        }
    }

    /// Whether the page of an address is one of them.
    #[inline]
    pub fn contain(&self, address: usize) -> bool {
        let page = address / PAGE;
        self.words.get(page / WORD).is_some_and(|word| word & 1 << (page % WORD) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{PAGE, PAGES, Pages};

    #[test]
    fn an_address_belongs_to_the_pages_that_were_added() {
        let mut pages = Pages::new();
        pages.add(3, 40);
        pages.add(PAGES - 1, 1);
        for (address, expected) in [
            (0, false),
            (3 * PAGE - 1, false),
            (3 * PAGE, true),
            (43 * PAGE - 1, true),
            (43 * PAGE, false),
            ((PAGES - 1) * PAGE, true),
            (PAGES * PAGE, false),
        ] {
            assert_eq!(pages.contain(address), expected, "{address:#x}");
        }
    }
}
