//! The sizes of the simulated caches.

/// The largest size, which is that of isocache.
const MAX_SIZE: u32 = (1 << 30) - 1;

/// Sizes for a trace with this many distinct keys: 1, 2, 5, 10 and so on, from a thousandth of the keys up to all of them.
pub(crate) fn automatic(keys: u32) -> Vec<u32> {
    let keys = keys.clamp(1, MAX_SIZE);
    let steps = (0..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u32.pow(power)));
    let mut sizes: Vec<u32> = steps.filter(|&size| size >= keys / 1000 && size < keys).collect();
    sizes.push(keys);
    sizes
}

/// Parses comma-separated sizes in entries, such as `500,2k,1m`, and sorts them.
///
/// # Errors
/// If a part is not a size. The error names it.
///
/// ```
/// assert_eq!(isocache_simulate::parse_sizes("2k, 500"), Ok(vec![500, 2000]));
/// assert!(isocache_simulate::parse_sizes("0").unwrap_err().contains("from 1"));
/// ```
pub fn parse_sizes(text: &str) -> Result<Vec<u32>, String> {
    let mut sizes = text.split(',').map(|part| parse(part.trim())).collect::<Result<Vec<_>, _>>()?;
    sizes.sort_unstable();
    sizes.dedup();
    Ok(sizes)
}

fn parse(part: &str) -> Result<u32, String> {
    let (digits, unit) = match part.char_indices().last() {
        Some((at, 'k' | 'K')) => (&part[..at], 1000),
        Some((at, 'm' | 'M')) => (&part[..at], 1_000_000),
        _ => (part, 1),
    };
    let size = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    size.filter(|size| (1..=MAX_SIZE).contains(size)).ok_or_else(|| {
        format!("{part:?} is not a size: use whole numbers of entries from 1 to {MAX_SIZE}, such as 500,2k,1m")
    })
}
