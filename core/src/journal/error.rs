//! What can go wrong in a journal.

use crate::{
    compaction::NoCut,
    json::{WriteError, write::JsonWriteError},
    record::Fault,
    replay::{ReplayError, TOO_MANY_LOST},
};

/// Why a journal's operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JournalError<E> {
    /// The storage failed. The log is as it was when something was last acknowledged.
    Io(E),
    /// The storage took no bytes. The log is as it was when something was last acknowledged.
    WriteZero,
    /// The payload could not be serialised: nothing was appended.
    Payload(JsonWriteError),
    /// What was to be appended is no valid message record: nothing was appended.
    NotAMessage(Fault),
    /// A session can begin only in empty storage.
    NotEmpty,
    /// The storage is empty: there is no session to open.
    Empty,
    /// There is neither a header nor an entry: no session.
    NotASession,
    /// The header's version is not 1.
    UnsupportedVersion(Option<u64>),
    /// No entry bears this id.
    NoSuchEntry,
    /// Something was appended after the compaction was planned.
    StalePlan,
    /// A later entry of an unknown type, at this offset, bears the tip's id: whatever were appended would follow that one
    /// (F13). A copy of the branch can be continued.
    TipShadowed(u64),
    /// The window is smaller than [`crate::replay::MIN_WINDOW`].
    WindowTooSmall,
    /// The storage's bytes changed while they were read.
    Changed,
    /// Too many entries name others that are lost ([`ReplayError::TooManyLost`]): the session needs a repair first.
    TooManyLost,
}

impl<E> From<E> for JournalError<E> {
    fn from(error: E) -> Self {
        Self::Io(error)
    }
}

impl<E> From<WriteError<E>> for JournalError<E> {
    fn from(error: WriteError<E>) -> Self {
        match error {
            WriteError::Io(e) => Self::Io(e),
            WriteError::WriteZero => Self::WriteZero,
            WriteError::Json(e) => Self::Payload(e),
        }
    }
}

impl<E> From<ReplayError<E>> for JournalError<E> {
    fn from(error: ReplayError<E>) -> Self {
        match error {
            ReplayError::Io(e) => Self::Io(e),
            ReplayError::WindowTooSmall => Self::WindowTooSmall,
            ReplayError::Changed => Self::Changed,
            ReplayError::TooManyLost => Self::TooManyLost,
        }
    }
}

impl<E: core::fmt::Display> core::fmt::Display for JournalError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Io(e) => write!(f, "the storage failed: {e}"),
            Self::WriteZero => f.write_str("the storage takes no more bytes"),
            Self::Payload(e) => write!(f, "the payload cannot be written: {e}"),
            Self::NotAMessage(fault) => write!(f, "not a message: {fault}"),
            Self::NotEmpty => f.write_str("the storage is not empty"),
            Self::Empty => f.write_str("the storage is empty"),
            Self::NotASession => f.write_str("neither a header nor an entry was found"),
            Self::UnsupportedVersion(Some(n)) => write!(f, "format version {n}, only 1 is known"),
            Self::UnsupportedVersion(None) => f.write_str("the header states no format version"),
            Self::NoSuchEntry => f.write_str("there is no entry with this id"),
            Self::StalePlan => f.write_str("the log has grown since the compaction was planned"),
            Self::TipShadowed(at) => write!(
                f,
                "the entry at byte {at} repeats the tip's id, so nothing can be appended after the tip"
            ),
            Self::WindowTooSmall => f.write_str("the window lent for reading is too small"),
            Self::Changed => f.write_str("the storage changed while it was read"),
            Self::TooManyLost => f.write_str(TOO_MANY_LOST),
        }
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> core::error::Error for JournalError<E> {}

/// Why a compaction could not be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PlanError<E> {
    /// There is no place to cut.
    NoCut(NoCut),
    /// A later entry, at this offset, bears the id of the first message to be kept: a reader would keep nothing (F17).
    FirstKeptShadowed(u64),
    /// Reading the context failed.
    Read(ReplayError<E>),
}

impl<E> From<NoCut> for PlanError<E> {
    fn from(error: NoCut) -> Self {
        Self::NoCut(error)
    }
}

impl<E> From<ReplayError<E>> for PlanError<E> {
    fn from(error: ReplayError<E>) -> Self {
        Self::Read(error)
    }
}

impl<E: core::fmt::Display> core::fmt::Display for PlanError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoCut(e) => write!(f, "{e}"),
            Self::FirstKeptShadowed(at) => write!(
                f,
                "the entry at byte {at} repeats the id of the first message to be kept"
            ),
            Self::Read(e) => write!(f, "{e}"),
        }
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> core::error::Error for PlanError<E> {}
