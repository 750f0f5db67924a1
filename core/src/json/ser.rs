//! `serde` in, JSON out: any `T: Serialize` streamed through a [`JsonWriter`], without alloc.
//!
//! The bytes are those of `serde_json::to_vec`, with four differences:
//! - integers, booleans, floats and `Some` as map keys are errors, as every other key that is no
//!   string: a log that says `"1"` where the program said `1` cannot be read back into it;
//! - infinite floats and NaN are errors, not `null`: a number that was lost shall be noticed;
//! - a float from 1e16 up or below 1e-4 stands in another notation, and a tie in the last digit
//!   may fall the other way: the number that is read back is the same ([`JsonWriter::f64`]);
//! - `serde_json`'s `RawValue` and arbitrary-precision numbers are errors
//!   ([`JsonWriteError::PrivateType`]), because their encoding is private to that crate.
//!
//! Stack: a value nested `n` deep costs `n` frames, as with every `serde` serializer. The value
//! is the caller's own; bytes read from a log never come here.

use core::fmt::{self, Display};

use embedded_io::Write;
use serde::ser::{self, Serialize, Serializer};

use super::write::{JsonWriteError, JsonWriter, WriteError};
use key::KeySerializer;

mod key;

/// Writes `value` as compact JSON. The sink is not flushed.
///
/// ```
/// use sessionlog_core::json::to_writer;
///
/// #[derive(serde::Serialize)]
/// struct Reading<'a> {
///     sensor: &'a str,
///     celsius: Option<i16>,
/// }
///
/// let mut buffer = [0u8; 64];
/// let mut sink = &mut buffer[..];
/// to_writer(&mut sink, &Reading { sensor: "door", celsius: Some(-4) })?;
/// let unused = sink.len();
/// assert_eq!(&buffer[..64 - unused], br#"{"sensor":"door","celsius":-4}"#);
/// # Ok::<(), sessionlog_core::json::WriteError<embedded_io::SliceWriteError>>(())
/// ```
///
/// # Errors
/// The sink's error, or [`WriteError::Json`] if the value has no JSON form. A part of the
/// document may have reached the sink by then.
pub fn to_writer<W, T>(w: &mut W, value: &T) -> Result<(), WriteError<W::Error>>
where
    W: Write,
    T: Serialize + ?Sized,
{
    let mut writer = JsonWriter::new(w);
    writer.value(value)?;
    writer.finish()?;
    Ok(())
}

impl<W: Write> JsonWriter<W> {
    /// One value of any type that `serde` can serialise.
    ///
    /// # Errors
    /// [`WriteError::Json`] if the value has no JSON form.
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError<W::Error>> {
        value.serialize(JsonSerializer::new(self))
    }
}

/// A [`Serializer`] that writes one value to a [`JsonWriter`], wherever that stands.
pub struct JsonSerializer<'w, W> {
    writer: &'w mut JsonWriter<W>,
}

impl<'w, W: Write> JsonSerializer<'w, W> {
    /// A serializer for the next value of the document.
    pub const fn new(writer: &'w mut JsonWriter<W>) -> Self {
        Self { writer }
    }

    /// `{"variant":`, the beginning of a variant with contents.
    fn begin_variant(
        self,
        variant: &'static str,
    ) -> Result<&'w mut JsonWriter<W>, WriteError<W::Error>> {
        self.writer.begin_object()?;
        self.writer.key(variant)?;
        Ok(self.writer)
    }
}

/// Methods whose value goes to one method of the writer, after a lossless widening.
macro_rules! forward {
    ($($method:ident($from:ty) => $to:ident;)*) => {$(
        #[inline]
        fn $method(self, value: $from) -> Result<(), Self::Error> {
            self.writer.$to(value.into())
        }
    )*};
}

impl<'w, W: Write> Serializer for JsonSerializer<'w, W> {
    type Ok = ();
    type Error = WriteError<W::Error>;
    type SerializeSeq = Compound<'w, W>;
    type SerializeTuple = Compound<'w, W>;
    type SerializeTupleStruct = Compound<'w, W>;
    type SerializeTupleVariant = Compound<'w, W>;
    type SerializeMap = Compound<'w, W>;
    type SerializeStruct = Compound<'w, W>;
    type SerializeStructVariant = Compound<'w, W>;

