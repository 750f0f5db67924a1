//! What the JSON scanner tells, passed on by where in the record it stands.

use super::{DEEPEST, Fields, Hold, Stated, place::Place};
use crate::{
    json::scan::{Sink, ValueKind},
    record::{
        ids::IdForm,
        key::{Key, LONGEST_KEY, Member},
    },
};

impl<I: IdForm> Sink for Fields<I> {
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
    fn begin(&mut self, kind: ValueKind, depth: u16, at: usize) {
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
        *len = len.wrapping_add(bytes as u64);
    }

    #[inline]
    fn end(&mut self, kind: ValueKind, depth: u16, at: usize) {
        self.hold = Hold::Nothing;
        self.ended_object = matches!(kind, ValueKind::Object);
        let depth = usize::from(depth);
        if !self.says_nothing(kind, depth) {
            self.end_value(kind, depth, at);
        }
    }

    fn outer_comma(&mut self, index: usize) {
        self.comma = Some(index);
        self.comma_at = self.chunk_at.wrapping_add(index);
    }
}

impl<I: IdForm> Fields<I> {
    /// A value inside a member, of a name that means nothing anywhere, and with no members of its own. (A device finds
    /// that out with what does.)
    #[inline]
    fn says_nothing(&self, kind: ValueKind, depth: usize) -> bool {
        if !cfg!(feature = "fast") {
            return false;
        }
        let container = matches!(kind, ValueKind::Object | ValueKind::Array);
        depth > 1 && !container && self.at(depth) == Key::Other
    }

    fn begin_value(&mut self, kind: ValueKind, depth: usize, at: usize) {
        if let Some(slot) = self.path.get_mut(depth.wrapping_add(1)) {
            *slot = match kind {
                ValueKind::Array => Key::Element,
                _ => Key::Other,
            };
        }
        if matches!(kind, ValueKind::Object)
            && let Some(slot) = self.objects.get_mut(depth.wrapping_sub(1))
        {
            *slot = at;
        }
        if depth == 1 {
            self.stated = Stated::Nothing;
            if matches!(kind, ValueKind::String) {
                self.hold(Hold::Value);
            }
            if let Key::Top(member) = self.at(1) {
                self.begin_member(member, kind, at);
            }
        } else if self.at(1) == Key::Top(Member::Message) {
            let place = self.place(depth);
            if place != Place::Nowhere {
                self.begin_at(place, kind, at);
            }
        }
    }

    fn end_value(&mut self, kind: ValueKind, depth: usize, at: usize) {
        match self.at(1) {
            Key::Top(member) if depth == 1 => self.end_member(member, kind, at),
            _ if depth == 1 && matches!(kind, ValueKind::String) => self.state(Stated::Unnamed, at),
            Key::Top(Member::Message) => {
                let place = self.place(depth);
                if place != Place::Nowhere {
                    self.end_at(place, kind, at);
                }
            }
            Key::Top(Member::Totals) => {
                let place = self.place(depth);
                if place != Place::Nowhere {
                    self.end_in_totals(place, kind);
                }
            }
            _ => {}
        }
    }
}
