use super::*;
use sessionlog_core::Usage;
use std::fs;

fn found(provider: Option<&str>, model: &str) -> Option<(&'static str, &'static str)> {
    let found = PriceTable::builtin().lookup(provider, model)?;
    Some((found.provider?, found.model))
}

/// Holds what a look-up says about the names in a small table of its own.
fn small(json: &str) -> PriceTable {
    let tsv = "openai\tgpt-4\t\t30\t60\t\t\t\n\
               openai\tgpt-4o\t\t2\t10\t1\t\t\n\
               openai\tgpt-4o-2024-05-13\t\t5\t15\t\t\t\n\
               azure\tgpt-4o\t\t3\t11\t1\t\t\n\
               azure\tgpt-4o\t272000\t6\t22\t\t\t\n\
               groq\topenai/gpt-oss-120b\t\t15\t60\t\t\t\n\
               groq\tllama-9\t\t7\t8\t\t\t\n\
               cerebras\tllama-9\t\t7\t8\t\t\t\n\
               groq\tllama-8\t\t7\t8\t\t\t\n\
               cerebras\tllama-8\t\t7\t9\t\t\t\n\
               anthropic\tclaude-sonnet-4-5\t\t3\t15\t1\t4\t6\n\
               bedrock\tclaude-sonnet-4-5\t\t4\t16\t1\t4\t6\n";
    let mut table = PriceTable::from_tsv(tsv);
    table.merge_overrides(json).unwrap();
    table
}

fn input(table: &PriceTable, provider: Option<&str>, model: &str) -> Option<u64> {
    table.lookup(provider, model)?.price.input
}

#[test]
fn every_line_of_the_table_is_a_row() {
    let text = include_str!("prices.tsv");
    let head = "provider\tmodel\tabove\tinput\toutput\tcache_read\tcache_write\tcache_write_1h";
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[0], head);
    assert!(lines.len() > 300);
    assert!(text.starts_with("# ") && text.contains("litellm 1."));
    for line in &lines[1..] {
        let (provider, model, above, p) = parse_line(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(names::known_provider(provider), Some(provider), "{line}");
        assert!(p.input.is_some() || p.output.is_some(), "{line}");
        let tiers = [
            p.input,
            p.output,
            p.cache_read,
            p.cache_write,
            p.cache_write_1h,
        ];
        assert!(!tiers.contains(&Some(0)), "free by accident: {line}");
        let found = PriceTable::builtin().lookup(Some(provider), model).unwrap();
        let price = match above {
            None => found.price,
            Some(above) => {
                let long = found.longer.iter().find(|long| long.above == above);
                long.unwrap_or_else(|| panic!("{line}")).price
            }
        };
        assert_eq!(
            (found.provider, found.model, price),
            (Some(provider), model, p),
            "{line}"
        );
        let rising = found
            .longer
            .windows(2)
            .all(|two| two[0].above < two[1].above);
        assert!(rising, "{line}");
    }
}

/// Prices of the providers' own lists, USD per million tokens.
#[test]
fn hand_computed_bills_of_long_requests() {
    let usage = |input, read, written, hour, output| Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_tokens: written,
        cache_write_1h_tokens: Some(hour),
        reasoning_tokens: None,
    };
    let table = PriceTable::builtin();
    let bill = |provider, model, usage: Usage| {
        let (cost, lower) = table.lookup(Some(provider), model).unwrap().cost(&usage);
        (cost.unwrap().total().to_string(), lower)
    };
    // Up to 100,000: 0.10 in, 0.01 read, 0.125 written, 0.20 for an hour, 0.50 out; above, five times as much.
    // 0.006 + 0.0003 + 0.00075 + 0.0008 + 0.0005 at 60,000 + 30,000 + 6,000 + 4,000.
    let at = usage(60_000, 30_000, 10_000, 4_000, 1_000);
    assert_eq!(
        bill("anthropic", "claude-haiku-5-5", at),
        ("0.00835".into(), false)
    );
    let below = usage(59_999, 30_000, 10_000, 4_000, 1_000);
    assert_eq!(
        bill("anthropic", "claude-haiku-5-5", below),
        ("0.0083499".into(), false)
    );
    let above = usage(60_001, 30_000, 10_000, 4_000, 1_000);
    assert_eq!(
        bill("anthropic", "claude-haiku-5-5", above),
        ("0.0417505".into(), false)
    );
    // Up to 272,000: 2.50 in, 0.25 read, 15 out; above 5, 0.50 and 22.50.
    let at = usage(72_000, 200_000, 0, 0, 100);
    assert_eq!(bill("openai", "gpt-5.4", at), ("0.2315".into(), false));
    let above = usage(72_000, 200_001, 0, 0, 100);
    assert_eq!(
        bill("openai", "gpt-5.4", above),
        ("0.4622505".into(), false)
    );
    // Four lengths: up to 32,000 at 1, up to 128,000 at 1.80, up to 256,000 at 3, above at 6.
    for (tokens, cost) in [
        (32_000, "0.032"),
        (32_001, "0.0576018"),
        (128_001, "0.384003"),
        (256_001, "1.536006"),
    ] {
        let found = bill("qwen", "qwen3-coder-plus", usage(tokens, 0, 0, 0, 0));
        assert_eq!(found, (cost.into(), false));
    }
    // Nobody says what writing to a cache costs.
    let written = usage(1, 0, 1, 0, 0);
    let (cost, _) = table
        .lookup(Some("openai"), "gpt-5.4")
        .unwrap()
        .cost(&written);
    assert_eq!(cost, None);
}