    forward! {
        serialize_bool(bool) => bool;
        serialize_i8(i8) => i64;
        serialize_i16(i16) => i64;
        serialize_i32(i32) => i64;
        serialize_i64(i64) => i64;
        serialize_i128(i128) => i128;
        serialize_u8(u8) => u64;
        serialize_u16(u16) => u64;
        serialize_u32(u32) => u64;
        serialize_u64(u64) => u64;
        serialize_u128(u128) => u128;
        serialize_f32(f32) => f32;
        serialize_f64(f64) => f64;
        serialize_str(&str) => string;
    }

    fn serialize_char(self, value: char) -> Result<(), Self::Error> {
        self.writer.string(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Self::Error> {
        self.writer.begin_array()?;
        for byte in value {
            self.writer.u64(u64::from(*byte))?;
        }
        self.writer.end_array()
    }

    fn serialize_none(self) -> Result<(), Self::Error> {
        self.writer.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Self::Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Self::Error> {
        self.writer.null()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Self::Error> {
        self.writer.null()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Self::Error> {
        self.writer.string(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Self::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Self::Error> {
        let writer = self.begin_variant(variant)?;
        writer.value(value)?;
        writer.end_object()
    }

    // Lengths are never trusted, nor needed: the brackets come from begin and end.
    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Self::Error> {
        self.writer.begin_array()?;
        Ok(Compound(self.writer))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, Self::Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, Self::Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Self::Error> {
        let writer = self.begin_variant(variant)?;
        writer.begin_array()?;
        Ok(Compound(writer))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, Self::Error> {
        self.writer.begin_object()?;
        Ok(Compound(self.writer))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, Self::Error> {
        // serde_json marks its stand-ins by this prefix. Written as ordinary structs they would
        // be silently wrong in the log.
        if name.starts_with("$serde_json::private::") {
            return Err(JsonWriteError::PrivateType.into());
        }
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Self::Error> {
        let writer = self.begin_variant(variant)?;
        writer.begin_object()?;
        Ok(Compound(writer))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Self::Error> {
        self.writer.string_fmt(format_args!("{value}"))
    }
}

/// An array or object under way. Which one it is, the trait in use tells.
pub struct Compound<'w, W>(&'w mut JsonWriter<W>);

/// Traits that write bare values, or members named by a static string, and close with the given
/// calls. A variant's contents also close the object around them.
macro_rules! compound {
    ($($trait:ident: $method:ident($($key:ident)?), $($end:ident)+;)*) => {$(
        impl<W: Write> ser::$trait for Compound<'_, W> {
            type Ok = ();
            type Error = WriteError<W::Error>;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), Self::Error> {
                $(self.0.key($key)?;)?
                self.0.value(value)
            }

            fn end(self) -> Result<(), Self::Error> {
                $(self.0.$end()?;)+
                Ok(())
            }
        }
    )*};
}

compound! {
    SerializeSeq: serialize_element(), end_array;
    SerializeTuple: serialize_element(), end_array;
    SerializeTupleStruct: serialize_field(), end_array;
    SerializeTupleVariant: serialize_field(), end_array end_object;
    SerializeStruct: serialize_field(key), end_object;
    SerializeStructVariant: serialize_field(key), end_object end_object;
}

impl<W: Write> ser::SerializeMap for Compound<'_, W> {
    type Ok = ();
    type Error = WriteError<W::Error>;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Self::Error> {
        key.serialize(KeySerializer { writer: self.0 })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Self::Error> {
        self.0.value(value)
    }

    fn end(self) -> Result<(), Self::Error> {
        self.0.end_object()
    }
}

// By hand: a derive would print the scratch, which says nothing about the serializer.
impl<W> fmt::Debug for JsonSerializer<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonSerializer")
    }
}

impl<W> fmt::Debug for Compound<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compound")
    }
}

#[cfg(feature = "defmt")]
impl<W> defmt::Format for JsonSerializer<'_, W> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "JsonSerializer");
    }
}

#[cfg(feature = "defmt")]
impl<W> defmt::Format for Compound<'_, W> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Compound");
    }
}

#[cfg(test)]
mod tests;
