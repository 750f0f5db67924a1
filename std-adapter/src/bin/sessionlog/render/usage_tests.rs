use super::*;
use sessionlog_core::{Price, Usage};

const PRICE: Price = Price {
    input: Some(3_000_000),
    output: Some(15_000_000),
    cache_read: Some(300_000),
    cache_write: Some(3_750_000),
    cache_write_1h: None,
};

fn model(name: &str, usage: Usage, price: Price) -> Model {
    let (provider, model) = name.split_once('/').unwrap_or(("", name));
    Model {
        provider: (!provider.is_empty()).then(|| provider.to_owned()),
        model: model.to_owned(),
        totals: UsageTotals {
            usage,
            ..UsageTotals::default()
        },
        cost: price.cost(&usage),
        long_context: false,
    }
}

fn scope(turns: u64, models: Vec<Model>) -> Scope {
    let mut totals = UsageTotals {
        turns,
        ..UsageTotals::default()
    };
    for model in &models {
        totals.merge(&model.totals);
    }
    Scope { totals, models }
}

fn shown(branch: &Scope, file: &Scope) -> String {
    let mut out = Vec::new();
    write(&mut out, branch, file, &Styles::new(false)).unwrap();
    String::from_utf8(out).unwrap()
}

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: output,
        ..Usage::default()
    }
}

#[test]
fn branch_and_file_side_by_side() {
    let first = Usage {
        cache_read_tokens: 1_000_000,
        cache_write_tokens: 40,
        reasoning_tokens: Some(200),
        ..usage(1_234_567, 2_000)
    };
    let branch = scope(3, vec![model("anthropic/claude-x", first, PRICE)]);
    let file = scope(
        5,
        vec![
            model("anthropic/claude-x", first, PRICE),
            model("y", usage(1, 0), PRICE),
        ],
    );
    assert_eq!(
        shown(&branch, &file),
        "\
all models         active branch     USD  whole file     USD
input                  1,234,567  3.7037   1,234,568  3.7037
cache read             1,000,000  0.3000   1,000,000  0.3000
cache write                   40  0.0002          40  0.0002
output                     2,000  0.0300       2,000  0.0300
  of it reasoning            200                 200
total                  2,236,607  4.0339   2,236,608  4.0339
turns                          3                   5

by model            active branch     USD  whole file       USD
anthropic/claude-x      2,236,607  4.0339   2,236,607    4.0339
y                                                   1  < 0.0001
"
    );
}

#[test]
fn an_unknown_price_is_no_zero() {
    let known = model("openai/gpt-x", usage(1_000, 0), PRICE);
    let local = model("ollama/evil\x1b[2J", usage(7, 7), Price::default());
    let branch = scope(1, vec![known.clone()]);
    let file = scope(2, vec![known, local]);
    assert_eq!(file.cost(), None);
    let text = shown(&branch, &file);
    let total = text.lines().find(|line| line.starts_with("total")).unwrap();
    assert_eq!(
        total.split_whitespace().collect::<Vec<_>>(),
        ["total", "1,000", "0.0030", "1,014", "unknown"]
    );
    assert!(text.contains("No price is known for ollama/evil␛[2J. --prices FILE can give one.\n"));
    assert!(text.contains("What is known of the file cost 0.0030 USD.\n"));
    assert!(!text.contains("What is known of the active branch"));
    assert!(!text.contains('\x1b'));
}

#[test]
fn unreported_usage_makes_bounds() {
    let mut branch = scope(1, vec![model("a/b", usage(1_000, 0), PRICE)]);
    let file = branch.clone();
    assert!(!shown(&branch, &file).contains("lower bounds"));
    branch.totals.add_unreported();
    branch.models[0].totals.add_unreported();
    let text = shown(&branch, &branch);
    assert!(text.contains("1 answer in the file did not report usage: sums are lower bounds.\n"));
    assert_eq!(text.matches("≥ 0.0030").count(), 6, "{text}");

    let mut long = file.clone();
    long.models[0].long_context = true;
    assert!(shown(&long, &long).contains("Long requests may have had a higher price"));
    assert!(shown(&long, &long).contains("≥ 0.0030"));
}

#[test]
fn amounts() {
    let cases = [
        (0, false, "0"),
        (1, false, "< 0.0001"),
        (99_999_999, false, "< 0.0001"),
        (100_000_000, false, "0.0001"),
        (150_000_000, false, "0.0002"),
        (150_000_000, true, "≥ 0.0001"),
        (1, true, "≥ 0.0000"),
        (12_345_600_000_000, false, "12.3456"),
    ];
    for (amount, bound, text) in cases {
        assert_eq!(usd(Some(PicoUsd(amount)), bound), text);
    }
    assert_eq!(usd(None, false), "unknown");
}

#[test]
fn the_largest_numbers_fit() {
    let most = Usage {
        input_tokens: u64::MAX,
        output_tokens: u64::MAX,
        cache_read_tokens: u64::MAX,
        cache_write_tokens: u64::MAX,
        cache_write_1h_tokens: Some(0),
        reasoning_tokens: Some(u64::MAX),
    };
    let all = scope(
        u64::MAX,
        vec![model("a/b", most, PRICE), model("a/c", most, PRICE)],
    );
    let text = shown(&all, &all);
    assert!(text.contains("18,446,744,073,709,551,615"));
    assert!(text.contains("  of it for 1 h"));
}
