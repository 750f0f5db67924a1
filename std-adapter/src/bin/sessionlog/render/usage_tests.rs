use super::*;
use sessionlog::usage::ToldCost;
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
        known: price.cost(&usage).unwrap_or_default(),
        unpriced: price.cost(&usage).is_none(),
        long_context: false,
        told: ToldCost::default(),
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
    Scope {
        totals,
        models,
        incomplete: false,
    }
}

fn shown(branch: &Scope, file: &Scope) -> String {
    let mut out = Vec::new();
    write(&mut out, branch, file, &Styles::new(false), None).unwrap();
    String::from_utf8(out).unwrap()
}

/// As a terminal of so many columns shows it.
fn shown_in(width: usize, scope: &Scope) -> String {
    let mut out = Vec::new();
    write(&mut out, scope, scope, &Styles::new(false), Some(width)).unwrap();
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
    let text = shown(&branch, &file);
    let row = |name: &str| -> Vec<&str> {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().collect()
    };
    assert_eq!(
        row("total"),
        ["total", "1,000", "0.0030", "1,014", "≥", "0.0030"]
    );
    // Nobody knows what the output cost; nothing was read from a cache, and that costs nothing.
    assert_eq!(row("output"), ["output", "0", "0", "7", "unknown"]);
    assert_eq!(row("cache read"), ["cache", "read", "0", "0", "0", "0"]);
    assert_eq!(row("ollama"), ["ollama/evil␛[2J", "14", "unknown"]);
    assert!(text.contains("No price is known for ollama/evil␛[2J. --prices FILE can give one.\n"));
    assert!(text.ends_with(
        "\nCost of the active branch: $0.0030.\n\
         Cost of the whole file: at least $0.0030 (1 model unknown: ollama/evil␛[2J).\n"
    ));
    assert!(!text.contains('\x1b'));
}

#[test]
fn unreported_usage_is_unknown() {
    let known = scope(1, vec![model("a/b", usage(1_000, 0), PRICE)]);
    assert!(!shown(&known, &known).contains("nknown"));
    let silent = |mut scope: Scope| {
        scope.totals.add_unreported();
        scope.models[0].totals.add_unreported();
        scope.models[0].cost = None;
        scope
    };
    let part = silent(known.clone());
    let text = shown(&part, &part);
    assert!(
        text.contains(
            "1 answer in the file did not report usage (a/b): what they used and cost is unknown.\n"
        ),
        "{text}"
    );
    assert_eq!(text.matches("≥ 1,000").count(), 6, "{text}");
    assert_eq!(text.matches("≥ 0.0030").count(), 6, "{text}");
    assert!(text.contains("Cost of the active branch: at least $0.0030 (1 model unknown: a/b).\n"));
    // Nothing at all is known.
    let none = silent(scope(1, vec![model("a/b", Usage::default(), PRICE)]));
    let text = shown(&none, &none);
    assert!(
        text.contains("Cost of the whole file: unknown (1 model: a/b).\n"),
        "{text}"
    );
    let total = text.lines().find(|line| line.starts_with("total")).unwrap();
    assert_eq!(
        total.split_whitespace().skip(1).collect::<Vec<_>>(),
        ["unknown"; 4]
    );

    let mut long = known;
    long.models[0].long_context = true;
    assert!(shown(&long, &long).contains("Long requests may have had a higher price"));
    assert!(shown(&long, &long).contains("≥ 0.0030"));
}

#[test]
fn a_table_fits_its_terminal() {
    let most = usage(1_234_567_890, 987_654_321);
    let long = format!(
        "provider-of-models/{}-20260101",
        "a-very-long-name".repeat(10)
    );
    let all = scope(
        3,
        vec![
            model(&long, most, PRICE),
            model("a/b", most, Price::default()),
        ],
    );
    for width in [80, 100, 120] {
        let text = shown_in(width, &all);
        for line in text.lines() {
            let broken = !line.contains(&long);
            assert!(!broken || line.chars().count() <= width, "{width}: {line}");
        }
        let row = text
            .lines()
            .find(|line| line.starts_with("provider-of"))
            .unwrap();
        assert!(row.contains("…") && row.contains("20260101  "), "{row}");
        assert_eq!(row.matches("2,222,222,211").count(), 2, "{row}");
    }
    assert!(shown(&all, &all).contains(&format!("\n{long}  ")));
}

#[test]
fn amounts() {
    use Amount::{AtLeast, Exact, Unknown};
    let cases = [
        (Exact(0), "0"),
        (Exact(1), "< 0.0001"),
        (Exact(99_999_999), "< 0.0001"),
        (Exact(100_000_000), "0.0001"),
        (Exact(150_000_000), "0.0002"),
        (AtLeast(150_000_000), "≥ 0.0001"),
        (AtLeast(1), "≥ 0.000000000001"),
        (Exact(12_345_600_000_000), "12.3456"),
        (Unknown, "unknown"),
    ];
    for (amount, text) in cases {
        let amount = match amount {
            Exact(n) => Exact(PicoUsd(n)),
            AtLeast(n) => AtLeast(PicoUsd(n)),
            Unknown => Unknown,
        };
        assert_eq!(usd(amount), text);
    }
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
    // Where not even they fit, numbers stay whole all the same.
    assert!(shown_in(40, &all).contains("18,446,744,073,709,551,615"));
}
