//! Encodes any value in its canonical form.

use std::io::Write as _;

use serde::{Serialize, Serializer};

use super::compound::{List, Map};
use super::{MAX_BYTES, MAX_DEPTH, Refused};

type Done = Result<(), Refused>;

/// The output so far, and the current depth.
#[derive(Default)]
pub(super) struct Encoder {
    pub(super) out: Vec<u8>,
    pub(super) depth: usize,
    /// Whether the whole value is `()`, rather than a `None`.
    pub(super) is_unit: bool,
}

impl Encoder {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Done {
        if self.out.len() + bytes.len() > MAX_BYTES {
            return Err(Refused(format!("take more than {MAX_BYTES} bytes in the canonical form")));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// A string, and its position.
    pub(super) fn text(&mut self, text: &str) -> Result<std::ops::Range<usize>, Refused> {
        self.push(format!("s{}:", text.len()).as_bytes())?;
        self.push(text.as_bytes())?;
        Ok(self.out.len() - text.len()..self.out.len())
    }

    fn integer(&mut self, digits: impl std::fmt::Display) -> Done {
        self.push(format!("i{digits};").as_bytes())
    }

    /// Begins a list or a map.
    fn open(&mut self, bracket: u8) -> Done {
        if self.depth == MAX_DEPTH {
            return Err(Refused(format!("nest deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        self.push(&[bracket])
    }

    /// Ends a list or a map.
    pub(super) fn close(&mut self, bracket: u8) -> Done {
        self.depth -= 1;
        self.push(&[bracket])
    }

    fn list(&mut self) -> Result<List<'_>, Refused> {
        self.open(b'[')?;
        Ok(List { encoder: self, is_variant: false })
    }

    fn map(&mut self) -> Result<Map<'_>, Refused> {
        self.open(b'{')?;
        Ok(Map::new(self, false))
    }

    /// Begins the map with one entry that represents a variant with content.
    fn variant(&mut self, name: &str) -> Done {
        self.open(b'{')?;
        self.text(name).map(|_| ())
    }
}

impl<'a> Serializer for &'a mut Encoder {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Map<'a>;
    type SerializeStruct = Map<'a>;
    type SerializeStructVariant = Map<'a>;

    fn serialize_bool(self, value: bool) -> Done {
        self.push(if value { b"t" } else { b"f" })
    }

    fn serialize_i8(self, value: i8) -> Done {
        self.integer(value)
    }

    fn serialize_i16(self, value: i16) -> Done {
        self.integer(value)
    }

    fn serialize_i32(self, value: i32) -> Done {
        self.integer(value)
    }

    fn serialize_i64(self, value: i64) -> Done {
        self.integer(value)
    }

    fn serialize_i128(self, value: i128) -> Done {
        self.integer(value)
    }

    fn serialize_u8(self, value: u8) -> Done {
        self.integer(value)
    }

    fn serialize_u16(self, value: u16) -> Done {
        self.integer(value)
    }

    fn serialize_u32(self, value: u32) -> Done {
        self.integer(value)
    }

    fn serialize_u64(self, value: u64) -> Done {
        self.integer(value)
    }

    fn serialize_u128(self, value: u128) -> Done {
        self.integer(value)
    }

    fn serialize_f32(self, value: f32) -> Done {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Done {
        if value == 0.0 {
            return self.integer(0);
        }
        if value.is_finite() && value.fract() == 0.0 {
            // All digits, not only the shortest that identify the number.
            return self.integer(format_args!("{value:.0}"));
        }
        let value = if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { value };
        self.push(format!("x{:016x}", value.to_bits()).as_bytes())
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Done {
        self.text(value).map(|_| ())
    }

    fn serialize_bytes(self, value: &[u8]) -> Done {
        self.push(format!("b{}:", value.len()).as_bytes())?;
        for part in value.chunks(4096) {
            let mut digits = Vec::with_capacity(2 * part.len());
            for byte in part {
                // Writing to a `Vec` cannot fail.
                let _ = write!(digits, "{byte:02x}");
            }
            self.push(&digits)?;
        }
        Ok(())
    }

    fn serialize_none(self) -> Done {
        self.push(b"n")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.is_unit = self.depth == 0;
        self.push(b"n")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.push(b"n")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.close(b'}')
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Refused> {
        self.list()
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, Refused> {
        self.list()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Refused> {
        self.list()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, Refused> {
        self.variant(variant)?;
        self.open(b'[')?;
        Ok(List { encoder: self, is_variant: true })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Map<'a>, Refused> {
        self.map()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Map<'a>, Refused> {
        self.map()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Map<'a>, Refused> {
        self.variant(variant)?;
        self.open(b'{')?;
        Ok(Map::new(self, true))
    }
}
