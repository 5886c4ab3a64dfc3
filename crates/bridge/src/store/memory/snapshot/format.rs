//! Reading and writing the snapshot format, which the [parent module](super) describes.

use std::io::{self, Read, Write};

use bytes::Bytes;
use crc32fast::Hasher;
use isocache::engine::NEVER;

use super::SnapshotWritten;
use crate::store::memory::database::{Live, millis, time_of};

const MAGIC: &[u8; 8] = b"isocache";
const VERSION: u32 = 1;
/// The deadline of an entry that does not expire.
const NO_DEADLINE: u64 = u64::MAX;
const CHECKSUM: u64 = 4;

/// Why a snapshot cannot be read.
pub(super) enum Unreadable {
    Io(io::Error),
    /// The version of the format is unknown.
    Version(u32),
    Damaged {
        at: u64,
        problem: String,
    },
}

/// A reader or writer that computes the checksum of all bytes so far.
struct Summed<W> {
    inner: W,
    sum: Hasher,
    at: u64,
}

impl<W: Write> Summed<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.at += bytes.len() as u64;
        self.inner.write_all(bytes)
    }

    fn put_checksum(&mut self) -> io::Result<()> {
        self.at += CHECKSUM;
        self.inner.write_all(&self.sum.clone().finalize().to_le_bytes())
    }
}

/// Writes a snapshot of the entries. The least recently used entry must come first.
pub(super) fn write(inner: impl Write, entries: &[Live]) -> io::Result<SnapshotWritten> {
    let mut file = Summed { inner, sum: Hasher::new(), at: 0 };
    file.put(MAGIC)?;
    file.put(&VERSION.to_le_bytes())?;
    file.put(&(entries.len() as u64).to_le_bytes())?;
    file.put_checksum()?;
    for entry in entries {
        let deadline = time_of(entry.deadline).and_then(|time| u64::try_from(time).ok()).unwrap_or(NO_DEADLINE);
        file.put(&deadline.to_le_bytes())?;
        file.put(&length(&entry.key)?.to_le_bytes())?;
        file.put(&length(&entry.value)?.to_le_bytes())?;
        file.put(&entry.key)?;
        file.put(&entry.value)?;
        file.put_checksum()?;
    }
    file.inner.flush()?;
    Ok(SnapshotWritten { entries: entries.len() as u64, bytes: file.at })
}

fn length(bytes: &[u8]) -> io::Result<u32> {
    u32::try_from(bytes.len())
        .map_err(|_| io::Error::other("a key or a value of 4 GiB or more has no place in a snapshot"))
}

impl<R: Read> Summed<R> {
    /// Fills the buffer and leaves its bytes out of the checksum. `what` names the part in errors.
    fn take_unsummed(&mut self, buffer: &mut [u8], what: &str) -> Result<(), Unreadable> {
        self.inner.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(format!("the file ends within {what}")),
            _ => Unreadable::Io(error),
        })?;
        self.at += buffer.len() as u64;
        Ok(())
    }

    fn take(&mut self, buffer: &mut [u8], what: &str) -> Result<(), Unreadable> {
        self.take_unsummed(buffer, what)?;
        self.sum.update(buffer);
        Ok(())
    }

    fn take_u32(&mut self, what: &str) -> Result<u32, Unreadable> {
        let mut bytes = [0; 4];
        self.take(&mut bytes, what)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn take_u64(&mut self, what: &str) -> Result<u64, Unreadable> {
        let mut bytes = [0; 8];
        self.take(&mut bytes, what)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn check_sum(&mut self, what: &str) -> Result<(), Unreadable> {
        let (at, own) = (self.at, self.sum.clone().finalize());
        let mut sum = [0; 4];
        self.take_unsummed(&mut sum, what)?;
        if u32::from_le_bytes(sum) == own {
            return Ok(());
        }
        Err(Unreadable::Damaged { at, problem: format!("the checksum of {what} does not fit what is before it") })
    }

    fn damaged(&self, problem: String) -> Unreadable {
        Unreadable::Damaged { at: self.at, problem }
    }
}

/// Reads a snapshot of `size` bytes. A damaged one yields no entries.
pub(super) fn read(inner: impl Read, size: u64) -> Result<Vec<Live>, Unreadable> {
    let mut file = Summed { inner, sum: Hasher::new(), at: 0 };
    let mut magic = [0; MAGIC.len()];
    file.take(&mut magic, "its first eight bytes")?;
    if magic != *MAGIC {
        return Err(Unreadable::Damaged { at: 0, problem: "it does not begin with \"isocache\"".into() });
    }
    let version = file.take_u32("its version")?;
    let count = file.take_u64("its number of entries")?;
    file.check_sum("its head")?;
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let mut entries = Vec::new();
    for number in 1..=count {
        entries.push(read_entry(&mut file, size, &format!("entry {number} of {count}"))?);
    }
    if file.at < size {
        return Err(file.damaged(format!("{} bytes follow the last entry", size - file.at)));
    }
    Ok(entries)
}

fn read_entry<R: Read>(file: &mut Summed<R>, size: u64, what: &str) -> Result<Live, Unreadable> {
    let deadline = file.take_u64(what)?;
    let (key_len, value_len) = (file.take_u32(what)?, file.take_u32(what)?);
    // Check the lengths before allocating.
    if u64::from(key_len) + u64::from(value_len) + CHECKSUM > size.saturating_sub(file.at) {
        return Err(file.damaged(format!("{what} is said to be longer than the rest of the file")));
    }
    let mut key = vec![0; key_len as usize];
    file.take(&mut key, what)?;
    let mut value = vec![0; value_len as usize];
    file.take(&mut value, what)?;
    file.check_sum(what)?;
    let deadline = i64::try_from(deadline).map_or(NEVER, millis);
    Ok(Live { key: Bytes::from(key), value: Bytes::from(value), deadline })
}
