//! Streaming JSON out: compact, in constant memory, over any [`embedded_io::Write`].
//!
//! [`JsonWriter`] holds [`SCRATCH`] bytes and a few flags, however deep or long the document is.
//! Commas are its business: the caller names keys and values in order, and that is all.
//!
//! Contract: no method panics. The writer checks no grammar: a missing `end_object` or a value
//! without its key gives bytes that are no JSON. After any error the output is incomplete and
//! the writer is of no further use; what to do with the bytes already passed on (cut them off,
//! isolate them) is the caller's decision, since only the caller knows the medium.
//!
//! Escaping is that of `serde_json`'s compact output, byte for byte (RFC 8259, section 7): `"` and
//! `\` get a backslash, `\b \f \n \r \t` their short form, other controls below 0x20 become
//! `\u00xx` in lower case, and everything else (0x7f included) is written as it is.

use core::fmt::{self, Write as _};

use embedded_io::Write;

use super::pen::{Draft, Kept, Pen, Stopped};

mod error;

pub use error::{JsonWriteError, MESSAGE_LEN, Message, WriteError};

/// Size of the writer's own buffer, in bytes: 64, or 512 with feature `fast`.
///
/// Most pieces of a record (punctuation, member names, numbers, ids) are shorter, so the sink
/// sees a few writes of this size instead of very many of one to ten bytes.
pub const SCRATCH: usize = if cfg!(feature = "fast") { 512 } else { 64 };

/// Passes every byte on to `w`, however few it takes at a time.
///
/// Stands in for [`embedded_io::Write::write_all`], which panics when a sink returns `Ok(0)`.
///
/// # Errors
/// [`WriteError::Io`] with the sink's first error, none of which is retried, and
/// [`WriteError::WriteZero`]. Either way a part of the bytes may have been taken.
pub fn write_all<W: Write + ?Sized>(w: &mut W, bytes: &[u8]) -> Result<(), WriteError<W::Error>> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let taken = w.write(rest).map_err(WriteError::Io)?;
        rest = match rest.get(taken..) {
            Some(tail) if taken > 0 => tail,
            _ => return Err(WriteError::WriteZero),
        };
    }
    Ok(())
}

/// Writes one compact JSON document, piece by piece.
///
/// Every method can fail with the sink's error ([`WriteError::Io`], [`WriteError::WriteZero`]);
/// where another error is possible, the method says so. [`finish`](Self::finish) passes the last
/// bytes on: without it they are lost. To keep the sink whatever happens, lend it: `W` may be a
/// `&mut` reference.
///
/// ```
/// use sessionlog_core::json::JsonWriter;
///
/// let mut buffer = [0u8; 64];
/// let mut w = JsonWriter::new(&mut buffer[..]);
/// w.begin_object()?;
/// w.key("id")?;
/// w.string("msg-1")?;
/// w.key("sizes")?;
/// w.begin_array()?;
/// w.u64(1)?;
/// w.u64(2)?;
/// w.end_array()?;
/// w.key("text")?;
/// w.begin_string()?;
/// w.string_piece("one \"text\", ")?;
/// w.string_piece("two pieces")?;
/// w.end_string()?;
/// w.end_object()?;
/// let unused = w.finish()?.len();
/// let written = &buffer[..64 - unused];
/// assert_eq!(written, br#"{"id":"msg-1","sizes":[1,2],"text":"one \"text\", two pieces"}"#);
/// # Ok::<(), sessionlog_core::json::WriteError<embedded_io::SliceWriteError>>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "the last bytes reach the sink by `finish`"]
pub struct JsonWriter<W> {
    sink: W,
    draft: Draft,
    /// The sink reads what it is given, and refuses a line break.
    checked: bool,
}

impl<W: Write> JsonWriter<W> {
    /// A writer at the beginning of a document.
    pub const fn new(sink: W) -> Self {
        Self {
            sink,
            draft: Draft::new(),
            checked: false,
        }
    }

    /// As [`new`](Self::new), over a sink that reads what it is given, and refuses a line break.
    pub(crate) const fn checked(sink: W) -> Self {
        Self {
            sink,
            draft: Draft::new(),
            checked: true,
        }
    }

    /// The sink refuses a line break.
    pub(crate) const fn is_checked(&self) -> bool {
        self.checked
    }

    /// The sink. It has seen everything only right after [`flush_scratch`](Self::flush_scratch).
    pub const fn sink(&self) -> &W {
        &self.sink
    }

    /// Passes the gathered bytes on to the sink, and returns it. The sink itself is not flushed.
    pub fn finish(mut self) -> Result<W, WriteError<W::Error>> {
        self.flush_scratch()?;
        Ok(self.sink)
    }

