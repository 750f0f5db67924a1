//! claw-code's older form: one JSON object, of which the parts are found in one pass and held one at a time.

use super::{Pass, Tail};
use crate::{
    Error,
    interchange::{
        json::{Members, list, one_line},
        lines::{Line, MAX_DEPTH, MAX_LINE, Source, is_blank, object},
        out::Out,
    },
};
use serde_json::value::RawValue;
use sessionlog_core::{
    json::scan::{Scanner, Sink, ValueKind},
    record::Fault,
};
use std::io::Read;

/// One object.
pub(in crate::interchange) fn convert_object(
    source: &Source,
    out: &mut Out<'_>,
) -> Result<Tail, Error> {
    let outline = Outline::of(source)?;
    let mut pass = Pass::default();
    let mut bytes = Vec::new();
    let mut head = b"{".to_vec();
    let mut member = |name: &str, value: &[u8]| {
        if head.len() > 1 {
            head.push(b',');
        }
        head.extend(name.as_bytes());
        head.push(b':');
        head.extend(value);
    };
    let mut others: Vec<(&str, (u64, u64))> = Vec::new();
    for (name, from, to) in &outline.members {
        let listed = name == "\"messages\"" && outline.listed;
        if listed || name == "\"compaction\"" || name == "\"prompt_history\"" {
            if !listed {
                others.push((name, (*from, *to)));
            }
            continue;
        }
        let len = to - from;
        if len <= MAX_LINE {
            source.read(*from, len, &mut bytes)?;
            member(name, &one_line(&bytes));
        }
    }
    head.push(b'}');
    let text = object(&head).unwrap_or("{}");
    pass.header(source, Members::parse(text).unwrap_or_default(), true, out)?;
    for (name, (from, to)) in others {
        source.read(from, (to - from).min(MAX_LINE), &mut bytes)?;
        let line = one_line(&bytes).into_owned();
        let raw = std::str::from_utf8(&line).ok();
        let raw = raw.and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        let Some(raw) = raw else { continue };
        match (name, list(raw), Members::of(raw)) {
            ("\"compaction\"", _, Some(compaction)) if compaction.text("summary").is_some() => {
                pass.compaction(compaction, out)?;
            }
            ("\"prompt_history\"", Some(prompts), _) => {
                for prompt in prompts {
                    pass.unknown("prompt_history", prompt.get(), out)?;
                }
            }
            _ => pass.unknown(name.trim_matches('"'), raw.get(), out)?,
        }
    }
    for (number, (from, to)) in (1..).zip(&outline.messages) {
        out.at(1, *from);
        source.read(*from, (to - from).min(MAX_LINE), &mut bytes)?;
        let line = one_line(&bytes);
        let whole = Line {
            number,
            start: *from,
            bytes: &line,
            ended: true,
            mended: None,
            part: to - from > MAX_LINE,
        };
        match whole.object().ok().and_then(Members::parse) {
            Some(message) => {
                let raw = std::str::from_utf8(&line).unwrap_or_default();
                pass.message(Members::default(), message, raw, out)?;
            }
            None => out.damaged(&whole, Fault::NotAnObject, 0)?,
        }
    }
    if let Some((fault, at)) = outline.fault {
        let from = outline.end;
        let mut rest = source.part(from, source.len);
        let mut start = from;
        loop {
            bytes.clear();
            let read = (&mut rest).take(MAX_LINE).read_to_end(&mut bytes);
            if read.map_err(source.failed())? == 0 {
                break;
            }
            let cut = Line {
                number: 1,
                start,
                bytes: &bytes,
                mended: None,
                ended: fault
                    != Fault::Json(sessionlog_core::json::scan::ScanErrorKind::UnexpectedEnd),
                part: start > from,
            };
            out.damaged(&cut, fault, at.saturating_sub(from))?;
            start += bytes.len() as u64;
        }
    }
    Ok(pass.tail)
}

/// Where the parts of the one object stand.
#[derive(Default)]
struct Outline {
    /// Name, with quotes, and value.
    members: Vec<(String, u64, u64)>,
    messages: Vec<(u64, u64)>,
    /// `messages` is a list.
    listed: bool,
    /// What is wrong, and where.
    fault: Option<(Fault, u64)>,
    /// The end of the last whole part.
    end: u64,
    key: Vec<u8>,
    in_key: bool,
    begun: u64,
}

/// The longest name of a member that is held.
const MAX_NAME: usize = 256;

impl Sink for Outline {
    fn key_begin(&mut self, depth: u16) {
        self.in_key = depth == 1;
        if self.in_key {
            self.key.clear();
        }
    }

    fn key_end(&mut self, _: u16) {
        self.in_key = false;
    }

    fn text(&mut self, bytes: &[u8]) {
        if self.in_key && self.key.len() < MAX_NAME {
            self.key.extend_from_slice(bytes);
        }
    }

    fn begin(&mut self, kind: ValueKind, depth: u16, at: usize) {
        let at = at as u64;
        if depth == 1 {
            self.listed |= self.key == b"messages" && kind == ValueKind::Array;
        }
        if depth == 1 || depth == 2 && self.key == b"messages" {
            self.begun = at;
        }
        if depth == 1 && self.key == b"messages" {
            self.end = at;
        }
    }

    fn end(&mut self, _: ValueKind, depth: u16, at: usize) {
        let at = at as u64;
        if depth == 2 && self.key == b"messages" {
            self.messages.push((self.begun, at));
            self.end = at;
        } else if depth == 1 {
            let name = serde_json::to_string(&String::from_utf8_lossy(&self.key));
            self.members
                .push((name.unwrap_or_default(), self.begun, at));
            self.end = at;
        }
    }
}

impl Outline {
    fn of(source: &Source) -> Result<Self, Error> {
        let mut outline = Outline::default();
        let mut scanner = Scanner::new(MAX_DEPTH);
        let mut part = source.part(0, source.len);
        let mut chunk = vec![0; 64 * 1024];
        let mut complete = false;
        loop {
            let read = part.read(&mut chunk).map_err(source.failed())?;
            if read == 0 {
                break;
            }
            let mut rest = &chunk[..read];
            if !complete {
                match scanner.feed(rest, &mut outline) {
                    Ok(fed) => {
                        complete = fed.complete;
                        rest = &rest[fed.consumed..];
                        if complete {
                            outline.end = scanner.offset();
                        }
                    }
                    Err(error) => {
                        outline.fault = Some((Fault::Json(error.kind), error.at));
                        break;
                    }
                }
            }
            if complete && !is_blank(rest) {
                outline.fault = Some((Fault::TrailingBytes, outline.end));
                break;
            }
        }
        if !complete
            && outline.fault.is_none()
            && let Err(error) = scanner.finish(&mut outline)
        {
            outline.fault = Some((Fault::Json(error.kind), error.at));
        }
        Ok(outline)
    }
}

/// The file begins like one object with a list of messages, and no type.
pub(in crate::interchange) fn is_object(source: &Source) -> Result<bool, Error> {
    let mut bytes = Vec::new();
    source.read(0, source.len.min(1 << 16), &mut bytes)?;
    let mut outline = Outline::default();
    // Where it is cut, or wrong, what came before counts.
    let _ = Scanner::new(MAX_DEPTH).feed(&bytes, &mut outline);
    let names = |name: &str| outline.members.iter().any(|(other, _, _)| other == name);
    Ok(outline.listed && !names("\"type\""))
}
