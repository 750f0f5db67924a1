//! What can go wrong while JSON is written.

use core::fmt::{self, Display, Write as _};

/// Longest part of a [`serde::ser::Error::custom`] message that is kept, in bytes.
pub const MESSAGE_LEN: usize = 48;

/// Why JSON could not be written to a sink with errors of type `E`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WriteError<E> {
    /// The sink's own error.
    Io(E),
    /// The sink broke its contract: it took none of the bytes it was offered (`Ok(0)`), or
    /// claimed to have taken more than that.
    WriteZero,
    /// The value has no JSON form.
    Json(JsonWriteError),
}

/// Why a value has no JSON form.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum JsonWriteError {
    /// A map key that is neither a string, a character nor a unit variant.
    KeyNotString,
    /// A float that is infinite or not a number.
    NonFiniteFloat,
    /// A `Display` implementation returned an error of its own.
    DisplayFailed,
    /// One of `serde_json`'s stand-ins (`RawValue`, an arbitrary-precision number), which only
    /// that crate's own serializer can read. Use [`JsonWriter::raw`](super::JsonWriter::raw) for a verbatim value.
    PrivateType,
    /// A verbatim value that holds a raw line break: a record stands on one line.
    LineBreak,
    /// Raised by the value's own `Serialize` implementation.
    Custom(Message),
}

/// The beginning of an error message: at most [`MESSAGE_LEN`] bytes, cut between characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Message(heapless::String<MESSAGE_LEN>);

impl Message {
    fn new(text: impl Display) -> Self {
        let mut message = Self::default();
        // A failing Display, or the message's end, costs the rest of the text and nothing else.
        let _ = write!(Bounded(&mut message.0), "{text}");
        message
    }

    /// The kept text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Takes whole characters until one does not fit.
struct Bounded<'a>(&'a mut heapless::String<MESSAGE_LEN>);

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars()
            .try_for_each(|c| self.0.push(c).map_err(|_| fmt::Error))
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Display for JsonWriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyNotString => f.write_str("a map key is not a string"),
            Self::NonFiniteFloat => f.write_str("a float is infinite or not a number"),
            Self::DisplayFailed => f.write_str("a value could not be formatted as text"),
            Self::PrivateType => f.write_str("a type private to serde_json cannot be written"),
            Self::LineBreak => f.write_str("a verbatim value holds a raw line break"),
            Self::Custom(message) => message.fmt(f),
        }
    }
}

impl core::error::Error for JsonWriteError {}

impl<E: Display> Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "write failed: {error}"),
            Self::WriteZero => f.write_str("write failed: the sink took no bytes"),
            Self::Json(error) => error.fmt(f),
        }
    }
}

// No `source`: it would demand `E: 'static`, and the text above already tells the sink's error.
impl<E: core::error::Error> core::error::Error for WriteError<E> {}

impl<E: embedded_io::Error> embedded_io::Error for WriteError<E> {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::WriteZero => embedded_io::ErrorKind::WriteZero,
            Self::Json(_) => embedded_io::ErrorKind::InvalidInput,
        }
    }
}

impl<E> From<JsonWriteError> for WriteError<E> {
    fn from(error: JsonWriteError) -> Self {
        Self::Json(error)
    }
}

impl<E: core::error::Error> serde::ser::Error for WriteError<E> {
    fn custom<T: Display>(text: T) -> Self {
        Self::Json(JsonWriteError::Custom(Message::new(text)))
    }
}
