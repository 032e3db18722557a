//! An order of positions.

use std::cmp::Ordering;

/// So many positions, from 0, in an order; equal ones as they were.
///
/// Merged from runs that grow: a few hundred bytes, where the sorts of the standard
/// library are eight kilobytes of the component for each type.
pub fn ordered(count: usize, compare: &dyn Fn(u32, u32) -> Ordering) -> Vec<u32> {
    let mut order: Vec<u32> = (0..).take(count).collect();
    let mut merged = Vec::with_capacity(count);
    let mut run = 1;
    while run < count {
        for pair in order.chunks(run * 2) {
            let (mut one, mut other) = pair.split_at(run.min(pair.len()));
            while let ([first, one_rest @ ..], [second, other_rest @ ..]) = (one, other) {
                if compare(*second, *first).is_lt() {
                    merged.push(*second);
                    other = other_rest;
                } else {
                    merged.push(*first);
                    one = one_rest;
                }
            }
            merged.extend_from_slice(one);
            merged.extend_from_slice(other);
        }
        std::mem::swap(&mut order, &mut merged);
        merged.clear();
        run *= 2;
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ordered;

    proptest! {
        #[test]
        fn positions_are_ordered_as_by_a_stable_sort(keys in prop::collection::vec(0_u8..20, 0..200)) {
            let of = |at: u32| keys[at as usize];
            let mut expected: Vec<u32> = (0..).take(keys.len()).collect();
            expected.sort_by_key(|at| of(*at));
            prop_assert_eq!(ordered(keys.len(), &|one, other| of(one).cmp(&of(other))), expected);
        }
    }
}