/// Anthropic's price list: 3 in, 15 out, 0.30 read, 3.75 and 6 written, USD per million tokens.
#[test]
fn a_hand_computed_bill() {
    let found = PriceTable::builtin()
        .lookup(Some("anthropic"), "claude-sonnet-4-5-20250929")
        .unwrap();
    assert_eq!(found.model, "claude-sonnet-4-5");
    assert_eq!(found.source, PriceSource::Builtin);
    let usage = Usage {
        input_tokens: 1_234,
        output_tokens: 567,
        cache_read_tokens: 89_012,
        cache_write_tokens: 3_456,
        cache_write_1h_tokens: Some(456),
        reasoning_tokens: None,
    };
    // 0.003702 + 0.008505 + 0.0267036 + (0.01125 + 0.002736)
    assert_eq!(
        found.price.cost(&usage).unwrap().total().to_string(),
        "0.0528966"
    );
}

#[test]
fn the_largest_bill() {
    let found = PriceTable::builtin()
        .lookup(Some("anthropic"), "claude-sonnet-4-5")
        .unwrap();
    let usage = Usage {
        input_tokens: u64::MAX,
        ..Usage::default()
    };
    // 18,446,744,073,709,551,615 x 0.000003 USD.
    assert_eq!(
        found.price.cost(&usage).unwrap().total().to_string(),
        "55340232221128.654845"
    );
}

#[test]
fn an_unknown_tier_or_model_has_no_cost() {
    let table = PriceTable::builtin();
    let gpt_4 = table.lookup(Some("openai"), "gpt-4").unwrap();
    let cached = Usage {
        cache_read_tokens: 1,
        ..Usage::default()
    };
    assert_eq!(gpt_4.price.cost(&cached), None);
    for (provider, model) in [
        (Some("openai"), "gpt-99"),
        (Some("anthropic"), "gpt-4o"),
        (Some("openrouter"), "acme/acme-1"),
        (Some("openrouter"), "openai/gpt-4o:free"),
        (Some("ollama"), "gpt-4o"),
        (Some("github_copilot"), "gpt-4o"),
        (None, "acme-1"),
        (None, ""),
        (Some(""), ""),
        (None, "anthropic:"),
        (None, "日本語-20250929"),
    ] {
        assert_eq!(table.lookup(provider, model), None, "{provider:?} {model}");
    }
    let long = format!("gpt-4o{}", "-latest".repeat(1_000_000));
    assert_eq!(table.lookup(Some("openai"), &long), None);
}

#[test]
fn versions_match_and_other_models_do_not() {
    let table = small("[]");
    let at = |model| input(&table, Some("openai"), model);
    assert_eq!(at("gpt-4"), Some(30));
    assert_eq!(at("gpt-4o"), Some(2));
    assert_eq!(at("GPT-4o"), Some(2));
    assert_eq!(at("gpt-4o-2024-11-20"), Some(2));
    assert_eq!(at("gpt-4o-2024-05-13"), Some(5));
    assert_eq!(at("gpt-4o-latest"), Some(2));
    for model in [
        "gpt-4o-mini",
        "gpt-4-turbo",
        "gpt-4-0125-preview",
        "gpt-4.1",
        "gpt",
        "gpt-4o:free",
        "xgpt-4o",
    ] {
        assert_eq!(at(model), None, "{model}");
    }
}

