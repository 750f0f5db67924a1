//! What a session records of itself (totals, tip, context) is what the reference reader counts in its file.

use proptest::prelude::*;
use sessionlog::{NewSession, Session, SessionStore};
use sessionlog_core::{
    compaction::{Keep, Reason},
    journal::{Durability, Options},
    record::{Limits, RecordScanner, Totals, Verbatim},
    usage::UsageTotals,
};
use sessionlog_tests::model;

#[derive(Clone, Debug)]
enum Step {
    Append(String),
    End,
    Compact(u64),
    Move(prop::sample::Index),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let answer = (0u64..5000, prop::option::of(0u64..50), any::<bool>()).prop_map(|(n, hour, known)| {
        let usage = match (known, hour) {
            (false, _) => "{}".to_owned(),
            (true, None) => format!(r#"{{"input_tokens":{n},"output_tokens":{}}}"#, n / 3),
            (true, Some(h)) => format!(r#"{{"cache_write_tokens":{n},"cache_write_1h_tokens":{h},"reasoning_tokens":{h}}}"#),
        };
        format!(r#"{{"role":"assistant","content":[{{"type":"text","text":"ok"}}],"usage":{usage}}}"#)
    });
    let question = "[a-zé\\\\\"]{0,30}".prop_map(|text| {
        serde_json::json!({"role": "user", "content": [{"type": "text", "text": text}]}).to_string()
    });
    prop_oneof![
        3 => question.prop_map(Step::Append),
        4 => answer.prop_map(Step::Append),
        3 => Just(Step::End),
        1 => (1u64..6).prop_map(Step::Compact),
        1 => any::<prop::sample::Index>().prop_map(Step::Move),
        1 => Just(Step::Reopen),
    ]
}

/// The buckets and the counts beside them, without turns.
type Counts = ([u64; 4], [Option<u64>; 2], u64);

fn counts(totals: &UsageTotals) -> Counts {
    let u = &totals.usage;
    (
        [
            u.input_tokens,
            u.output_tokens,
            u.cache_read_tokens,
            u.cache_write_tokens,
        ],
        [u.cache_write_1h_tokens, u.reasoning_tokens],
        totals.unreported,
    )
}

fn of_model(sum: &model::Sum) -> Counts {
    let u = &sum.usage;
    (
        [u.input, u.output, u.cache_read, u.cache_write],
        [u.cache_write_1h, u.reasoning],
        sum.unreported,
    )
}

/// The totals of the last leaf or compaction.
fn last_totals(bytes: &[u8]) -> Option<Totals> {
    bytes
        .split(|b| *b == b'\n')
        .filter_map(|line| RecordScanner::scan(line, Limits::default()).ok()?.totals)
        .next_back()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn totals_are_what_the_file_says(steps in prop::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let store = SessionStore::at(dir.path());
        let options = Options { durability: Durability::Manual, ..Options::default() };
        let mut session = Session::create(&store, &NewSession::default(), options).unwrap();
        let path = session.path().to_owned();
        let mut ids = vec![];
        for step in steps {
            match step {
                Step::Append(payload) => ids.push(session.append(&Verbatim(payload.as_bytes())).unwrap()),
                Step::End => drop(session.end_turn().unwrap()),
                Step::Compact(n) => if let Ok(plan) = session.plan(Reason::Manual, Keep::LastMessages(n)) {
                    ids.push(session.commit(&plan, "so far").unwrap());
                },
                Step::Move(index) => if !ids.is_empty() {
                    session.move_tip(ids[index.index(ids.len())].as_str()).unwrap();
                },
                Step::Reopen => {
                    session.end_turn().unwrap();
                    drop(session);
                    session = Session::open(&path, options).unwrap();
                }
            }
        }
        session.end_turn().unwrap();
        let context: Vec<String> = session.context().unwrap().iter().map(|e| e.id.to_string()).collect();
        let bytes = std::fs::read(&path).unwrap();
        let model = model::read(&bytes);
        prop_assert_eq!(model.state.name(), "clean");
        prop_assert!(model.bridged.is_empty() && model.missing_parents.is_empty() && model.dangling_leaves.is_empty());
        let tip = session.tip();
        prop_assert_eq!(tip.as_ref().map(|id| id.as_str()), model.tip.and_then(|i| model.entries[i].id.as_deref()));
        let expected: Vec<String> = model.context.iter().map(|item| model.entries[item.entry].id.clone().unwrap()).collect();
        prop_assert_eq!(context, expected);
        if let Some(totals) = last_totals(&bytes) {
            prop_assert_eq!(counts(&totals.branch), of_model(&model.branch_usage));
            prop_assert_eq!(totals.branch.turns, model.branch_usage.turns);
            prop_assert_eq!(counts(&totals.spent), of_model(&model.spent_usage));
            prop_assert_eq!(totals.watermark, model.watermark);
            prop_assert_eq!(totals.next_seq, model.next_seq);
        }
        // Opened again, everything is as it was.
        let usage = (session.branch_usage(), session.spent(), session.context_tokens());
        drop(session);
        let again = Session::open(&path, options).unwrap();
        prop_assert_eq!((again.branch_usage(), again.spent(), again.context_tokens()), usage);
    }
}
