//! opi, version 2: our own records in envelopes, and more kinds of them.

use super::{
    Tail,
    json::{Members, Rest, one_line, text},
    lines::Source,
    out::{Head, Link, NO_TIME, Out, is_id},
};
use crate::{Error, reader::name_of};
use sessionlog_core::{
    EntryId,
    record::{Fault, Kind, Limits, RecordScanner},
};
use std::collections::HashSet;

/// The conversion so far.
#[derive(Default)]
struct Pass {
    /// No entry has named a parent yet: then null means the tip (F14).
    chained: bool,
    ids: HashSet<String>,
    tail: Tail,
}

pub(super) fn convert(source: &Source, out: &mut Out<'_>) -> Result<Tail, Error> {
    let mut lines = source.lines();
    let mut pass = Pass::default();
    let mut begun = false;
    while let Some(line) = lines.next()? {
        out.at(line.number, line.start);
        let read = line.object();
        let members = read.as_ref().ok().and_then(|text| Members::parse(text));
        let is_header = |m: &Members<'_>| m.text("type").as_deref() == Some("session");
        if !begun {
            begun = true;
            let header = members.as_ref().filter(|members| is_header(members));
            pass.header(source, header.cloned().unwrap_or_default(), out)?;
            if header.is_some() {
                out.mended(&line)?;
                continue;
            }
        }
        match (read, members) {
            (Ok(text), Some(members)) => {
                out.mended(&line)?;
                pass.line(text, members, out)?;
            }
            (Ok(_), None) => out.damaged(&line, Fault::NotAnObject, 0)?,
            (Err((fault, at)), _) => out.damaged(&line, fault, at)?,
        }
    }
    Ok(pass.tail)
}

impl Pass {
    fn header(
        &mut self,
        source: &Source,
        mut header: Members<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        header.take("type");
        let id = header.take_text("id").filter(|id| is_id(id));
        let time = header.take_text("timestamp");
        let cwd = header.take_text("cwd");
        let parent = header.take_text("parent_session");
        header.take_if("parent_session", |raw| raw == "null");
        let stem = name_of(source.path());
        out.header(&Head {
            id: id.as_deref().unwrap_or(&stem),
            timestamp: time.as_deref().unwrap_or(NO_TIME),
            cwd: cwd.as_deref().unwrap_or_default(),
            parent_session: parent.as_deref(),
            rest: Rest::of(header),
            ..Head::default()
        })
    }

    fn line(&mut self, line: &str, members: Members<'_>, out: &mut Out<'_>) -> Result<(), Error> {
        let wrapped = members.text("type").as_deref() == Some("entry");
        let inner = members.get("entry").filter(|_| wrapped);
        let inner = inner.filter(|raw| raw.get().starts_with('{'));
        let (bytes, extra) = match inner {
            Some(inner) => {
                let mut around = members.clone();
                around.take("type");
                around.take("entry");
                (inner.get(), around)
            }
            None => (line.trim(), Members::default()),
        };
        // The entry as it stands, with what the envelope says as a member of it.
        let mut record = one_line(bytes.as_bytes()).into_owned();
        if !extra.is_empty() {
            record.pop();
            let sole = record == b"{";
            let envelope = super::json::document(|json| Rest::of(extra).write(json));
            let envelope = envelope.unwrap_or_else(|_| b"{}".to_vec());
            record.extend(if sole {
                &b"\"envelope\":"[..]
            } else {
                b",\"envelope\":"
            });
            record.extend(envelope);
            record.push(b'}');
        }
        let scanned = RecordScanner::scan(&record, Limits::default());
        let usable = scanned.ok().filter(|record| record.kind != Kind::Session);
        let Some(scanned) = usable else {
            let id = out.fresh("foreign");
            let tip = self.tail.tip.as_ref().map(|(tip, _)| tip.as_str());
            let link = Link {
                id: &id,
                parent: tip,
                timestamp: None,
            };
            return out.unknown(link, "entry", line);
        };
        let inner = Members::parse(bytes).unwrap_or_default();
        let time = inner.get("timestamp").and_then(text);
        self.chained |= scanned.parent_id.is_some();
        let tip = self.tail.tip.as_ref();
        let tip = tip.and_then(|(tip, _)| EntryId::try_from(&**tip).ok());
        let links = scanned.kind != Kind::Leaf && scanned.parent_id.is_none() && !self.chained;
        out.native(record, tip.as_ref().filter(|_| links))?;
        let id = scanned.id.as_ref().map(|id| id.as_str().to_owned());
        let target = scanned.reference.as_ref().map(EntryId::as_str);
        match (scanned.kind, id) {
            (Kind::Leaf, _) => {
                let target = target.filter(|target| self.ids.contains(*target));
                if let Some(target) = target {
                    self.move_to(target, time.as_deref());
                }
            }
            (kind, Some(id)) => {
                if kind != Kind::Unknown {
                    self.move_to(&id, time.as_deref());
                }
                self.ids.insert(id);
            }
            _ => {}
        }
        Ok(())
    }

    fn move_to(&mut self, id: &str, time: Option<&str>) {
        self.tail = Tail::at(Link {
            id,
            parent: None,
            timestamp: time,
        });
    }
}

/// The line is the header of such a file, or an envelope.
pub(super) fn is_mine(line: &Members<'_>) -> bool {
    match line.text("type").as_deref() {
        Some("session") => {
            let has = |name: &str| line.get(name).is_some();
            let its_own = has("parent_session") || has("runtime_input_binding");
            line.number("version") == Some(2) && its_own && !has("writer")
        }
        Some("entry") => line.get("entry").is_some() && line.get("classification").is_some(),
        _ => false,
    }
}
