//! Ready-made message payloads, borrowed and `Copy`: what a device hands to the log.
//!
//! They serialise to the messages of opi's session format, version 1, member for member and in
//! its order (source: `message.rs` and `stream.rs` of the crate `opi-ai`, 0.5.0). They are for
//! writing; a payload read back stays the bytes it is. A log takes any other `Serialize` type as
//! a payload too: these types are a convenience, not a limit.
//!
//! Everything is constructible in a `const`, so fixed messages can live in flash:
//! ```
//! use sessionlog_core::json::to_writer;
//! use sessionlog_core::payload::{InputContent, UserMessage};
//!
//! const PING: UserMessage<'static> = UserMessage {
//!     content: &[InputContent::text("ping")],
//!     timestamp_ms: 1_767_225_600_000,
//! };
//!
//! let mut buffer = [0u8; 128];
//! let mut sink = &mut buffer[..];
//! to_writer(&mut sink, &PING)?;
//! let unused = sink.len();
//! assert_eq!(
//!     core::str::from_utf8(&buffer[..128 - unused]),
//!     Ok(r#"{"role":"user","content":[{"type":"text","text":"ping"}],"timestamp_ms":1767225600000}"#),
//! );
//! # Ok::<(), sessionlog_core::json::WriteError<embedded_io::SliceWriteError>>(())
//! ```

use crate::usage::Usage;
use serde::Serialize;

/// What a person or a program said to the model: `"role":"user"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(tag = "role", rename = "user")]
pub struct UserMessage<'a> {
    /// The parts of the message, in order.
    pub content: &'a [InputContent<'a>],
    /// When it was said, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: i64,
}

/// What the model answered: `"role":"assistant"`.
///
/// ```
/// use sessionlog_core::json::to_writer;
/// use sessionlog_core::payload::{Api, AssistantContent, AssistantMessage, StopReason};
/// use sessionlog_core::usage::Usage;
///
/// let message = AssistantMessage {
///     content: &[AssistantContent::tool_call("t1", "read", r#"{"pin":4}"#)],
///     api: Api::OpenAi,
///     provider: "p",
///     model: "m",
///     response_model: None,
///     response_id: None,
///     usage: Usage { input_tokens: 12, output_tokens: 3, ..Usage::default() },
///     stop_reason: StopReason::ToolUse,
///     error_message: None,
///     timestamp_ms: 0,
/// };
/// let mut buffer = [0u8; 512];
/// to_writer(&mut &mut buffer[..], &message)?;
/// assert!(buffer.starts_with(br#"{"role":"assistant","content":[{"type":"tool_call","#));
/// # Ok::<(), sessionlog_core::json::WriteError<embedded_io::SliceWriteError>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(tag = "role", rename = "assistant")]
pub struct AssistantMessage<'a> {
    /// The parts of the answer, in order.
    pub content: &'a [AssistantContent<'a>],
    /// The family of interfaces it came through.
    pub api: Api,
    /// Who was asked.
    pub provider: &'a str,
    /// The model that was asked for.
    pub model: &'a str,
    /// The model that answered, where the provider names it.
    pub response_model: Option<&'a str>,
    /// The provider's name for this answer.
    pub response_id: Option<&'a str>,
    /// What the call consumed.
    ///
    /// opi 0.5 reads the four buckets as `u32`: a single call beyond 4,294,967,295 tokens would make
    /// its reader reject the record. It passes over the two optional counts.
    pub usage: Usage,
    /// Why the answer ended.
    pub stop_reason: StopReason,
    /// What went wrong, with [`StopReason::Error`].
    pub error_message: Option<&'a str>,
    /// When it was answered, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: i64,
}

/// What a tool returned: `"role":"tool_result"`.
///
/// `D` is the type of `details`, any value that belongs to the tool; `()` writes `null`.
///
/// ```
/// use sessionlog_core::json::to_writer;
/// use sessionlog_core::payload::{OutputContent, ToolResultMessage};
///
/// let message = ToolResultMessage {
///     tool_call_id: "t1",
///     tool_name: "read",
///     content: &[OutputContent::text("high")],
///     details: (),
///     is_error: false,
///     timestamp_ms: 0,
/// };
/// let mut buffer = [0u8; 256];
/// to_writer(&mut &mut buffer[..], &message)?;
/// assert!(buffer.starts_with(br#"{"role":"tool_result","tool_call_id":"t1","#));
/// # Ok::<(), sessionlog_core::json::WriteError<embedded_io::SliceWriteError>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(tag = "role", rename = "tool_result")]
pub struct ToolResultMessage<'a, D = ()> {
    /// The [`ToolCall::id`] that this answers.
    pub tool_call_id: &'a str,
    /// The tool's name.
    pub tool_name: &'a str,
    /// What the model is shown, in order.
    pub content: &'a [OutputContent<'a>],
    /// What the model is not shown.
    pub details: D,
    /// Whether the tool failed.
    pub is_error: bool,
    /// When it returned, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: i64,
}

