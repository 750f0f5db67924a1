//! The part of the writer that knows no sink's type, so that a device holds it once.
//!
//! A [`Pen`] gathers bytes and passes them on to a [`Sink`] behind a pointer. What it returns says only that the sink
//! has failed: how, the sink knows, and whoever made the pen asks it once, at the end. (An error by value, which can
//! hold a message, would be copied from call to call.)

use super::write::{SCRATCH, WriteError, write_all};
use embedded_io::{ErrorType, Write};
use heapless::Vec;
use scratch::Scratch;

/// The sink has failed, and knows how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Stopped;

impl core::fmt::Display for Stopped {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the sink has failed")
    }
}

impl core::error::Error for Stopped {}

impl embedded_io::Error for Stopped {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

/// Where bytes go: all of them, or none that count. Never called with none.
pub(crate) trait Sink {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Stopped>;
}

/// Any [`Write`] as a sink, with what it failed of.
pub(crate) struct Kept<'w, W: Write + ?Sized> {
    sink: &'w mut W,
    /// `None` after a failure: it took no bytes.
    error: Option<W::Error>,
}

impl<'w, W: Write + ?Sized> Kept<'w, W> {
    pub(crate) fn new(sink: &'w mut W) -> Self {
        Kept { sink, error: None }
    }

    /// What it failed of.
    pub(crate) fn error(self) -> WriteError<W::Error> {
        self.error.map_or(WriteError::WriteZero, WriteError::Io)
    }
}

impl<W: Write + ?Sized> Sink for Kept<'_, W> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        match write_all(self.sink, bytes) {
            Ok(()) => Ok(()),
            Err(error) => {
                if let WriteError::Io(error) = error {
                    self.error = Some(error);
                }
                Err(Stopped)
            }
        }
    }
}

/// Bytes that are gathered for the sink.
#[cfg(feature = "fast")]
mod scratch {
    use super::SCRATCH;

    /// An array and its length: pieces are copied by few long moves.
    #[derive(Debug)]
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub(super) struct Scratch {
        bytes: [u8; SCRATCH],
        /// At most `SCRATCH`.
        len: usize,
    }

    impl Scratch {
        pub(super) const fn new() -> Self {
            Scratch {
                bytes: [0; SCRATCH],
                len: 0,
            }
        }

        pub(super) fn gathered(&self) -> &[u8] {
            self.bytes.get(..self.len).unwrap_or(&[])
        }

        pub(super) fn clear(&mut self) {
            self.len = 0;
        }

        /// Takes as many bytes as there is room for; gives the others.
        #[inline]
        pub(super) fn take<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
            let free = self.bytes.get_mut(self.len..).unwrap_or(&mut []);
            if let Some(place) = free.get_mut(..bytes.len()) {
                place.copy_from_slice(bytes);
                self.len = self.len.wrapping_add(bytes.len());
                return &[];
            }
            let (some, rest) = bytes.split_at_checked(free.len()).unwrap_or((bytes, &[]));
            free.copy_from_slice(some);
            self.len = SCRATCH;
            rest
        }
    }
}

/// Bytes that are gathered for the sink.
#[cfg(not(feature = "fast"))]
mod scratch {
    use super::SCRATCH;
    use heapless::Vec;

    /// Never cleared with zeros, and filled byte by byte: a copying routine is 700 bytes of code.
    #[derive(Debug)]
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub(super) struct Scratch(Vec<u8, SCRATCH>);

    impl Scratch {
        pub(super) const fn new() -> Self {
            Scratch(Vec::new())
        }

        pub(super) fn gathered(&self) -> &[u8] {
            &self.0
        }

        pub(super) fn clear(&mut self) {
            self.0.clear();
        }

        /// Takes as many bytes as there is room for; gives the others.
        pub(super) fn take<'b>(&mut self, mut bytes: &'b [u8]) -> &'b [u8] {
            while let Some((byte, rest)) = bytes.split_first()
                && self.0.push(*byte).is_ok()
            {
                bytes = rest;
            }
            bytes
        }
    }
}

/// What a pen remembers from one call to the next.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Draft {
    scratch: Scratch,
    /// Bytes so far, those in the scratch included.
    written: u64,
    /// A value stands before this point in the same array or object. A closing bracket is the
    /// end of a value in its parent, so the flag needs no stack.
    comma: bool,
}

impl Draft {
    pub(crate) const fn new() -> Self {
        Draft {
            scratch: Scratch::new(),
            written: 0,
            comma: false,
        }
    }

    /// Bytes so far, those that the sink has not seen included.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// A value has ended.
    pub(crate) const fn end_value(&mut self) {
        self.comma = true;
    }
}

/// Writes JSON. Once the sink has failed nothing more reaches it: that is asked for at the end, by [`Pen::outcome`].
pub(crate) struct Pen<'p> {
    draft: &'p mut Draft,
    sink: &'p mut dyn Sink,
    stopped: bool,
}

impl<'p> Pen<'p> {
    pub(crate) fn new(draft: &'p mut Draft, sink: &'p mut dyn Sink) -> Self {
        Pen {
            draft,
            sink,
            stopped: false,
        }
    }

