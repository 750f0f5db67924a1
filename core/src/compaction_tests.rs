use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec as StdVec;

fn user(text: u64) -> Message {
    Message {
        role: Role::User,
        text_len: text,
        ..Message::default()
    }
}

fn calling(ids: &[u32]) -> Message {
    let mut message = Message {
        role: Role::Assistant,
        ..Message::default()
    };
    for id in ids {
        message.calls.push(*id);
    }
    message
}

fn result(id: u32) -> Message {
    Message {
        role: Role::ToolResult,
        answers: Some(id),
        ..Message::default()
    }
}

/// A window filled forwards; it must equal the one filled backwards in every cut.
fn window<const N: usize>(messages: &[Message]) -> Window<N> {
    let mut window = Window::default();
    for (i, message) in messages.iter().enumerate() {
        window.push(message, i as u64);
    }
    window
}

fn refilled<const N: usize>(messages: &[Message]) -> Window<N> {
    let mut refill = Refill::default();
    for (i, message) in messages.iter().enumerate().rev() {
        refill.push(message, i as u64);
    }
    refill.finish()
}

fn kept<const N: usize>(messages: &[Message], keep: Keep) -> Result<usize, NoCut> {
    let cut = window::<N>(messages).cut(keep, messages.len() as u64, false)?;
    assert_eq!(cut.start, (messages.len() - cut.kept) as u64);
    Ok(cut.kept)
}

#[test]
fn opis_quarter() {
    for n in 2..40usize {
        let messages = vec![user(4); n];
        assert_eq!(kept::<64>(&messages, Keep::LastQuarter), Ok((n / 4).max(1)));
    }
    assert_eq!(
        kept::<64>(&[user(4)], Keep::LastQuarter),
        Err(NoCut::NothingToCompact)
    );
    assert_eq!(
        kept::<64>(&[], Keep::LastQuarter),
        Err(NoCut::NothingToCompact)
    );
    // The summary counts as an entry: [summary, 7 messages] is 8.
    let seven = window::<64>(&[user(4); 7]);
    assert_eq!(seven.cut(Keep::LastQuarter, 7, true).unwrap().kept, 2);
}

#[test]
fn counts_and_budgets() {
    let messages = vec![user(40); 10];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(3)), Ok(3));
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(0)), Ok(1));
    for all in [10, 11, u64::MAX] {
        assert_eq!(
            kept::<64>(&messages, Keep::LastMessages(all)),
            Err(NoCut::NothingToCompact)
        );
    }
    assert_eq!(kept::<64>(&messages, Keep::LastTokens(35)), Ok(3));
    assert_eq!(kept::<64>(&messages, Keep::LastTokens(0)), Ok(1));
    assert_eq!(
        kept::<64>(&messages, Keep::LastTokens(1000)),
        Err(NoCut::NothingToCompact)
    );
    let cut = window::<64>(&messages)
        .cut(Keep::LastTokens(35), 10, false)
        .unwrap();
    assert_eq!(cut.tokens, 30);
}

#[test]
fn a_cut_never_parts_a_call_from_its_result() {
    let messages = [user(4), calling(&[1]), result(1), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(1)), Ok(1));
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(2)), Ok(3));
    // A user's words between call and result.
    let messages = [user(4), calling(&[1]), user(4), result(1), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(3)), Ok(4));
    // Crossing calls, one of them never answered.
    let messages = [
        user(4),
        calling(&[1]),
        calling(&[2, 3]),
        result(2),
        result(1),
        user(4),
    ];
    for n in 2..=5 {
        assert_eq!(kept::<64>(&messages, Keep::LastMessages(n)), Ok(5));
    }
    // A budget is kept to: fewer rather than more.
    let long = Message {
        text_len: 4,
        ..result(1)
    };
    let messages = [user(4), calling(&[1]), long, user(4), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastTokens(3)), Ok(4));
    let messages = [
        user(4),
        Message {
            text_len: 4,
            ..calling(&[1])
        },
        long,
        user(4),
        user(4),
    ];
    assert_eq!(kept::<64>(&messages, Keep::LastTokens(3)), Ok(2));
    // Everything hangs together.
    let messages = [calling(&[1]), user(4), result(1)];
    assert_eq!(
        kept::<64>(&messages, Keep::LastQuarter),
        Err(NoCut::NothingToCompact)
    );
    // A message of more calls than are told apart has made them all.
    let many: StdVec<u32> = (0..12).collect();
    let mut messages = vec![user(4), calling(&many)];
    messages.extend((0..12).map(result));
    for n in 1..13 {
        assert_eq!(kept::<64>(&messages, Keep::LastMessages(n)), Ok(13));
    }
}

