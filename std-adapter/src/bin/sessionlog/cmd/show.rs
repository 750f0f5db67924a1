//! `show SESSION`: the active branch, from its root to its tip.

use super::{entry, follow};
use crate::args::{Global, Show};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::heading::{self, Heading};
use serde::Serialize;
use serde_json::value::RawValue;
use sessionlog::SessionLog;
use sessionlog::reader::{Context, NodeInfo};
use sessionlog_core::{Timestamp, record::Kind};

/// A line of `show --json`.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) r#type: &'a str,
    /// A summary stands for it in the context.
    pub(super) compacted: bool,
    /// As it stands in the file.
    pub(super) record: &'a RawValue,
}

pub(crate) fn run(args: &Show, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let log = super::read(&args.session, args.redact, global, out)?;
    let context = log.context();
    let shown = shown(&log);
    if out.json {
        for node in shown.into_iter().filter_map(|index| log.node(index)) {
            let record = log.read_record(node.index)?;
            out.json(&Line {
                id: node.id,
                r#type: &entry::type_name(&log, &node)?,
                compacted: is_compacted(&context, &node),
                record: serde_json::from_slice(&record)?,
            })?;
        }
        return match args.follow {
            true => follow::go_on(&log, None, out),
            false => Ok(()),
        };
    }
    let (id, times) = (log.id(), super::times(out));
    out.render(|data, styles| {
        let header = log.header();
        let heading = Heading {
            id: &id,
            name: header.and_then(|header| header.branch_name.as_deref()),
            cwd: header.map_or("", |header| &header.cwd),
            begun: header.and_then(|header| Timestamp::parse(&header.timestamp)),
            parent: header.and_then(|header| header.parent_session.as_deref()),
        };
        heading::write(data, &heading, styles, &times)
    })?;
    if shown.is_empty() {
        out.note(format_args!("Nothing is said yet."));
    }
    let compacted = |node: &NodeInfo<'_>| is_compacted(&context, node);
    let mut pen = entry::Pen::new(args.full, out);
    entry::draw(&log, shown.into_iter(), compacted, &mut pen, out)?;
    match args.follow {
        true => follow::go_on(&log, Some(pen), out),
        false => Ok(()),
    }
}

/// The branch, and with it the unknown entries that hang on it or on nothing, in file order.
fn shown(log: &SessionLog) -> Vec<u32> {
    let mut on_it = vec![false; log.node_count() as usize];
    for index in log.tip().map(|tip| log.branch(tip)).unwrap_or_default() {
        on_it[index as usize] = true;
    }
    for node in log.nodes().filter(|node| node.kind == Kind::Unknown) {
        let hangs = node.parent.is_none_or(|parent| on_it[parent as usize]);
        on_it[node.index as usize] |= hangs;
    }
    (0..log.node_count())
        .filter(|index| on_it[*index as usize])
        .collect()
}

fn is_compacted(context: &Context, node: &NodeInfo<'_>) -> bool {
    match node.kind {
        Kind::Message => context.messages.binary_search(&node.index).is_err(),
        Kind::Compaction => context.summary != Some(node.index),
        _ => false,
    }
}