/// A part of a [`UserMessage`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputContent<'a> {
    /// Plain text.
    Text {
        /// The text.
        text: &'a str,
    },
    /// A picture.
    Image {
        /// Where its data is.
        source: ImageSource<'a>,
        /// Its format.
        media_type: MediaType,
    },
}

impl<'a> InputContent<'a> {
    /// Plain text.
    #[must_use]
    pub const fn text(text: &'a str) -> Self {
        Self::Text { text }
    }
}

/// A part of an [`AssistantMessage`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AssistantContent<'a> {
    /// Plain text.
    Text {
        /// The text.
        text: &'a str,
    },
    /// Reasoning that precedes the answer.
    Thinking {
        /// The text.
        thinking: &'a str,
    },
    /// A request to run a tool.
    ToolCall {
        /// The call.
        tool_call: ToolCall<'a>,
    },
}

impl<'a> AssistantContent<'a> {
    /// Plain text.
    #[must_use]
    pub const fn text(text: &'a str) -> Self {
        Self::Text { text }
    }

    /// Reasoning that precedes the answer.
    #[must_use]
    pub const fn thinking(thinking: &'a str) -> Self {
        Self::Thinking { thinking }
    }

    /// A request to run a tool; see [`ToolCall`] for `arguments`.
    #[must_use]
    pub const fn tool_call(id: &'a str, name: &'a str, arguments: &'a str) -> Self {
        Self::ToolCall {
            tool_call: ToolCall {
                id,
                name,
                arguments,
            },
        }
    }
}

/// A part of a [`ToolResultMessage`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutputContent<'a> {
    /// Plain text.
    Text {
        /// The text.
        text: &'a str,
    },
    /// A picture.
    Image {
        /// Where its data is.
        source: ImageSource<'a>,
        /// Its format.
        media_type: MediaType,
    },
}

impl<'a> OutputContent<'a> {
    /// Plain text.
    #[must_use]
    pub const fn text(text: &'a str) -> Self {
        Self::Text { text }
    }
}

/// A request to run a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ToolCall<'a> {
    /// The provider's name for the call; the result repeats it.
    pub id: &'a str,
    /// The tool's name.
    pub name: &'a str,
    /// The arguments as JSON text. It is written as a string, so text that is cut off or no JSON
    /// at all still makes a valid record.
    pub arguments: &'a str,
}

/// Where the data of a picture is.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ImageSource<'a> {
    /// On the net.
    Url {
        /// The address.
        url: &'a str,
    },
    /// In the record, as Base64 text: 4 bytes for 3 of the picture.
    Base64 {
        /// The text.
        data: &'a str,
    },
    /// In the record, as an array of numbers: up to 4 bytes for 1 of the picture.
    Bytes {
        /// The picture's bytes.
        data: &'a [u8],
    },
}

/// The format of a picture.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MediaType {
    /// `image/png`.
    #[serde(rename = "image/png")]
    Png,
    /// `image/jpeg`.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// `image/gif`.
    #[serde(rename = "image/gif")]
    Gif,
    /// `image/webp`.
    #[serde(rename = "image/webp")]
    WebP,
}

/// The family of interfaces a model was called through, written as the variant's name.
///
/// opi 0.5 knows these four and rejects a record with another.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Api {
    Anthropic,
    OpenAi,
    Google,
    Mistral,
}

/// Why an answer ended.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It was complete: `stop`.
    Stop,
    /// It reached the output limit: `length`.
    Length,
    /// The model waits for a tool: `tool_use`.
    ToolUse,
    /// The provider failed: `error`.
    Error,
    /// The caller gave up: `aborted`.
    Aborted,
}

#[cfg(test)]
mod tests;