#[test]
fn providers_and_their_names() {
    for (provider, model, expected) in [
        (Some("openai-responses"), "gpt-4o", ("openai", "gpt-4o")),
        (
            Some("OpenAI-Chat"),
            "gpt-4o-mini",
            ("openai", "gpt-4o-mini"),
        ),
        (
            Some("gemini"),
            "gemini-2.5-pro-preview-05-06",
            ("google", "gemini-2.5-pro"),
        ),
        (
            Some("google"),
            "models/gemini-2.5-flash",
            ("google", "gemini-2.5-flash"),
        ),
        (
            Some("vertex-ai"),
            "claude-haiku-4-5@20251001",
            ("vertex", "claude-haiku-4-5"),
        ),
        (
            Some("amazon-bedrock"),
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ),
        (
            Some("openrouter"),
            "anthropic/claude-sonnet-4.5",
            ("anthropic", "claude-sonnet-4-5"),
        ),
        (Some("openrouter"), "openai/gpt-4.1", ("openai", "gpt-4.1")),
        (Some("openrouter"), "x-ai/grok-4.3", ("xai", "grok-4.3")),
        (
            Some("groq"),
            "openai/gpt-oss-120b",
            ("groq", "openai/gpt-oss-120b"),
        ),
        (
            Some("anthropic"),
            "anthropic:claude-opus-4-5",
            ("anthropic", "claude-opus-4-5"),
        ),
        (
            None,
            "anthropic:claude-opus-4-5-20251101",
            ("anthropic", "claude-opus-4-5"),
        ),
        (None, "openai-responses:gpt-5", ("openai", "gpt-5")),
        (
            None,
            "groq/openai/gpt-oss-20b",
            ("groq", "openai/gpt-oss-20b"),
        ),
        (
            Some("acme-proxy"),
            "claude-sonnet-4-5",
            ("anthropic", "claude-sonnet-4-5"),
        ),
    ] {
        assert_eq!(
            found(provider, model),
            Some(expected),
            "{provider:?} {model}"
        );
    }
}

#[test]
fn azure_before_openai() {
    let table = small("[]");
    let azure = table.lookup(Some("azure"), "gpt-4o-2024-05-13").unwrap();
    assert_eq!(
        (azure.provider, azure.price.input),
        (Some("azure"), Some(3))
    );
    let long = LongPrice {
        above: 272_000,
        price: Price {
            input: Some(6),
            output: Some(22),
            ..Price::default()
        },
    };
    assert_eq!(azure.longer, [long]);
    let fallback = table.lookup(Some("azure"), "gpt-4").unwrap();
    assert_eq!(
        (fallback.provider, fallback.price.input),
        (Some("openai"), Some(30))
    );
}

#[test]
fn without_a_provider() {
    let table = small("[]");
    // The maker's price, though others ask for another one.
    assert_eq!(input(&table, None, "gpt-4o"), Some(2));
    assert_eq!(
        input(&table, Some("acme"), "claude-sonnet-4-5-20250929"),
        Some(3)
    );
    // No maker in the table: only where all agree.
    assert_eq!(input(&table, None, "llama-9-latest"), Some(7));
    assert_eq!(input(&table, None, "llama-8"), None);
}

#[test]
fn overrides_win() {
    let table = small(
        r#"[{"provider": "gemini", "model": "Gemini-X", "input": "1.25"},
            {"provider": "openai", "model": "gpt-4o", "input": "0.5", "output": 2, "cache_read": null},
            {"model": "gpt-4", "input": 9},
            {"provider": "ollama", "model": "llama-9", "input": 0, "output": 0},
            {"provider": "acme", "model": "gpt-4o", "input": 1e-6},
            {"provider": "acme", "model": "gpt-4o", "input": 2e-6}]"#,
    );
    let gpt_4o = table
        .lookup(Some("openai-chat"), "gpt-4o-2024-11-20")
        .unwrap();
    assert_eq!(gpt_4o.source, PriceSource::Override);
    let expected = Price {
        input: Some(500_000),
        output: Some(2_000_000),
        ..Price::default()
    };
    assert_eq!(
        gpt_4o.price, expected,
        "nothing is mixed in from the built-in row"
    );
    assert!(gpt_4o.longer.is_empty());
    // A longer built-in name is the better match.
    assert_eq!(input(&table, Some("openai"), "gpt-4o-2024-05-13"), Some(5));
    // Another provider's price stays.
    assert_eq!(input(&table, Some("azure"), "gpt-4o"), Some(3));
    // Of any provider, known or not.
    assert_eq!(input(&table, Some("openai"), "gpt-4"), Some(9_000_000));
    assert_eq!(input(&table, None, "gpt-4-20230613"), Some(9_000_000));
    assert_eq!(table.lookup(None, "gpt-4").unwrap().provider, None);
    // Providers that the table does not know, and free ones; the last of two equal entries counts.
    assert_eq!(input(&table, Some("ollama"), "llama-9"), Some(0));
    assert_eq!(input(&table, Some("ollama"), "llama-8"), None);
    assert_eq!(input(&table, Some("Acme"), "gpt-4o"), Some(2));
    assert_eq!(input(&table, Some("google"), "gemini-x"), Some(1_250_000));
}

