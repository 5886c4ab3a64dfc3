//! The keys, made before anything is timed, and the same for all caches.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// The length of every key.
const KEY: usize = 12;

/// Keys in the order of access. Their texts lie in that order too, so that reading the stream costs next to nothing and
/// the time is the cache's.
pub struct Stream {
    text: String,
}

impl Stream {
    fn new(ids: impl Iterator<Item = u64>) -> Self {
        let mut text = String::new();
        for id in ids {
            _ = write!(text, "k{id:011}");
        }
        Self { text }
    }

    pub fn len(&self) -> usize {
        self.text.len() / KEY
    }

    #[inline]
    pub fn key(&self, at: usize) -> &str {
        &self.text[at * KEY..(at + 1) * KEY]
    }
}

/// The numbers from 0, in order.
pub fn distinct(keys: usize) -> Stream {
    Stream::new(0..keys as u64)
}

/// `length` accesses to `keys` keys, each as likely.
pub fn uniform(keys: usize, length: usize) -> Stream {
    let mut random = SplitMix(1);
    Stream::new((0..length).map(|_| random.next() % keys as u64))
}

/// `length` accesses to `keys` keys, the key of rank r as likely as 1 / r^0.9.
pub fn zipf(keys: usize, length: usize) -> Stream {
    let mut random = SplitMix(2);
    let mut sum = 0.0;
    #[allow(clippy::cast_precision_loss)]
    let sums: Vec<f64> = (1..=keys)
        .map(|rank| {
            sum += (rank as f64).powf(-0.9);
            sum
        })
        .collect();
    #[allow(clippy::cast_precision_loss)]
    Stream::new((0..length).map(|_| {
        let at = (random.next() >> 11) as f64 / (1_u64 << 53) as f64 * sum;
        sums.partition_point(|&below| below <= at) as u64
    }))
}

/// The requests of a product page, or what is missing.
pub fn web07() -> Result<Stream, String> {
    let folder = std::env::var_os("ISOCACHE_TRACES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/traces")), PathBuf::from);
    let path = folder.join("web07.trace.xz");
    let failed = |error: std::io::Error| format!("web07.trace.xz: {error} (set ISOCACHE_TRACES to its folder)");
    let mut bytes = Vec::new();
    liblzma::read::XzDecoder::new(File::open(path).map_err(failed)?).read_to_end(&mut bytes).map_err(failed)?;
    let ids = bytes.chunks_exact(4).map(|id| u64::from(u32::from_be_bytes([id[0], id[1], id[2], id[3]])));
    Ok(Stream::new(ids))
}

/// The generator `SplitMix64`.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
