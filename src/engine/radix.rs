//! Sorting slots by their stamps, in linear time and without allocating.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Slot, push_within};

/// The maximum number of bits of a stamp that one pass sorts by.
const DIGIT: u32 = 11;
const DIGITS: usize = 1 << DIGIT;

#[inline]
fn stamp(stamps: &[AtomicU32], slot: Slot) -> u32 {
    stamps.get(slot as usize).map_or(0, |stamp| stamp.load(Ordering::Relaxed))
}

/// Whether the stamps of slots ascend, and are at most `last`.
pub(crate) fn is_sorted(slots: &[Slot], stamp: impl Fn(Slot) -> u32, last: u32) -> bool {
    let mut before = 0;
    slots.iter().all(|&slot| {
        let own = stamp(slot);
        let ascends = own > before && own <= last;
        before = own;
        ascends
    })
}

/// Sorts `slots` by stamp. The capacity of `spare` must be at least their number.
#[inline(never)]
pub(crate) fn sort(slots: &mut Vec<Slot>, spare: &mut Vec<Slot>, stamps: &[AtomicU32]) {
    if is_sorted(slots, |slot| stamp(stamps, slot), u32::MAX) {
        return;
    }
    let all = slots.iter().map(|&slot| stamp(stamps, slot));
    let (low, high) = all.fold((u32::MAX, 0), |(low, high), stamp| (low.min(stamp), high.max(stamp)));
    let bits = u32::BITS - high.saturating_sub(low).leading_zeros();
    let passes = bits.div_ceil(DIGIT);
    let width = bits.div_ceil(passes.max(1));
    for pass in 0..passes {
        let digit = |slot| (stamp(stamps, slot).wrapping_sub(low) >> (pass * width)) as usize & ((1 << width) - 1);
        if !distribute(slots, spare, 1 << width, digit) {
            return;
        }
        std::mem::swap(slots, spare);
    }
}

/// Writes `slots` into `spare`, sorted by a digit below `digits`, and stable. Returns false if `spare` has no room.
#[inline]
fn distribute(slots: &[Slot], spare: &mut Vec<Slot>, digits: usize, digit: impl Fn(Slot) -> usize) -> bool {
    if spare.capacity() < slots.len() {
        return false;
    }
    // Resized without a path that could allocate.
    spare.truncate(slots.len());
    while spare.len() < slots.len() && push_within(spare, 0) {}
    let mut places = [0_u32; DIGITS];
    for &slot in slots {
        places[digit(slot) % DIGITS] += 1;
    }
    let mut sum = 0;
    for place in places.iter_mut().take(digits) {
        sum += std::mem::replace(place, sum);
    }
    for &slot in slots {
        let place = &mut places[digit(slot) % DIGITS];
        if let Some(to) = spare.get_mut(*place as usize) {
            *to = slot;
        }
        *place += 1;
    }
    true
}

/// Keeps the older half of `slots`, sorted, and returns the latest stamp among them. Calls `left` for the others, with
/// their stamps.
#[cold]
pub(crate) fn median(
    slots: &mut Vec<Slot>,
    spare: &mut Vec<Slot>,
    stamps: &[AtomicU32],
    mut left: impl FnMut(Slot, u32),
) -> u32 {
    sort(slots, spare, stamps);
    let half = slots.len().div_ceil(2);
    slots.iter().skip(half).for_each(|&slot| left(slot, stamp(stamps, slot)));
    slots.truncate(half);
    slots.last().map_or(0, |&slot| stamp(stamps, slot))
}
