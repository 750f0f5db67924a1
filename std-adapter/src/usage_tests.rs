use super::*;
use crate::testing::*;

fn said(id: &str, parent: &str, provider: &str, model: &str, usage: &str) -> String {
    assistant(id, parent, usage)
        .replace("anthropic", provider)
        .replace("m\\u002dx", model)
}

fn prices() -> PriceTable {
    let mut prices = PriceTable::default();
    let list = r#"[{"provider":"p","model":"one","input":1,"output":2,"cache_read":0.1},
        {"provider":"p","model":"two","input":10,"output":20}]"#;
    prices.merge_overrides(list).unwrap();
    prices
}

/// Each is found by its hash: a look at all that came before would be quadratic.
#[test]
fn a_model_a_line_keeps_the_order_of_the_file() {
    let mut records = vec![HEADER.into()];
    let name = |n: usize| format!("m{}", (n * 7) % 500);
    for n in 0..1000 {
        let (id, parent) = (format!("i{n}"), format!("i{}", n.max(1) - 1));
        records.push(said(&id, &parent, "p", &name(n), USAGE));
    }
    let report = UsageReport::of(&log(&records), &prices());
    for section in [&report.branch, &report.file] {
        let names = section.models.iter().map(ModelUsage::name);
        let expected = (0..500).map(|n| format!("p/{}", name(n)));
        assert_eq!(names.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert!(section.models.iter().all(|model| model.messages == 2));
        assert_eq!(section.totals.usage.total_tokens(), 1000 * 1110);
    }
}

const USAGE: &str = r#"{"input_tokens":1000,"output_tokens":10,"cache_read_tokens":100}"#;

#[test]
fn by_model_on_the_branch_and_in_the_file() {
    let log = log(&[
        HEADER.into(),
        user("a", None, "x"),
        said("b", "a", "p", "one", USAGE),
        said("c", "a", "p", "one", USAGE),
        said("d", "c", "p", "two", r#"{"output_tokens":1}"#),
        said("e", "d", "p", "two", "null"),
    ]);
    let report = UsageReport::of(&log, &prices());
    assert_eq!(report.branch.totals.usage.total_tokens(), 1111);
    assert_eq!(
        (report.branch.totals.turns, report.branch.totals.unreported),
        (1, 1)
    );
    assert_eq!(report.file.totals, log.spent());
    assert_eq!(report.file.totals.usage.total_tokens(), 2221);
    // 1000 at 1, 10 at 2 and 100 at 0.1 USD a million; 1 at 20.
    let branch = report.branch.known;
    assert_eq!(branch.cache_read.to_string(), "0.00001");
    assert_eq!(branch.total().to_string(), "0.00105");
    assert_eq!(report.file.known.total().to_string(), "0.00208");
    // One answer did not say what it used.
    assert_eq!((report.branch.cost, report.file.cost), (None, None));
    assert_eq!(
        report.file.models[0].cost,
        Some(report.file.models[0].known)
    );
    let rows: Vec<_> = report
        .file
        .models
        .iter()
        .map(|m| (m.name(), m.messages))
        .collect();
    assert_eq!(rows, [("p/one".to_owned(), 2), ("p/two".to_owned(), 2)]);
    assert!(!report.file.models[0].is_lower_bound());
    assert!(report.file.models[1].is_lower_bound() && report.file.is_lower_bound());
}

#[test]
fn an_unknown_price_is_no_cost() {
    let log = log(&[
        HEADER.into(),
        user("a", None, "x"),
        said("b", "a", "p", "one", USAGE),
        said("c", "b", "p", "secret", r#"{"input_tokens":1}"#),
        // Used nothing, so its price does not matter.
        said("d", "c", "p", "idle", r#"{"input_tokens":0}"#),
        // A tier without a price.
        said("e", "d", "p", "two", r#"{"cache_read_tokens":1}"#),
    ]);
    let report = UsageReport::of(&log, &prices());
    assert_eq!(report.branch.cost, None);
    assert_eq!(report.branch.unknown_models(), ["p/secret", "p/two"]);
    assert!(report.branch.models[0].cost.is_some());
    assert_eq!(report.branch.known.total().to_string(), "0.00103");
    let unpriced: Vec<_> = report.branch.models.iter().map(|m| m.unpriced).collect();
    assert_eq!(unpriced, [false, true, false, true]);
}

#[test]
fn usage_that_was_not_reported_is_no_zero() {
    for (model, unpriced) in [("one", false), ("secret", true)] {
        for usage in ["null", r#"{"reported":false,"input_tokens":0}"#] {
            let answer = said("b", "a", "p", model, usage);
            let log = log(&[HEADER.into(), user("a", None, "x"), answer]);
            let report = UsageReport::of(&log, &prices());
            for section in [&report.branch, &report.file] {
                assert_eq!((section.cost, section.known), (None, Cost::default()));
                assert_eq!(section.unknown_models(), [format!("p/{model}")]);
                assert!(section.is_lower_bound());
                assert_eq!(section.models[0].unpriced, unpriced, "{model}");
            }
        }
    }
}

#[test]
fn what_is_inherited_was_not_spent_here() {
    let header = HEADER.replace("\"writer\"", "\"fork_point\":\"b\",\"writer\"");
    let log = log(&[
        header,
        user("a", None, "x"),
        said("b", "a", "p", "one", USAGE),
        said("c", "b", "p", "two", r#"{"input_tokens":1}"#),
    ]);
    let report = UsageReport::of(&log, &prices());
    assert_eq!(report.file.totals, log.spent());
    assert_eq!(report.file.totals.usage.input_tokens, 1);
    assert_eq!(report.branch.totals.usage.input_tokens, 1001);
    assert_eq!(report.file.models.len(), 1);
}

/// Costs of a single answer, at prices of 1, 2 and 0.1 USD a million, and above 1,000 tokens of 3, 4 and, for what is
/// read from a cache, none.
fn of_one(usage: &str) -> (Option<String>, bool) {
    let list = r#"[{"provider":"p","model":"one","input":1,"output":2,"cache_read":0.1},
        {"provider":"p","model":"one","above":1000,"input":3,"output":4}]"#;
    let mut prices = PriceTable::default();
    prices.merge_overrides(list).unwrap();
    let line = said("b", "a", "p", "one", usage);
    let log = log(&[HEADER.into(), user("a", None, "x"), line]);
    let report = UsageReport::of(&log, &prices).branch;
    let cost = report.cost.map(|cost| cost.total().to_string());
    (cost, report.is_lower_bound())
}

#[test]
fn long_requests_have_their_own_price() {
    let of = |usage| of_one(usage);
    let cost = |text: &str| Some(text.to_owned());
    // One below, and just at the threshold: 999 or 1,000 at 1, and 10 at 2 USD a million.
    let below = of(r#"{"input_tokens":999,"output_tokens":10}"#);
    assert_eq!(below, (cost("0.001019"), false));
    let at = of(r#"{"input_tokens":1000,"output_tokens":10}"#);
    assert_eq!(at, (cost("0.00102"), false));
    // One above: all of the request, output too: 1,001 at 3, 10 at 4.
    let above = of(r#"{"input_tokens":1001,"output_tokens":10}"#);
    assert_eq!(above, (cost("0.003043"), false));
    // Output is no part of the request's length; what comes from a cache is: 900 + 100 at the threshold, 900 + 101 above
    // it, where a cache's price is known for short requests only: 900 at 3, 101 at no less than 0.1.
    let output = of(r#"{"input_tokens":1,"output_tokens":5000}"#);
    assert_eq!(output, (cost("0.010001"), false));
    let cached = of(r#"{"input_tokens":900,"cache_read_tokens":100}"#);
    assert_eq!(cached, (cost("0.00091"), false));
    let cached = of(r#"{"input_tokens":900,"cache_read_tokens":101}"#);
    assert_eq!(cached, (cost("0.0027101"), true));
}

#[test]
fn each_request_is_as_long_as_it_is() {
    let builtin = PriceTable::builtin();
    let answer = |id: &str, parent: &str, input: u64| {
        let usage = format!(r#"{{"input_tokens":{input},"output_tokens":1000}}"#);
        said(id, parent, "google", "gemini-2.5-pro", &usage)
    };
    // Together they are longer than 200,000; only one is by itself.
    let log = log(&[
        HEADER.into(),
        user("a", None, "x"),
        answer("b", "a", 150_000),
        answer("c", "b", 200_000),
        answer("d", "c", 200_001),
    ]);
    let report = UsageReport::of(&log, builtin).branch;
    // 350,000 at 1.25 and 2,000 at 10 USD a million; 200,001 at 2.50 and 1,000 at 15.
    let cost = report.cost.unwrap();
    assert_eq!(cost.input.to_string(), "0.9375025");
    assert_eq!(cost.output.to_string(), "0.035");
    assert!(!report.is_lower_bound());
}

#[test]
fn what_answers_tell_stands_beside_what_was_reckoned() {
    let log = log(&[
        HEADER.into(),
        user("a", None, "x"),
        said(
            "b",
            "a",
            "p",
            "one",
            r#"{"input_tokens":1000,"cost_usd":0.25}"#,
        ),
        said(
            "c",
            "b",
            "p",
            "one",
            r#"{"input_tokens":1000,"cost_usd":"0.000000000001"}"#,
        ),
        said(
            "d",
            "c",
            "p",
            "two",
            r#"{"input_tokens":1000,"cost_usd":1e-7}"#,
        ),
        // No amount, none at all, and nothing used.
        said("e", "d", "p", "two", r#"{"input_tokens":1,"cost_usd":-1}"#),
        said("f", "e", "p", "two", r#"{"input_tokens":1}"#),
        said("g", "f", "p", "two", r#"{"input_tokens":0}"#),
    ]);
    let report = UsageReport::of(&log, &prices()).branch;
    assert_eq!(report.known.total().to_string(), "0.01202");
    let one = report.models[0].told;
    assert_eq!(one.complete().unwrap().to_string(), "0.250000000001");
    let two = report.models[1].told;
    assert_eq!(
        (two.sum.to_string(), two.told, two.untold),
        ("0.0000001".into(), 1, 2)
    );
    assert_eq!(two.complete(), None);
    assert_eq!(report.told.sum.to_string(), "0.250000100001");
    assert_eq!((report.told.told, report.told.untold), (3, 2));
    // What stands in a text is no cost.
    assert_eq!(ToldCost::default().complete(), None);
}
