//! Lists and maps.

use std::ops::Range;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant,
};

use super::Refused;
use super::encoder::Encoder;
use super::name::name;

type Done = Result<(), Refused>;

/// A list being written.
pub(super) struct List<'a> {
    pub(super) encoder: &'a mut Encoder,
    /// Whether it is the content of a variant.
    pub(super) is_variant: bool,
}

impl List<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(&mut *self.encoder)
    }

    fn finish(self) -> Done {
        self.encoder.close(b']')?;
        if self.is_variant { self.encoder.close(b'}') } else { Ok(()) }
    }
}

/// A map being written: its entries as they come, ordered at the end.
pub(super) struct Map<'a> {
    encoder: &'a mut Encoder,
    /// The start of the entries in the output.
    from: usize,
    entries: Vec<Entry>,
    /// Whether it is the content of a variant.
    is_variant: bool,
}

/// The start of an entry, and the range of its name.
struct Entry {
    from: usize,
    name: Range<usize>,
}

impl<'a> Map<'a> {
    pub(super) fn new(encoder: &'a mut Encoder, is_variant: bool) -> Self {
        let from = encoder.out.len();
        Self { encoder, from, entries: Vec::new(), is_variant }
    }

    fn name(&mut self, text: &str) -> Done {
        let from = self.encoder.out.len();
        let name = self.encoder.text(text)?;
        self.entries.push(Entry { from, name });
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(&mut *self.encoder)
    }

    fn finish(self) -> Done {
        let out = &self.encoder.out;
        let name = |entry: &Entry| out.get(entry.name.clone()).unwrap_or_default();
        if !self.entries.is_sorted_by_key(name) {
            let ends = self.entries.iter().skip(1).map(|entry| entry.from).chain([out.len()]);
            let mut entries: Vec<_> = self.entries.iter().zip(ends).collect();
            entries.sort_by_key(|(entry, _)| name(entry));
            let texts = entries.iter().map(|(entry, end)| out.get(entry.from..*end).unwrap_or_default());
            let ordered = texts.collect::<Vec<_>>().concat();
            self.encoder.out.truncate(self.from);
            self.encoder.out.extend_from_slice(&ordered);
        }
        self.encoder.close(b'}')?;
        if self.is_variant { self.encoder.close(b'}') } else { Ok(()) }
    }
}

macro_rules! list {
    ($($trait:ident $method:ident)*) => {$(
        impl $trait for List<'_> {
            type Ok = ();
            type Error = Refused;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.item(value)
            }

            fn end(self) -> Done {
                self.finish()
            }
        }
    )*};
}
list!(SerializeSeq serialize_element SerializeTuple serialize_element);
list!(SerializeTupleStruct serialize_field SerializeTupleVariant serialize_field);

macro_rules! structure {
    ($($trait:ident)*) => {$(
        impl $trait for Map<'_> {
            type Ok = ();
            type Error = Refused;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
                self.name(name)?;
                self.value(value)
            }

            fn end(self) -> Done {
                self.finish()
            }
        }
    )*};
}
structure!(SerializeStruct SerializeStructVariant);

impl SerializeMap for Map<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        let text = name(key)?;
        self.name(&text)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.value(value)
    }

    fn end(self) -> Done {
        self.finish()
    }
}
