//! Names of members of a JSON text that say that the strings behind them are secret.

use super::{
    name::{self, Form, Name},
    text,
};
use std::borrow::Cow;

/// So many objects in one another are kept in mind at most.
const MAX_DEPTH: usize = 128;

/// Where one is in a JSON text, as far as names tell.
#[derive(Default)]
pub(super) struct Members {
    /// Objects that are open.
    depth: u64,
    /// Members that hold this, whose names say that they are secret; the innermost is the last.
    secret: Vec<(u64, String)>,
    /// The innermost member.
    member: Member,
    /// The name that a member told for the value beside it, and how deep that is.
    told: Option<(u64, String)>,
    /// The string before, in the same array.
    before: Option<String>,
}

#[derive(Clone, Copy, Default)]
struct Member {
    /// It tells a name, as headers are written too.
    tells: bool,
    /// It is the value to such a name.
    is_value: bool,
    /// It holds the value of the object that it is in.
    holds: bool,
}

impl Members {
    /// One of `{}[]`.
    pub(super) fn bracket(&mut self, bracket: u8) {
        self.before = None;
        match bracket {
            b'{' => self.depth += 1,
            b'}' => self.depth = self.depth.saturating_sub(1),
            _ => return,
        }
        self.leave(self.depth);
        self.member = Member::default();
    }

    /// Forgets what is deeper.
    fn leave(&mut self, depth: u64) {
        while self.secret.pop_if(|(at, _)| *at > depth).is_some() {}
        self.told.take_if(|(at, _)| *at > depth);
    }

    /// A member begins.
    pub(super) fn name(&mut self, said: &str) {
        let depth = self.depth;
        self.leave(depth);
        self.secret.pop_if(|(at, _)| *at == depth);
        if Name::of(said).is_some() && self.secret.len() < MAX_DEPTH {
            self.secret.push((depth, said.to_owned()));
        }
        self.member = Member {
            tells: name::tells(said),
            is_value: name::is_value(said),
            holds: name::holds(said),
        };
        self.before = None;
    }

    /// A string, masked.
    pub(super) fn value<'s>(&mut self, said: &'s str) -> Cow<'s, str> {
        let masked = text(said);
        let (depth, member) = (self.depth, self.member);
        let told = self.told.as_ref().filter(|_| member.is_value);
        let told = told.filter(|(at, _)| *at == depth);
        // The member's own name, or, of a member that holds the value of an object, that of the object.
        let held = self.secret.last();
        let held = held.filter(|(at, _)| *at == depth || *at + 1 == depth && member.holds);
        let by_name = told.or(held).map(|(_, name)| (name, Form::Quoted));
        let before = self.before.as_ref().map(|name| (name, Form::Listed));
        let secret = by_name.into_iter().chain(before).find_map(|(name, form)| {
            let name = Name::of(name)?;
            let from = name.secret_in(&masked, form)?;
            Some(format!("{}[redacted: {}]", &masked[..from], name.kind()))
        });
        let is_name = Name::of(said).is_some();
        if member.tells && is_name {
            self.told = Some((depth, said.to_owned()));
        }
        self.before = is_name.then(|| said.to_owned());
        secret.map_or(masked, Cow::Owned)
    }
}
