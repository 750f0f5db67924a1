//! The quick way and the conversion tell the same.

use super::*;

/// What the quick way tells is what a session made of the file tells.
pub(super) fn same_quickly(bytes: &[u8], name: &str) -> bool {
    let format = recognise_in(&source(bytes)).unwrap();
    let Some(format @ (Format::Claude | Format::Codex)) = format else {
        return false;
    };
    let Some(quick) = quick(&source(bytes), format).unwrap() else {
        return false;
    };
    let (file, bytes, _, _) = converted(&source(bytes), format, true).unwrap();
    let log = SessionLog::read("s".into(), file, bytes, |_, _| {}).unwrap();
    let header = log.header().unwrap();
    assert_eq!((&quick.id, &quick.cwd), (&log.id(), &header.cwd), "{name}");
    assert_eq!(
        quick.parent,
        header
            .parent_session
            .clone()
            .filter(|_| format == Format::Codex),
        "{name}"
    );
    let mut words = prints::Said::default();
    let told = quick.said.iter().map(|said| {
        let id = match &said.id {
            Id::Text(id) => id.to_string(),
            Id::Number(number) => format!("msg-{number}"),
        };
        let answer = said.answer.as_ref().map(|answer| {
            let model = quick.models[answer.model as usize].clone();
            (model, answer.usage, answer.cost)
        });
        let response = said.answer.as_ref().and_then(|answer| answer.response);
        let inherited = said.inherited != Inherited::No;
        (id, said.time, answer, (said.words, response, inherited))
    });
    let nodes = log.nodes().filter(|node| {
        let speaks = matches!(node.role, Role::User | Role::Assistant);
        node.kind == Kind::Message && speaks
    });
    let read = nodes.map(|node| {
        if node.role == Role::Assistant {
            assert_eq!(node.provider, Some(quick.provider.as_str()), "{name}");
        }
        let answer = || (node.model.map(str::to_owned), node.usage, node.cost);
        let answer = (node.role == Role::Assistant).then(answer);
        let record = String::from_utf8(log.read_record(node.index).unwrap()).unwrap();
        let said = (format == Format::Codex).then(|| words.number(prints::of_record(&record)));
        let response = Some(&record).filter(|_| format == Format::Claude);
        let response = response.filter(|_| node.role == Role::Assistant);
        let response = response.and_then(|record| prints::response_of(record));
        let id = node.id.unwrap().to_owned();
        (
            id,
            node.timestamp,
            answer,
            (said, response, log.inherited(node.index)),
        )
    });
    // Parents may be put before their children: the order says nothing.
    let sorted = |mut all: Vec<_>| {
        all.sort_by_key(|told| format!("{told:?}"));
        all
    };
    assert_eq!(sorted(told.collect()), sorted(read.collect()), "{name}");
    true
}

#[test]
fn the_quick_way_tells_the_same() {
    let mut quickly = 0;
    for (path, bytes) in samples() {
        quickly += usize::from(same_quickly(&bytes, path.to_str().unwrap()));
    }
    // All of Claude Code and Codex but the damaged and the packed ones.
    assert!(quickly >= 4, "{quickly}");
    let line = |n: usize, text: &str| {
        format!(
            r#"{{"type":"user","uuid":"u{n}","parentUuid":null,"sessionId":"s","cwd":"/w","timestamp":"2026-05-22T12:00:00.000Z","message":{{"role":"user","content":{text}}}}}"#
        )
    };
    // Lines that are longer than what is read at once, blank ones, one without an end.
    let long = format!("\"{}\"", "x\\n".repeat(300_000));
    let mut text = String::new();
    for n in 0..40 {
        text += &line(n, if n % 7 == 0 { &long } else { "\"hi\"" });
        text += if n % 5 == 0 { "\r\n \n\n" } else { "\n" };
    }
    text += &line(
        99,
        "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"b\"}]",
    );
    assert!(same_quickly(text.as_bytes(), "long"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is done to a sample: either the quick way leaves it to the conversion, or it tells the same.
    #[test]
    fn the_quick_way_tells_the_same_of_damaged_samples(
        which in any::<prop::sample::Index>(),
        (changes, cut) in damages(),
    ) {
        let samples: Vec<_> = samples()
            .into_iter()
            .filter(|(path, _)| {
                let text = path.to_str().unwrap();
                (text.contains("/claude/") || text.contains("/codex/")) && text.ends_with(".jsonl")
            })
            .collect();
        let (path, mut bytes) = samples[which.index(samples.len())].clone();
        damage(&mut bytes, changes, cut);
        prop_assume!(!lines::is_blank(&bytes));
        same_quickly(&bytes, path.to_str().unwrap());
    }
}
