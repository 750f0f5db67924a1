//! The names of members that mean something, and where in a record they do.

/// The top-level members with a meaning (F4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)] // Each is the member of its name.
pub enum Member {
    Type,
    Id,
    ParentId,
    Timestamp,
    Message,
    Summary,
    FirstKeptEntryId,
    TokensBefore,
    TokensAfter,
    EntryId,
    Version,
    Writer,
    ForkPoint,
    Totals,
    Crc,
}

impl Member {
    /// The member's name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Id => "id",
            Self::ParentId => "parent_id",
            Self::Timestamp => "timestamp",
            Self::Message => "message",
            Self::Summary => "summary",
            Self::FirstKeptEntryId => "first_kept_entry_id",
            Self::TokensBefore => "tokens_before",
            Self::TokensAfter => "tokens_after",
            Self::EntryId => "entry_id",
            Self::Version => "version",
            Self::Writer => "writer",
            Self::ForkPoint => "fork_point",
            Self::Totals => "totals",
            Self::Crc => "crc",
        }
    }

    /// Its bit in a set of members.
    pub(crate) fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// A name anywhere in a record; what it means depends on where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Key {
    /// No name of ours.
    #[default]
    Other,
    /// Not a member: an array's element.
    Element,
    Top(Member),
    Role,
    Usage,
    Content,
    ToolCallId,
    Model,
    Provider,
    Text,
    MediaType,
    ToolCall,
    Reported,
    Count(Count),
    Branch,
    Spent,
    Turns,
    Watermark,
    NextSeq,
}

/// The counters of a usage object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Count {
    Input,
    Output,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    Reasoning,
    Unreported,
}

/// Longer names are none of ours.
pub(crate) const LONGEST_KEY: usize = 21;

/// Our names, the shorter ones first. A table: a `match` on texts becomes several kilobytes of comparisons.
#[cfg(any(not(feature = "fast"), test))]
static NAMES: [(&str, Key); 37] = [
    ("id", Key::Top(Member::Id)),
    ("crc", Key::Top(Member::Crc)),
    ("type", Key::Top(Member::Type)),
    ("role", Key::Role),
    ("text", Key::Text),
    ("usage", Key::Usage),
    ("model", Key::Model),
    ("spent", Key::Spent),
    ("turns", Key::Turns),
    ("writer", Key::Top(Member::Writer)),
    ("totals", Key::Top(Member::Totals)),
    ("branch", Key::Branch),
    ("message", Key::Top(Member::Message)),
    ("summary", Key::Top(Member::Summary)),
    ("version", Key::Top(Member::Version)),
    ("content", Key::Content),
    ("entry_id", Key::Top(Member::EntryId)),
    ("provider", Key::Provider),
    ("reported", Key::Reported),
    ("next_seq", Key::NextSeq),
    ("parent_id", Key::Top(Member::ParentId)),
    ("timestamp", Key::Top(Member::Timestamp)),
    ("tool_call", Key::ToolCall),
    ("watermark", Key::Watermark),
    ("fork_point", Key::Top(Member::ForkPoint)),
    ("media_type", Key::MediaType),
    ("unreported", Key::Count(Count::Unreported)),
    ("tokens_after", Key::Top(Member::TokensAfter)),
    ("tool_call_id", Key::ToolCallId),
    ("input_tokens", Key::Count(Count::Input)),
    ("tokens_before", Key::Top(Member::TokensBefore)),
    ("output_tokens", Key::Count(Count::Output)),
    ("reasoning_tokens", Key::Count(Count::Reasoning)),
    ("cache_read_tokens", Key::Count(Count::CacheRead)),
    ("cache_write_tokens", Key::Count(Count::CacheWrite)),
    ("first_kept_entry_id", Key::Top(Member::FirstKeptEntryId)),
    ("cache_write_1h_tokens", Key::Count(Count::CacheWrite1h)),
];

impl Key {
    #[cfg(not(feature = "fast"))]
    pub(crate) fn of(name: &[u8]) -> Key {
        Self::look_up(name)
    }

    /// The same, as code instead of a table: larger, and on a host faster.
    #[cfg(feature = "fast")]
    pub(crate) fn of(name: &[u8]) -> Key {
        use Member as M;
        match name {
            b"type" => Key::Top(M::Type),
            b"id" => Key::Top(M::Id),
            b"parent_id" => Key::Top(M::ParentId),
            b"timestamp" => Key::Top(M::Timestamp),
            b"message" => Key::Top(M::Message),
            b"summary" => Key::Top(M::Summary),
            b"first_kept_entry_id" => Key::Top(M::FirstKeptEntryId),
            b"tokens_before" => Key::Top(M::TokensBefore),
            b"tokens_after" => Key::Top(M::TokensAfter),
            b"entry_id" => Key::Top(M::EntryId),
            b"version" => Key::Top(M::Version),
            b"writer" => Key::Top(M::Writer),
            b"fork_point" => Key::Top(M::ForkPoint),
            b"totals" => Key::Top(M::Totals),
            b"crc" => Key::Top(M::Crc),
            b"role" => Key::Role,
            b"usage" => Key::Usage,
            b"content" => Key::Content,
            b"tool_call_id" => Key::ToolCallId,
            b"model" => Key::Model,
            b"provider" => Key::Provider,
            b"text" => Key::Text,
            b"media_type" => Key::MediaType,
            b"tool_call" => Key::ToolCall,
            b"reported" => Key::Reported,
            b"input_tokens" => Key::Count(Count::Input),
            b"output_tokens" => Key::Count(Count::Output),
            b"cache_read_tokens" => Key::Count(Count::CacheRead),
            b"cache_write_tokens" => Key::Count(Count::CacheWrite),
            b"cache_write_1h_tokens" => Key::Count(Count::CacheWrite1h),
            b"reasoning_tokens" => Key::Count(Count::Reasoning),
            b"unreported" => Key::Count(Count::Unreported),
            b"branch" => Key::Branch,
            b"spent" => Key::Spent,
            b"turns" => Key::Turns,
            b"watermark" => Key::Watermark,
            b"next_seq" => Key::NextSeq,
            _ => Key::Other,
        }
    }

    #[cfg(any(not(feature = "fast"), test))]
    fn look_up(name: &[u8]) -> Key {
        let begin = NAMES.partition_point(|(known, _)| known.len() < name.len());
        let names = NAMES.get(begin..).unwrap_or(&[]);
        let same_length = names
            .iter()
            .take_while(|(known, _)| known.len() == name.len());
        let mut found = same_length.filter(|(known, _)| known.as_bytes() == name);
        found.next().map_or(Key::Other, |(_, key)| *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found() {
        assert!(NAMES.is_sorted_by_key(|(name, _)| name.len()));
        assert_eq!(NAMES.last().unwrap().0.len(), LONGEST_KEY);
        for (name, key) in NAMES {
            assert_eq!(Key::of(name.as_bytes()), key, "{name}");
            assert_eq!(Key::look_up(name.as_bytes()), key, "{name}");
            if let Key::Top(member) = key {
                assert_eq!(member.name(), name);
            }
        }
        for other in [
            "",
            "i",
            "typ",
            "Type",
            "type_",
            "summarx",
            "cache_write_1h_tokens_",
        ] {
            assert_eq!(Key::of(other.as_bytes()), Key::Other, "{other}");
            assert_eq!(Key::look_up(other.as_bytes()), Key::Other, "{other}");
        }
    }
}
