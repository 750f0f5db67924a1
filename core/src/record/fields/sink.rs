//! What the JSON scanner tells, passed on by where in the record it stands.

use super::{DEEPEST, Fields, Hold};
use crate::{
    json::scan::{Sink, ValueKind},
    record::key::{Key, LONGEST_KEY, Member},
};

impl Sink for Fields {
    #[inline]
    fn key(&mut self, name: &[u8], depth: u16) {
        if let Some(slot) = self.path.get_mut(usize::from(depth)) {
            *slot = Key::of(name);
        }
    }

    fn key_begin(&mut self, depth: u16) {
        if usize::from(depth) <= DEEPEST {
            self.hold(Hold::Key);
        }
    }

    fn key_end(&mut self, depth: u16) {
        if let Some(slot) = self.path.get_mut(usize::from(depth)) {
            let known = !self.overflow && self.held.len() <= LONGEST_KEY;
            *slot = if known {
                Key::of(&self.held)
            } else {
                Key::Other
            };
        }
        self.hold = Hold::Nothing;
    }

    #[inline]
    fn begin(&mut self, kind: ValueKind, depth: u16, at: u64) {
        let depth = usize::from(depth);
        if !self.says_nothing(kind, depth) {
            self.begin_value(kind, depth, at);
        }
    }

    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        match self.hold {
            Hold::Key | Hold::Value => {
                self.overflow |= self.held.extend_from_slice(bytes).is_err();
            }
            Hold::Hash => self.hash.update(bytes),
            Hold::Nothing | Hold::Text | Hold::Summary => self.pass(bytes.len()),
        }
    }

    #[inline]
    fn wants_text(&self) -> bool {
        matches!(self.hold, Hold::Key | Hold::Value | Hold::Hash)
    }

    #[inline]
    fn pass(&mut self, bytes: usize) {
        let len = match self.hold {
            Hold::Text => &mut self.record.message.text_len,
            Hold::Summary => &mut self.record.summary_len,
            Hold::Nothing | Hold::Key | Hold::Value | Hold::Hash => return,
        };
        *len = len.saturating_add(bytes as u64);
    }

    #[inline]
    fn end(&mut self, kind: ValueKind, depth: u16, at: u64) {
        self.hold = Hold::Nothing;
        self.ended_object = matches!(kind, ValueKind::Object);
        let depth = usize::from(depth);
        if !self.says_nothing(kind, depth) {
            self.end_value(kind, depth, at);
        }
    }

    fn outer_comma(&mut self, index: usize) {
        self.comma = Some(index);
        self.comma_at = self.chunk_at.saturating_add(index as u64);
    }
}

impl Fields {
    /// A value inside a member, of a name that means nothing anywhere, and with no members of its own.
    #[inline]
    fn says_nothing(&self, kind: ValueKind, depth: usize) -> bool {
        let container = matches!(kind, ValueKind::Object | ValueKind::Array);
        depth > 1 && !container && self.at(depth) == Key::Other
    }

    fn begin_value(&mut self, kind: ValueKind, depth: usize, at: u64) {
        if let Some(slot) = self.path.get_mut(depth.saturating_add(1)) {
            *slot = match kind {
                ValueKind::Array => Key::Element,
                _ => Key::Other,
            };
        }
        if kind == ValueKind::Object
            && let Some(slot) = self.objects.get_mut(depth.wrapping_sub(1))
        {
            *slot = at;
        }
        match (depth, self.at(1)) {
            (1, Key::Top(member)) => self.begin_top(member, kind, at),
            (1, _) => {
                self.stated = None;
                if kind == ValueKind::String {
                    self.hold(Hold::Value);
                }
            }
            (2..=DEEPEST, _) if self.in_message() => self.begin_in_message(depth, kind, at),
            _ => {}
        }
    }

    fn end_value(&mut self, kind: ValueKind, depth: usize, at: u64) {
        match (depth, self.at(1)) {
            (1, Key::Top(member)) => self.end_top(member, kind, at),
            (1, _) if kind == ValueKind::String => self.state(false, at),
            (2..=DEEPEST, Key::Top(Member::Message)) => self.end_in_message(depth, kind, at),
            (2 | 3, Key::Top(Member::Totals)) => self.end_in_totals(depth, kind),
            _ => {}
        }
    }
}
