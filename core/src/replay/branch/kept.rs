//! What a compaction keeps (F17), resolved in constant memory.

use super::Branch;
use crate::{
    record::{IdForm, Kind, Scanning},
    replay::{backward::Mark, tally::Gathering},
};
use embedded_io::{Read, Seek};

/// Ids to be noticed while the branch is followed, and where their nearest bearers lie.
pub(super) struct Watch<I> {
    wanted: Option<I>,
    /// The offset after its first byte; 0: nowhere as yet. So is `older_at`.
    wanted_at: u64,
    older: Option<(Mark, I)>,
    older_at: u64,
}

impl<I> Watch<I> {
    pub(super) const NEW: Self = Watch {
        wanted: None,
        wanted_at: 0,
        older: None,
        older_at: 0,
    };
}

impl<I: IdForm> Watch<I> {
    pub(super) fn see(&mut self, id: &I, at: u64) {
        if self.wanted_at == 0 && self.wanted.as_ref() == Some(id) {
            self.wanted_at = at.wrapping_add(1);
        }
        if let Some((_, older)) = &self.older
            && self.older_at == 0
            && older == id
        {
            self.older_at = at.wrapping_add(1);
        }
    }
}

impl<R: Read + Seek, W: Scanning, T: Gathering> Branch<'_, R, W, T> {
    /// F17: where the entries begin that the compaction just told keeps; `None` when it keeps none. To be followed by a
    /// [`revisit`](Branch::revisit) of the compaction.
    ///
    /// What it keeps must not have been dropped by an older compaction, which may itself depend on one that is
    /// older still. So each is looked at in turn, and memory stays constant.
    pub(in crate::replay) fn kept_start(&mut self) -> Option<u64> {
        self.pass.quiet = true;
        let start = self.look_for_kept();
        self.pass.watch = Watch::NEW;
        self.pass.quiet = false;
        start
    }

    fn look_for_kept(&mut self) -> Option<u64> {
        let mut wanted = self.back.record().reference.clone();
        let mut answer = None;
        loop {
            self.pass.watch = Watch {
                wanted,
                ..Watch::NEW
            };
            let start = self.find_kept()?;
            answer = answer.or(Some(start));
            let Some((mark, older_wanted)) = self.pass.watch.older.take() else {
                return answer;
            };
            self.revisit(mark);
            wanted = Some(older_wanted);
        }
    }

    /// Follows the branch to the message whose id is watched for, unless that turns out not to be in the buffer.
    fn find_kept(&mut self) -> Option<u64> {
        while self.step().is_some() {
            let start = self.back.start();
            // A search for a lost parent may have seen further back than this link.
            let Watch {
                wanted_at,
                older_at,
                ..
            } = self.pass.watch;
            if wanted_at > start {
                let is_it = wanted_at == start.wrapping_add(1) && self.kind() == Kind::Message;
                return is_it.then_some(start);
            }
            if older_at > start {
                return None;
            }
            // An older compaction that keeps from the same entry on stands or falls with those before it.
            let reference = &self.back.record().reference;
            if self.kind() == Kind::Compaction
                && self.pass.watch.older.is_none()
                && *reference != self.pass.watch.wanted
                && let Some(id) = reference.clone()
            {
                self.pass.watch.older = Some((self.back.mark(), id));
            }
        }
        None
    }
}
