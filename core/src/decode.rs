//! Typed decoding: from a payload's JSON to the caller's own small types, with `serde-json-core`.
//!
//! For reading a member or two of a payload. Replay does not need it, and it never fails on what this module cannot
//! decode: a payload stays the bytes it is.
//!
//! `serde-json-core` trusts its input more than a log may: it skips members that are not asked for without checking
//! them, and calls itself for each level of what it skips. So the bytes are checked first, by the scanner that checks
//! records, and only then decoded. What it does (0.7) that may surprise:
//!
//! - A `&str` from [`decode`] is the text between the quotes **as it stands**: `a\nb` has four characters. When that
//!   matters, use [`decode_escaped`], or take a [`serde_json_core::str::EscapedStr`] and go over its fragments.
//!   Member names too are compared as they stand: `"\u0061"` is not the member `a`.
//! - With [`decode_escaped`], a `&str` cannot hold a text that has escapes, since such a text has to be put together
//!   elsewhere: [`DecodeError::Mismatch`]. Take a type that owns its text, e.g. a `heapless::String`.
//! - [`decode_escaped`] resolves the strings that are skipped, too: `scratch` must hold the longest string of the
//!   payload that has an escape in it.
//! - It does not resolve surrogate pairs, which is how JSON that is kept in ASCII writes emoji: [`decode_escaped`]
//!   refuses a payload that has one anywhere, [`decode`] hands it out as it stands.
//! - A number with a fraction is no integer, and `null` is read as a float that is not a number.
//! - An internally tagged enum (`#[serde(tag = "role")]`) cannot be decoded without alloc: read `role` first, which
//!   [`crate::record::Message`] tells, then decode the struct that it calls for.
//! - Maps whose keys are not strings panic, whatever the input: decode structs.
//!
//! ```
//! use sessionlog_core::{decode::decode, record::Limits};
//!
//! #[derive(serde::Deserialize)]
//! struct Command<'a> {
//!     pin: u8,
//!     #[serde(borrow)]
//!     state: Option<&'a str>,
//! }
//!
//! let json = br#"{"pin":4,"why":{"asked":"by the model"},"state":"high"}"#;
//! let command: Command<'_> = decode(json, Limits::default())?;
//! assert_eq!((command.pin, command.state), (4, Some("high")));
//! # Ok::<(), sessionlog_core::decode::DecodeError>(())
//! ```

pub use serde_json_core;

use crate::{
    json::scan::{ScanError, ScanErrorKind, validate},
    record::Limits,
};
use serde::Deserialize;

/// Why a payload could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeError {
    /// Not JSON.
    Json(ScanError),
    /// Nesting reaches [`Limits::depth`].
    TooDeep {
        /// Offset of the bracket that is one too many.
        at: u64,
    },
    /// There are more bytes than [`Limits::record_bytes`].
    TooLarge {
        /// How many there are.
        len: u64,
    },
    /// JSON, but not of the type that is asked for; or `scratch` is too small.
    Mismatch(serde_json_core::de::Error),
}

impl From<ScanError> for DecodeError {
    fn from(error: ScanError) -> Self {
        match error.kind {
            ScanErrorKind::TooDeep => Self::TooDeep { at: error.at },
            _ => Self::Json(error),
        }
    }
}

impl From<serde_json_core::de::Error> for DecodeError {
    fn from(error: serde_json_core::de::Error) -> Self {
        Self::Mismatch(error)
    }
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Json(e) => write!(f, "not JSON: {e}"),
            Self::TooDeep { at } => write!(f, "nesting too deep at byte {at}"),
            Self::TooLarge { len } => write!(f, "{len} bytes are more than the limit"),
            Self::Mismatch(e) => write!(f, "not of the type that is asked for: {e}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Decodes one JSON value, which white space may surround. Strings are handed out as they stand, escapes unresolved.
///
/// Decoding calls itself for each level of nesting, in members that are skipped as well: [`Limits::depth`] bounds the
/// stack, and a device sets it lower than the default.
///
/// # Errors
/// [`DecodeError`]; nothing is decoded unless all bytes are valid and within `limits`.
pub fn decode<'de, T: Deserialize<'de>>(json: &'de [u8], limits: Limits) -> Result<T, DecodeError> {
    check(json, limits)?;
    let (value, _) = serde_json_core::from_slice(json)?;
    Ok(value)
}

/// As [`decode`], with escapes resolved: each string that has one is put together in `scratch`, one after the other.
///
/// # Errors
/// [`DecodeError`], see the [module](self) for what it cannot resolve.
pub fn decode_escaped<'de, T: Deserialize<'de>>(
    json: &'de [u8],
    scratch: &mut [u8],
    limits: Limits,
) -> Result<T, DecodeError> {
    check(json, limits)?;
    let (value, _) = serde_json_core::from_slice_escaped(json, scratch)?;
    Ok(value)
}

fn check(json: &[u8], limits: Limits) -> Result<(), DecodeError> {
    let len = json.len() as u64;
    if len > limits.record_bytes {
        return Err(DecodeError::TooLarge { len });
    }
    Ok(validate(json, limits.depth)?)
}

#[cfg(test)]
mod tests;