    /// Bytes so far.
    pub(crate) fn written(&self) -> u64 {
        self.draft.written
    }

    /// Whether all is well.
    pub(crate) fn outcome(&self) -> Result<(), Stopped> {
        match self.stopped {
            true => Err(Stopped),
            false => Ok(()),
        }
    }

    /// Nothing more is to reach the sink.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Passes the gathered bytes on.
    #[inline(never)]
    pub(crate) fn flush(&mut self) {
        let gathered = self.draft.scratch.gathered();
        if !self.stopped && !gathered.is_empty() {
            self.stopped = self.sink.take(gathered).is_err();
        }
        self.draft.scratch.clear();
    }

    /// Bytes as they are: gathered, or passed on if they are many.
    #[cfg_attr(feature = "fast", inline)]
    #[cfg_attr(not(feature = "fast"), inline(never))]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.draft.written = self.draft.written.wrapping_add(bytes.len() as u64);
        if bytes.len() >= SCRATCH {
            self.flush();
            if !self.stopped {
                self.stopped = self.sink.take(bytes).is_err();
            }
            return;
        }
        let rest = self.draft.scratch.take(bytes);
        if !rest.is_empty() {
            self.flush();
            // There is room now.
            self.draft.scratch.take(rest);
        }
    }

    /// A value as it is.
    pub(crate) fn raw(&mut self, value: &[u8]) {
        self.begin_value();
        self.put(value);
        self.end_value();
    }

    /// The comma that a value or key needs before it.
    pub(crate) fn begin_value(&mut self) {
        if self.draft.comma {
            self.put(b",");
        }
    }

    /// A value has ended.
    pub(crate) fn end_value(&mut self) {
        self.draft.end_value();
    }

    /// An opening bracket or a quote.
    pub(crate) fn open(&mut self, mark: u8) {
        self.begin_value();
        self.colon(mark);
    }

    /// What stands before a value without being its beginning.
    pub(crate) fn colon(&mut self, mark: u8) {
        self.draft.comma = false;
        self.put(&[mark]);
    }

    /// A closing bracket or a quote.
    pub(crate) fn close(&mut self, mark: u8) {
        self.end_value();
        self.put(&[mark]);
    }

    /// A string value.
    pub(crate) fn string(&mut self, text: &str) {
        self.begin_value();
        self.quoted(text);
        self.end_value();
    }

    /// A string with its quotes, wherever it stands.
    #[inline(never)]
    pub(crate) fn quoted(&mut self, text: &str) {
        self.put(b"\"");
        self.escaped(text);
        self.put(b"\"");
    }

    /// What stands between a string's quotes.
    pub(crate) fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        loop {
            let (run, tail) = rest
                .split_at_checked(plain_run(rest))
                .unwrap_or((rest, &[]));
            if !run.is_empty() {
                self.put(run);
            }
            let Some((byte, tail)) = tail.split_first() else {
                return;
            };
            self.escape(*byte);
            rest = tail;
        }
    }

    fn escape(&mut self, byte: u8) {
        // The letters of 0x08 to 0x0d.
        let letter = b"btn\0fr".get(usize::from(byte.wrapping_sub(8)));
        let short = match letter {
            _ if byte >= 0x20 => byte,
            Some(letter) => *letter,
            None => 0,
        };
        if short != 0 {
            return self.put(&[b'\\', short]);
        }
        self.put(b"\\u00");
        self.put(&[hex(byte >> 4), hex(byte & 15)]);
    }

    /// A number value.
    pub(crate) fn number(&mut self, value: u64) {
        self.begin_value();
        self.digits(value);
        self.end_value();
    }

    /// A number, wherever it stands.
    #[inline(never)]
    pub(crate) fn digits(&mut self, value: u64) {
        let mut digits = Vec::new();
        crate::bytes::digits(value, &mut digits);
        self.put(&digits);
    }
}

/// The lowercase digit for a value below 16.
pub(crate) fn hex(nibble: u8) -> u8 {
    match nibble {
        0..=9 => nibble.wrapping_add(b'0'),
        _ => nibble.wrapping_add(b'a' - 10),
    }
}

/// How many bytes JSON can hold verbatim in a string. Bytes of a multi-byte character are all above 0x7f, so none is
/// ever split.
#[cfg(feature = "fast")]
fn plain_run(text: &[u8]) -> usize {
    super::text::plain_run(text).0
}

/// How many bytes JSON can hold verbatim in a string.
#[cfg(not(feature = "fast"))]
fn plain_run(text: &[u8]) -> usize {
    text.iter()
        .position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\')
        .unwrap_or(text.len())
}

/// A pen as a sink for another writer.
pub(crate) struct Passing<'a, 'p>(pub(crate) &'a mut Pen<'p>);

impl ErrorType for Passing<'_, '_> {
    type Error = Stopped;
}

impl Write for Passing<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Stopped> {
        self.0.put(bytes);
        self.0.outcome()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        Ok(())
    }
}