    /// Passes the gathered bytes on to the sink. The sink itself is not flushed.
    pub fn flush_scratch(&mut self) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.flush())
    }

    /// Lets the part that knows no sink's type write.
    fn pen(&mut self, write: impl FnOnce(&mut Pen<'_>)) -> Result<(), WriteError<W::Error>> {
        let mut kept = Kept::new(&mut self.sink);
        let mut pen = Pen::new(&mut self.draft, &mut kept);
        write(&mut pen);
        match pen.outcome() {
            Ok(()) => Ok(()),
            Err(Stopped) => Err(kept.error()),
        }
    }

    /// `{`: members follow, each a [`key`](Self::key) and a value.
    pub fn begin_object(&mut self) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.open(b'{'))
    }

    /// `}`.
    pub fn end_object(&mut self) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.close(b'}'))
    }

    /// `[`: values follow.
    pub fn begin_array(&mut self) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.open(b'['))
    }

    /// `]`.
    pub fn end_array(&mut self) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.close(b']'))
    }

    /// A member's name; its value comes next.
    pub fn key(&mut self, name: &str) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| {
            pen.string(name);
            pen.colon(b':');
        })
    }

    /// Makes the string just written the name of a member.
    pub(crate) fn end_key(&mut self) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.colon(b':'))
    }

    /// A string, whole.
    pub fn string(&mut self, text: &str) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.string(text))
    }

    /// A string of formatted text, streamed: `w.string_fmt(format_args!("msg-{n}"))`.
    ///
    /// # Errors
    /// [`JsonWriteError::DisplayFailed`] if an argument's own formatting fails.
    pub fn string_fmt(&mut self, text: fmt::Arguments<'_>) -> Result<(), WriteError<W::Error>> {
        self.begin_string()?;
        self.fmt(text)?;
        self.end_string()
    }

    /// Begins a string of any length: [`string_piece`](Self::string_piece) any number of times,
    /// then [`end_string`](Self::end_string).
    pub fn begin_string(&mut self) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.open(b'"'))
    }

    /// The next part of the string begun, unescaped as it is in memory.
    pub fn string_piece(&mut self, text: &str) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.escaped(text))
    }

    /// Ends the string begun.
    pub fn end_string(&mut self) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.close(b'"'))
    }

    /// An unsigned number.
    pub fn u64(&mut self, value: u64) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.number(value))
    }

    /// A signed number.
    pub fn i64(&mut self, value: i64) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| {
            if value < 0 {
                pen.open(b'-');
            }
            pen.number(value.unsigned_abs());
        })
    }

    /// An unsigned number of up to 39 digits. Many JSON readers stop at 64 bits.
    pub fn u128(&mut self, value: u128) -> Result<(), WriteError<W::Error>> {
        self.number(format_args!("{value}"))
    }

    /// A signed number of up to 39 digits. Many JSON readers stop at 64 bits.
    pub fn i128(&mut self, value: i128) -> Result<(), WriteError<W::Error>> {
        self.number(format_args!("{value}"))
    }

    /// A float, as the shortest decimal that reads back as the same `f64`.
    ///
    /// A whole number keeps a `.0`. From 1e16 up and below 1e-4 an exponent stands: `1e16`,
    /// `1.5e-5`, where `serde_json` writes `1e+16` and `0.000015`. Where two decimals of the same
    /// length are equally near, the last digit may be one more or less than `serde_json`'s.
    ///
    /// # Errors
    /// [`JsonWriteError::NonFiniteFloat`]: JSON has no infinities and no NaN.
    pub fn f64(&mut self, value: f64) -> Result<(), WriteError<W::Error>> {
        if !value.is_finite() {
            return Err(JsonWriteError::NonFiniteFloat.into());
        }
        self.number(format_args!("{value:?}"))
    }

    /// A float, as the shortest decimal that reads back as the same `f32`; in the notation of
    /// [`f64`](Self::f64), while `serde_json` turns to exponents earlier for this type.
    ///
    /// # Errors
    /// [`JsonWriteError::NonFiniteFloat`]: JSON has no infinities and no NaN.
    pub fn f32(&mut self, value: f32) -> Result<(), WriteError<W::Error>> {
        if !value.is_finite() {
            return Err(JsonWriteError::NonFiniteFloat.into());
        }
        self.number(format_args!("{value:?}"))
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> Result<(), WriteError<W::Error>> {
        self.raw(if value { b"true" } else { b"false" })
    }

    /// `null`.
    pub fn null(&mut self) -> Result<(), WriteError<W::Error>> {
        self.raw(b"null")
    }

    /// One JSON value, byte for byte.
    ///
    /// Nothing is checked: that the bytes are one whole value, and hold no line feed where the
    /// document is a line of its own, is the caller's word.
    pub fn raw(&mut self, value: &[u8]) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.raw(value))
    }

    fn number(&mut self, text: fmt::Arguments<'_>) -> Result<(), WriteError<W::Error>> {
        self.pen(|pen| pen.begin_value())?;
        self.fmt(text)?;
        self.draft.end_value();
        Ok(())
    }

    /// Formatted text, escaped, without quotes.
    fn fmt(&mut self, text: fmt::Arguments<'_>) -> Result<(), WriteError<W::Error>> {
        let mut failed = false;
        self.pen(|pen| {
            failed = Pieces(pen).write_fmt(text).is_err();
        })?;
        match failed {
            true => Err(JsonWriteError::DisplayFailed.into()),
            false => Ok(()),
        }
    }
}

/// Lets `core::fmt` write into a string.
struct Pieces<'a, 'p>(&'a mut Pen<'p>);

impl fmt::Write for Pieces<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // A Display implementation may go on after an error: the pen does not.
        self.0.escaped(text);
        self.0.outcome().map_err(|Stopped| fmt::Error)
    }
}

#[cfg(test)]
mod tests;
