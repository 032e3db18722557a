//! Size classes: every 16 bytes up to 256, then four per power of two, so that
//! a block is at most a quarter larger than what was asked for.

/// Alignment of every block, and the smallest one.
pub const UNIT: usize = 16;

/// Sizes up to here have a class each `UNIT`.
const FINE: usize = 256;

/// Classes up to `FINE`.
const FINE_CLASSES: usize = FINE / UNIT;

/// Power of two of the first coarse classes' upper bound.
const FIRST_BITS: usize = 9;

/// Power of two of the largest block.
const LAST_BITS: usize = 31;

/// How many classes there are.
pub const CLASSES: usize = FINE_CLASSES + (LAST_BITS + 1 - FIRST_BITS) * 4;

/// The class of blocks with room for `size` bytes; none if it is too large.
pub const fn class_of(size: usize) -> Option<usize> {
    if size <= FINE {
        let units = size.div_ceil(UNIT);
        return Some(if units == 0 { 0 } else { units - 1 });
    }
    if size > 1 << LAST_BITS {
        return None;
    }
    // 2^(bits - 1) < size <= 2^bits
    let bits = (usize::BITS - (size - 1).leading_zeros()) as usize;
    let quarter = (size - 1 - (1 << (bits - 1))) >> (bits - 3);
    Some(FINE_CLASSES + (bits - FIRST_BITS) * 4 + quarter)
}

/// Bytes of a block of a class.
pub const fn size_of(class: usize) -> usize {
    if class < FINE_CLASSES {
        return (class + 1) * UNIT;
    }
    let (bits, quarter) = (FIRST_BITS + (class - FINE_CLASSES) / 4, (class - FINE_CLASSES) % 4);
    (1 << (bits - 1)) + (quarter + 1) * (1 << (bits - 3))
}

/// The largest class whose blocks fit into `size` bytes; none if none does.
pub const fn largest_within(size: usize) -> Option<usize> {
    if size < UNIT {
        return None;
    }
    match class_of(size) {
        Some(class) if size_of(class) == size => Some(class),
        Some(class) => Some(class - 1),
        None => Some(CLASSES - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, UNIT, class_of, largest_within, size_of};

    #[test]
    fn a_block_has_room_and_little_more() {
        let sizes = (0..5_000).chain((5..31).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]));
        for size in sizes {
            let class = class_of(size).unwrap();
            let block = size_of(class);
            assert!(block >= size && block.is_multiple_of(UNIT), "{size}: {block}");
            assert!(block <= (size + UNIT).max(size + size.div_ceil(4)), "{size}: {block}");
            assert_eq!(class_of(block), Some(class), "{size}");
            assert!(class == 0 || size_of(class - 1) < size, "{size}: a smaller class would do");
        }
        assert_eq!((class_of(1 << 31), class_of((1 << 31) + 1)), (Some(CLASSES - 1), None));
    }

    #[test]
    fn the_largest_class_within_a_size_fits() {
        assert_eq!(largest_within(UNIT - 1), None);
        for size in UNIT..3_000 {
            let class = largest_within(size).unwrap();
            assert!(size_of(class) <= size && size_of(class + 1) > size, "{size}");
        }
    }
}
