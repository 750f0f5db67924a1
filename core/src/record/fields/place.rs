//! The places of a payload and of a checkpoint that mean something, and what is done where a value there begins and
//! ends.

use super::{Fields, Hold};
use crate::{
    json::scan::ValueKind,
    record::{
        Role, Span, Totals,
        ids::IdForm,
        key::{Count, Key, Member},
    },
    usage::{Usage, UsageTotals},
};

/// Where in a record a value below the top level stands, as far as that means something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere,
    Role,
    Usage,
    Content,
    Answers,
    Model,
    Provider,
    /// `content[].text`
    Text,
    /// `content[].….media_type`
    Media,
    /// `content[].tool_call.id`
    Call,
    /// In `usage`.
    Count(Count),
    Reported,
    Turns,
    Watermark,
    NextSeq,
    Branch,
    Spent,
    BranchCount(Count),
    SpentCount(Count),
}

impl<I> Fields<I> {
    /// Where the value at `depth`, 2 or more, stands.
    #[cfg_attr(feature = "fast", inline(always))]
    pub(super) fn place(&self, depth: usize) -> Place {
        let [_, top, two, three, four, five] = self.path;
        match top {
            Key::Top(Member::Message) => match (depth, two) {
                (2, Key::Role) => Place::Role,
                (2, Key::Usage) => Place::Usage,
                (2, Key::Content) => Place::Content,
                (2, Key::ToolCallId) => Place::Answers,
                (2, Key::Model) => Place::Model,
                (2, Key::Provider) => Place::Provider,
                (3, Key::Usage) => match three {
                    Key::Count(count) => Place::Count(count),
                    Key::Reported => Place::Reported,
                    _ => Place::Nowhere,
                },
                (4 | 5, Key::Content) if three == Key::Element => match (depth, four) {
                    (4, Key::Text) => Place::Text,
                    (4, Key::MediaType) => Place::Media,
                    (5, Key::ToolCall) if five == Key::Top(Member::Id) => Place::Call,
                    _ => Place::Nowhere,
                },
                _ => Place::Nowhere,
            },
            Key::Top(Member::Totals) => match (depth, two, three) {
                (2, Key::Turns, _) => Place::Turns,
                (2, Key::Watermark, _) => Place::Watermark,
                (2, Key::NextSeq, _) => Place::NextSeq,
                (2, Key::Branch, _) => Place::Branch,
                (2, Key::Spent, _) => Place::Spent,
                (3, Key::Branch, Key::Count(count)) => Place::BranchCount(count),
                (3, Key::Spent, Key::Count(count)) => Place::SpentCount(count),
                _ => Place::Nowhere,
            },
            _ => Place::Nowhere,
        }
    }

    /// What is done where a value in the totals ends.
    pub(super) fn end_in_totals(&mut self, place: Place, kind: ValueKind) {
        let n = match kind {
            ValueKind::Number(Some(n)) => n,
            ValueKind::Object => 0,
            _ => return,
        };
        let object = matches!(kind, ValueKind::Object);
        if self.record.totals.is_none() {
            self.record.totals = Some(Totals::NONE);
        }
        let Some(totals) = &mut self.record.totals else {
            return;
        };
        self.totals_seen |= match place {
            Place::Branch if object => 8,
            Place::Spent if object => 16,
            Place::Turns => {
                totals.branch.turns = n;
                1
            }
            Place::Watermark => {
                totals.watermark = n;
                2
            }
            Place::NextSeq => {
                totals.next_seq = n;
                4
            }
            Place::BranchCount(count) if !object => set_total(&mut totals.branch, count, n),
            Place::SpentCount(count) if !object => set_total(&mut totals.spent, count, n),
            _ => 0,
        };
    }

