//! The pass over the file that makes a [`SessionLog`].

use super::{Leaf, Nodes, Problem, ProblemKind, Problems, SessionLog, cost};
use crate::{
    Error, HeaderInfo,
    header::{HEAD_BYTES, Source},
    scan::changed,
};
use sessionlog_core::{
    EntryId,
    record::{AtFork, Kind, Role, Span},
    recovery::{Event, Found},
    replay::{Forward, Note},
};
use std::{
    fs::File,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// Longer names of models and providers, in bytes, are taken for none.
const MAX_NAME: u64 = 1024;

/// One pass over a file, as far as it has got.
pub(super) struct Pass {
    pub(super) forward: Forward<Nodes>,
    header: Option<HeaderInfo>,
    first: Option<First>,
    leaves: Vec<Leaf>,
    problems: Problems,
    warnings: Problems,
    own_from: Option<u32>,
    unended: bool,
    /// A record has a checksum, which is right.
    sealed: bool,
}

/// What the file begins with.
#[derive(Clone, Copy)]
enum First {
    Record,
    Corrupt { line: u64, start: u64 },
    Torn,
}

impl Pass {
    pub(super) fn new() -> Self {
        Pass {
            forward: Forward::new(Nodes::default()),
            header: None,
            first: None,
            leaves: Vec::new(),
            problems: Problems::default(),
            warnings: Problems::default(),
            own_from: None,
            unended: false,
            sealed: false,
        }
    }

    pub(super) fn take(
        &mut self,
        path: &Path,
        event: &Event<'_>,
        source: &Source<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let full = || {
            let text = "more entries than can be counted";
            Error::io(path, "read")(io::Error::other(text))
        };
        if let Event::Record(found) = event {
            self.forward.table.line = found.line;
        }
        let before = self.forward.table.len();
        let note = self.forward.take(event).map_err(|_| full())?;
        match event {
            Event::Corrupt(damage) => {
                self.first.get_or_insert(First::Corrupt {
                    line: damage.line,
                    start: damage.line_start,
                });
                self.problems.add(|| Problem {
                    line: damage.line,
                    byte: damage.at,
                    id: None,
                    kind: ProblemKind::Corrupt(damage.fault),
                });
            }
            Event::Torn { extent, line } => {
                self.first.get_or_insert(First::Torn);
                self.unended = false;
                self.problems.add(|| Problem {
                    line: *line,
                    byte: extent.start,
                    id: None,
                    kind: ProblemKind::TornTail { bytes: extent.len },
                });
            }
            Event::Record(found) => {
                self.unended = !found.terminated;
                self.sealed |= found.record.has_crc;
                let is_header = found.header_place && found.record.kind == Kind::Session;
                if is_header {
                    self.first.get_or_insert(First::Record);
                    return self.take_header(path, found, source);
                }
                if self.first.is_none() {
                    self.first = Some(First::Record);
                    self.warnings
                        .add(|| problem(found, ProblemKind::HeaderMissing));
                }
                self.take_entry(found, note, before);
                if found.record.kind == Kind::Message && self.forward.table.len() > before {
                    self.take_author(path, found, source)?;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn take_header(
        &mut self,
        path: &Path,
        found: &Found<'_>,
        source: &Source<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        if found.record.version != Some(1) {
            return Err(Error::UnsupportedVersion {
                path: path.into(),
                version: found.record.version,
            });
        }
        self.header = Some(if found.extent.len <= HEAD_BYTES {
            let bytes = source.part(found.extent);
            let bytes = bytes.map_err(Error::io(path, "read"))?;
            let header = HeaderInfo::from_record(&bytes);
            header.map_err(|_| Error::io(path, "read")(changed()))?
        } else {
            HeaderInfo {
                version: 1,
                ..HeaderInfo::default()
            }
        });
        Ok(ControlFlow::Continue(()))
    }

    /// `before` is the number of nodes before this entry.
    fn take_entry(&mut self, found: &Found<'_>, note: Option<Note>, before: u32) {
        let record = found.record;
        if record.kind == Kind::Leaf {
            let dangling = note.is_some();
            self.leaves.push(Leaf {
                id: text_of(record.id.as_ref()),
                target: text_of(record.reference.as_ref()),
                node: self.forward.tip().filter(|_| !dangling),
                extent: found.extent,
                line: found.line,
                timestamp: record.timestamp,
            });
        }
        if let Some(fork_point) = &self.forward.head().fork_point {
            match record.at_fork(fork_point) {
                AtFork::Last => drop(self.own_from.get_or_insert(before + 1)),
                AtFork::Own => drop(self.own_from.get_or_insert(before)),
                AtFork::Elsewhere => {}
            }
        }
        let Some(note) = note else { return };
        let nodes = &self.forward.table;
        let reclaimed = self.header.as_ref().is_some_and(|header| header.reclaimed);
        let warning = || {
            let parent = || text_of(record.parent_id.as_ref());
            problem(
                found,
                match note {
                    Note::DanglingLeaf => ProblemKind::DanglingLeaf {
                        target: text_of(record.reference.as_ref()),
                        reclaimed,
                    },
                    Note::MissingParent => ProblemKind::MissingParent {
                        parent: parent(),
                        reclaimed,
                    },
                    Note::Bridge { parent: instead } => ProblemKind::Bridge {
                        parent: parent(),
                        instead: nodes.id(instead).unwrap_or_default().to_owned(),
                    },
                },
            )
        };
        match note {
            Note::MissingParent | Note::DanglingLeaf if reclaimed => self.warnings.list(warning),
            _ => self.warnings.add(warning),
        }
    }

    /// Notes who wrote an assistant message.
    fn take_author(
        &mut self,
        path: &Path,
        found: &Found<'_>,
        source: &Source<'_>,
    ) -> Result<(), Error> {
        let message = &found.record.message;
        if message.role != Role::Assistant {
            return Ok(());
        }
        let name = |span: Span| {
            let usable = !span.is_empty() && span.len <= MAX_NAME;
            usable
                .then(|| source.part(found.extent.part(span)))
                .transpose()
                .map_err(Error::io(path, "read"))
        };
        let (provider, model) = (name(message.provider)?, name(message.model)?);
        let table = &mut self.forward.table;
        table.set_author(provider.as_deref(), model.as_deref());
        if message.payload.len <= cost::MAX_PAYLOAD {
            let payload = source.part(found.extent.part(message.payload));
            let payload = payload.map_err(Error::io(path, "read"))?;
            if let Some(cost) = cost::told(&payload) {
                table.set_cost(cost);
            }
        }
        Ok(())
    }

    pub(super) fn finish(
        mut self,
        path: PathBuf,
        file: File,
        bytes: u64,
    ) -> Result<SessionLog, Error> {
        let Some(first) = self.first else {
            return Err(Error::Empty { path });
        };
        let forward = self.forward;
        if self.header.is_none() {
            // Records of other kinds alone are lines of any program, unless our writer has sealed one.
            let known = forward.entries() - forward.unknown();
            match first {
                First::Torn if forward.entries() == 0 => {
                    let mut byte = [0];
                    let read = crate::io::read_at(&file, &mut byte, 0);
                    if read.is_ok_and(|read| read == 1) && byte != *b"{" {
                        return Err(Error::Unrecognised { path });
                    }
                    let reason = "it ends within its first line".into();
                    return Err(Error::NotASession { path, reason });
                }
                First::Record | First::Corrupt { .. } if known == 0 && !self.sealed => {
                    return Err(Error::Unrecognised { path });
                }
                _ => {}
            }
        }
        if self.header.is_none()
            && let First::Corrupt { line, start } = first
        {
            self.warnings.count += 1;
            self.warnings.listed.insert(
                0,
                Problem {
                    line,
                    byte: start,
                    id: None,
                    kind: ProblemKind::HeaderLost,
                },
            );
        }
        Ok(SessionLog {
            path,
            file,
            bytes,
            header: self.header,
            leaves: self.leaves,
            problems: self.problems,
            warnings: self.warnings,
            own_from: self.own_from,
            unended: self.unended,
            head: forward.head().clone(),
            tip: forward.tip(),
            health: forward.health(),
            spent: forward.spent(),
            watermark: forward.watermark(),
            sequence: forward.sequence(),
            entries: forward.entries(),
            unknown: forward.unknown(),
            nodes: forward.table,
        })
    }
}

pub(crate) fn problem(found: &Found<'_>, kind: ProblemKind) -> Problem {
    Problem {
        line: found.line,
        byte: found.extent.start,
        id: found.record.id.as_ref().map(|id| id.as_str().to_owned()),
        kind,
    }
}

pub(super) fn text_of(id: Option<&EntryId>) -> String {
    id.map(|id| id.as_str().to_owned()).unwrap_or_default()
}