#[test]
fn own_prices_of_long_requests() {
    let table = small(
        r#"[{"provider": "acme", "model": "m", "above": 200000, "input": 3},
            {"provider": "acme", "model": "m", "input": 1},
            {"provider": "acme", "model": "m", "above": 100000, "input": 2},
            {"provider": "acme", "model": "m", "above": 200000, "input": 4}]"#,
    );
    let found = table.lookup(Some("acme"), "m").unwrap();
    let prices: Vec<_> = found
        .longer
        .iter()
        .map(|long| (long.above, long.price.input))
        .collect();
    assert_eq!(
        prices,
        [(100_000, Some(2_000_000)), (200_000, Some(4_000_000))]
    );
    for (tokens, cost) in [
        (100_000, "0.1"),
        (100_001, "0.200002"),
        (200_001, "0.800004"),
    ] {
        let usage = Usage {
            input_tokens: tokens,
            ..Usage::default()
        };
        let (found, lower) = found.cost(&usage);
        assert_eq!(
            (found.unwrap().total().to_string().as_str(), lower),
            (cost, false)
        );
    }
}

#[test]
fn a_number_is_read_digit_by_digit() {
    // As a double this is 12345678.123456001...
    let table = small(
        r#"[{"provider": "acme", "model": "m", "input": 12345678.123456, "output": "18446744073709.551615"}]"#,
    );
    let price = table.lookup(Some("acme"), "m").unwrap().price;
    assert_eq!(
        (price.input, price.output),
        (Some(12_345_678_123_456), Some(u64::MAX))
    );
}

#[test]
fn faults_are_located() {
    for (json, message) in [
        (
            "[{\"model\": \"m\",\n  \"input\": \"3 USD\"}]",
            "2:12: input: not a decimal number",
        ),
        (
            "[{\"model\": \"m\", \"cache_read\": -1}]",
            "1:31: cache_read: a price cannot be negative",
        ),
        (
            "[{\"model\": \"m\",\n\"output\": 0.0000001}]",
            "2:11: output: more than six decimal places",
        ),
        (
            "[{\"model\": \"m\", \"input\": 1e30}]",
            "1:26: input: too large a price",
        ),
        (
            "[{\"model\": \"m\", \"cache_write_1h\": true}]",
            "1:35: cache_write_1h: not a decimal number",
        ),
        (
            "[{\"model\": \"m\",\n \"inptu\": 1}]",
            "2:8: unknown field `inptu`, expected one of `provider`, `model`, `above`, `input`, `output`, \
             `cache_read`, `cache_write`, `cache_write_1h`",
        ),
        ("[{\"input\": 1}]", "1:13: missing field `model`"),
        ("[\n{]", "2:2: key must be a string"),
        ("{}", "1:0: invalid type: map, expected a sequence"),
        ("", "1:0: EOF while parsing a value"),
    ] {
        let before = small("[]");
        let mut table = before.clone();
        let error = table.merge_overrides(json).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn files() {
    let folder = std::env::temp_dir().join(format!("sessionlog-prices-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("prices.json");
    let missing = PriceTable::with_overrides(&path).unwrap_err();
    assert!(matches!(missing, OverrideError::Read { .. }));
    assert!(
        missing
            .to_string()
            .starts_with(&format!("{}: ", path.display()))
    );

    fs::write(&path, r#"[{"model": "claude-opus-4-5", "input": "x"}]"#).unwrap();
    let error = PriceTable::with_overrides(&path).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{}:1:40: input: not a decimal number", path.display())
    );

    fs::write(&path, r#"[{"model": "claude-opus-4-5", "input": "4.5"}]"#).unwrap();
    let table = PriceTable::with_overrides(&path).unwrap();
    assert_eq!(
        input(&table, Some("anthropic"), "claude-opus-4-5-20251101"),
        Some(4_500_000)
    );
    assert_eq!(
        input(&table, Some("anthropic"), "claude-haiku-4-5"),
        Some(1_000_000)
    );
    fs::remove_dir_all(&folder).unwrap();
}