    /// What is done where a value in the payload begins.
    pub(super) fn begin_at(&mut self, place: Place, kind: ValueKind, at: usize) {
        let message = &mut self.record.message;
        let string = matches!(kind, ValueKind::String);
        match place {
            Place::Role => message.role = Role::Other,
            Place::Usage => {
                message.usage = Some(Usage::NONE);
                (self.buckets, self.odd_buckets) = (0, 0);
                self.reported = true;
            }
            Place::Content => {
                message.text_len = 0;
                message.first_text = Span::default();
                self.texts = 0;
            }
            _ => {}
        }
        if !string {
            return;
        }
        self.begun_at = at;
        let hold = match place {
            Place::Role => Hold::Value,
            Place::Answers | Place::Call => Hold::Hash,
            Place::Content | Place::Text => Hold::Text,
            Place::Media => {
                message.text_len = message.text_len.wrapping_add(IMAGE_FRAME);
                Hold::Text
            }
            _ => return,
        };
        if hold == Hold::Text {
            self.texts = self.texts.saturating_add(1);
        }
        self.hold(hold);
    }
}

impl<I: IdForm> Fields<I> {
    /// What is done where a value in the payload ends.
    pub(super) fn end_at(&mut self, place: Place, kind: ValueKind, at: usize) {
        let message = &mut self.record.message;
        let string = matches!(kind, ValueKind::String);
        let span = Span {
            start: self.begun_at as u64,
            len: at.wrapping_sub(self.begun_at) as u64,
        };
        match place {
            Place::Role if string => {
                message.role = match self.held.as_slice() {
                    b"user" => Role::User,
                    b"assistant" => Role::Assistant,
                    b"tool_result" => Role::ToolResult,
                    _ => Role::Other,
                };
            }
            Place::Answers if string => message.answers = Some(self.hash.value()),
            Place::Call if string => message.calls.push(self.hash.value()),
            Place::Model if I::DETAILS && string => message.model = span,
            Place::Provider if I::DETAILS && string => message.provider = span,
            Place::Content | Place::Text
                if I::DETAILS && string && message.first_text.is_empty() =>
            {
                message.first_text = span;
            }
            Place::Reported => self.reported = !matches!(kind, ValueKind::Bool(false)),
            Place::Count(count) => {
                let n = match kind {
                    ValueKind::Number(n) => n,
                    _ => None,
                };
                // It has been there since the usage began.
                let Some(usage) = &mut message.usage else {
                    return;
                };
                let bit = set_count(usage, count, n);
                // Of a name that stands twice the last value counts.
                self.buckets &= !bit;
                self.odd_buckets &= !bit;
                if n.is_some() {
                    self.buckets |= bit;
                } else if !matches!(kind, ValueKind::Null) {
                    self.odd_buckets |= bit;
                }
            }
            _ => {}
        }
    }
}

/// Length of `[image: ]`, the frame that opi puts around an image's media type.
const IMAGE_FRAME: u64 = 9;

/// Sets a counter; gives the bit of one of the four buckets (F18), 0 for others.
fn set_count(usage: &mut Usage, count: Count, n: Option<u64>) -> u8 {
    let (bucket, bit) = match count {
        Count::Input => (&mut usage.input_tokens, 1),
        Count::Output => (&mut usage.output_tokens, 2),
        Count::CacheRead => (&mut usage.cache_read_tokens, 4),
        Count::CacheWrite => (&mut usage.cache_write_tokens, 8),
        Count::CacheWrite1h => {
            usage.cache_write_1h_tokens = n;
            return 0;
        }
        Count::Reasoning => {
            usage.reasoning_tokens = n;
            return 0;
        }
        Count::Unreported => return 0,
    };
    *bucket = n.unwrap_or(0);
    bit
}

/// Sets a counter of a checkpoint's sums; gives 0.
fn set_total(totals: &mut UsageTotals, count: Count, n: u64) -> u8 {
    if count == Count::Unreported {
        totals.unreported = n;
    } else {
        set_count(&mut totals.usage, count, Some(n));
    }
    0
}