#[test]
fn a_window_that_is_too_small_says_so() {
    let messages = vec![user(4); 40];
    let cut = window::<4>(&messages)
        .cut(Keep::LastQuarter, 40, false)
        .unwrap();
    assert_eq!((cut.kept, cut.limited), (4, true));
    let cut = window::<16>(&messages)
        .cut(Keep::LastQuarter, 40, false)
        .unwrap();
    assert_eq!((cut.kept, cut.limited), (10, false));
    let cut = window::<4>(&messages)
        .cut(Keep::LastTokens(9), 40, false)
        .unwrap();
    assert_eq!((cut.kept, cut.limited), (4, true));
    let mut messages = vec![user(4), calling(&[1, 2, 3, 4, 5])];
    messages.extend((1..=5).map(result));
    assert_eq!(
        kept::<4>(&messages, Keep::LastQuarter),
        Err(NoCut::WindowTooSmall { held: 4 })
    );
    assert_eq!(
        refilled::<4>(&messages).cut(Keep::LastQuarter, 7, false),
        Err(NoCut::WindowTooSmall { held: 4 })
    );
}

#[test]
fn triggers() {
    let triggers = Triggers::default();
    assert_eq!(triggers.due(99_999, u64::MAX), None);
    assert_eq!(triggers.due(100_000, 0), Some(Reason::Threshold));
    let triggers = Triggers {
        threshold: None,
        window: Some(ContextWindow {
            tokens: 1000,
            reserve: 200,
        }),
    };
    assert_eq!(triggers.due(u64::MAX, 800), None);
    assert_eq!(triggers.due(0, 801), Some(Reason::ContextWindow));
}

/// Whether keeping the last `kept` messages leaves a result without its call.
fn parts(messages: &[Message], kept: usize) -> bool {
    let cut = messages.len() - kept;
    messages[cut].role == Role::ToolResult
        || messages.iter().enumerate().skip(cut).any(|(i, m)| {
            let call = m
                .answers
                .and_then(|hash| messages[..i].iter().rposition(|c| c.calls.made(hash)));
            call.is_some_and(|call| call < cut)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_cut_parts_calls_from_results_and_refilling_changes_nothing(
        messages in prop::collection::vec(prop_oneof![
            2 => (0u64..60).prop_map(user),
            3 => prop::collection::vec(0u32..6, 0..4).prop_map(|ids| calling(&ids)),
            4 => (0u32..6).prop_map(result),
        ], 1..24),
        n in 0u64..24,
        later in 0usize..6,
    ) {
        for keep in [Keep::LastQuarter, Keep::LastMessages(n), Keep::LastTokens(n * 4)] {
            let total = messages.len() as u64;
            for cut in [
                window::<32>(&messages).cut(keep, total, false),
                refilled::<32>(&messages).cut(keep, total, false),
                window::<5>(&messages).cut(keep, total, false),
                refilled::<5>(&messages).cut(keep, total, false),
            ].into_iter().flatten() {
                prop_assert!(!parts(&messages, cut.kept), "{:?} keeps {}", keep, cut.kept);
                prop_assert!(cut.kept < messages.len());
            }
            // Half resumed, half appended.
            let split = messages.len().saturating_sub(later);
            let mut mixed = refilled::<32>(&messages[..split]);
            for (i, m) in messages.iter().enumerate().skip(split) {
                mixed.push(m, i as u64);
            }
            if let Ok(cut) = mixed.cut(keep, total, false) {
                prop_assert!(!parts(&messages, cut.kept), "mixed: {:?} keeps {}", keep, cut.kept);
            }
        }
    }
}
