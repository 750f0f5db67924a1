use super::*;
use proptest::prelude::*;

/// Text in which what is dangerous is frequent, and stands next to what makes it harmless.
fn hostile() -> impl Strategy<Value = String> {
    let unprintable = prop_oneof![
        Just('\u{1b}'),
        Just('\u{9b}'),
        Just('\u{202e}'),
        Just('\u{2066}'),
        Just('\u{200b}'),
        Just('\u{feff}'),
        Just('\u{2028}'),
        Just('\u{e0041}'),
        Just('\u{fe0f}'),
        Just('\u{fe00}'),
        Just(JOINER),
        Just(JOINER),
        proptest::char::range('\0', '\u{a0}'),
    ];
    let visible = prop_oneof![
        Just('👩'),
        Just('💻'),
        Just('❤'),
        Just('e'),
        Just('\u{301}'),
        Just('漢'),
        Just(' '),
        Just('\n'),
        Just('\r'),
        Just('\\'),
        any::<char>(),
    ];
    proptest::collection::vec(prop_oneof![unprintable, visible], 0..60)
        .prop_map(|chars| chars.into_iter().collect())
}

/// Nothing unprintable, but what `Base` accepts where it stands and the white space that `kept` names.
fn assert_clean(text: &str, kept: &[char]) {
    let mut base = Base::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let accepted = base.accepts(c, chars.peek().copied());
        assert!(accepted || kept.contains(&c), "{c:?} in {text:?}");
    }
}

/// The plainest statement of the rule, for the characters that are never harmless.
fn assert_nothing_dangerous(text: &str, kept: &[char]) {
    for c in text.chars() {
        let dangerous = c.is_control()
            || matches!(
                c,
                '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            )
            || matches!(
                c,
                '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}' | '\u{ad}'
            )
            || matches!(c, '\u{e0000}'..='\u{e0fff}');
        assert!(!dangerous || kept.contains(&c), "{c:?} in {text:?}");
    }
}

proptest! {
    #[test]
    fn fields_are_clean(text in hostile()) {
        let shown = field(&text);
        assert_clean(&shown, &[]);
        assert_nothing_dangerous(&shown, &[]);
        prop_assert_eq!(field(&shown), shown.as_ref());
    }

    #[test]
    fn many_lines_are_clean(text in hostile()) {
        let shown = multi_line(&text);
        assert_clean(&shown, &['\n', '\t']);
        assert_nothing_dangerous(&shown, &['\n', '\t']);
        prop_assert_eq!(multi_line(&shown), shown.as_ref());
    }

    #[test]
    fn one_line_is_clean_and_fits(text in hostile(), width in 0usize..40) {
        let shown = single_line(&text, width);
        assert_clean(&shown, &[]);
        assert_nothing_dangerous(&shown, &[]);
        prop_assert!(shown.width() <= width, "{} columns: {shown:?}", shown.width());
        prop_assert_eq!(single_line(&shown, width), shown.as_ref());
        if width > 0 {
            prop_assert_eq!(shown.is_empty(), text.trim_matches(is_space).is_empty());
        }
    }

    #[test]
    fn cutting_keeps_clean_text_clean(text in hostile(), width in 0usize..40) {
        let clean = field(&text);
        let shown = truncate(&clean, width);
        assert_clean(&shown, &[]);
        prop_assert!(shown.width() <= width);
        if clean.width() <= width && clean.len() <= width * BYTES_PER_COLUMN {
            prop_assert_eq!(shown.as_ref(), clean.as_ref());
        }
    }

    #[test]
    fn json_keeps_its_value(text in hostile()) {
        let value = serde_json::json!({ "text": text.clone(), text: [1, null] });
        for written in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let shown = json(&written);
            assert_nothing_dangerous(&shown, &['\n']);
            prop_assert!(!shown.contains(|c| c != '\n' && is_unprintable(c)));
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&shown).unwrap(), &value);
        }
    }
}

#[test]
fn harmless_text_is_borrowed() {
    for text in [
        "",
        "plain",
        "Grüße, 漢字, עברית, 👩‍💻 ❤️ 1️⃣",
        "ends with space ",
    ] {
        assert!(matches!(field(text), Cow::Borrowed(same) if same == text));
        assert!(matches!(multi_line(text), Cow::Borrowed(same) if same == text));
        assert!(matches!(json("\"plain\"\n"), Cow::Borrowed(_)));
        assert!(matches!(single_line(text, 80), Cow::Borrowed(_)));
        assert_eq!(single_line(text, 80), text.trim_end());
    }
    assert!(matches!(multi_line("a\n\tb\n"), Cow::Borrowed(_)));
}

#[test]
fn each_kind_is_shown() {
    let cases = [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        (
            "\x1b]8;;http://x\x07link\x1b]8;;\x07",
            "␛]8;;http://x␇link␛]8;;␇",
        ),
        ("\u{9b}31m", "\\u{9b}31m"),
        ("nul\0del\x7f", "nul␀del␡"),
        ("rm \u{202e}txt.sh", "rm \\u{202e}txt.sh"),
        ("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
        ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
        ("so\u{ad}ft", "so\\u{ad}ft"),
        ("tag\u{e0041}", "tag\\u{e0041}"),
        ("a\u{3164}b", "a\\u{3164}b"),
        ("a\u{2028}b", "a\\u{2028}b"),
        // Joiners and selectors only where they make one picture.
        ("a\u{200d}b", "a\\u{200d}b"),
        ("👩\u{200d}\u{200d}💻", "👩\\u{200d}\\u{200d}💻"),
        ("👩\u{200d}", "👩\\u{200d}"),
        ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}\\u{fe0f}"),
        ("\u{fe0f}x", "\\u{fe0f}x"),
        ("❤\u{fe0f}\u{200d}🔥", "❤\u{fe0f}\u{200d}🔥"),
    ];
    for (text, expected) in cases {
        assert_eq!(field(text), expected);
        assert_eq!(multi_line(text), expected);
        assert_eq!(single_line(text, 100).replace(' ', ""), {
            let spaced = expected.replace("\\u{2028}", " ");
            spaced.replace(' ', "")
        });
    }
    assert_eq!(field("a\tb\r\nc"), "a␉b␍␊c");
    assert_eq!(multi_line("a\r\r\nb\rc"), "a␍\nb␍c");
}

#[test]
fn one_line_is_cut_between_characters() {
    assert_eq!(single_line("  a \r\n\t b\u{85}c  ", 80), "a b c");
    assert_eq!(single_line("abcdef", 6), "abcdef");
    assert_eq!(single_line("abcdefg", 6), "abcde…");
    assert_eq!(single_line("abcd efg", 6), "abcd…");
    assert_eq!(single_line("漢字漢字", 6), "漢字…");
    assert_eq!(single_line("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
    assert_eq!(single_line("👩‍💻👩‍💻", 3), "…");
    assert_eq!(single_line("abc", 1), "…");
    assert_eq!(single_line("abc", 0), "");
}

#[test]
fn a_long_text_costs_what_is_shown() {
    let marks = format!("a{}", "\u{301}".repeat(1_000_000));
    let shown = single_line(&marks, 10);
    assert!(shown.len() <= 10 * BYTES_PER_COLUMN + ELLIPSIS.len_utf8());
    assert!(shown.ends_with(ELLIPSIS));
}

#[test]
fn a_cut_leaves_no_joiner_behind() {
    let marks = "\u{301}".repeat(60);
    let text = format!("e{marks}👩\u{200d}💻");
    // The bytes that four columns may take end between the joiner and what it joins.
    assert_eq!(text.len() - "💻".len(), 4 * BYTES_PER_COLUMN);
    assert_eq!(truncate(&text, 4), format!("e{marks}👩…"));
}

/// Held against another's tables: those of `regex`, which are of Unicode 16. Unicode 17 adds no format character.
#[test]
fn whole_categories_are_unprintable() {
    let hidden = regex::Regex::new(r"^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]$").unwrap();
    let mut buffer = [0; 4];
    let all = ('\0'..=char::MAX).filter(|c| hidden.is_match(c.encode_utf8(&mut buffer)));
    let passed: Vec<char> = all.filter(|c| !is_unprintable(*c)).collect();
    assert_eq!(passed, []);
    // What can be seen goes through, but for the marks of category Cf that are drawn around others.
    let seen = regex::Regex::new(r"^[\p{L}\p{N}\p{P}\p{S}\p{Zs}\p{Co}]$").unwrap();
    let fillers = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];
    for c in ('\0'..=char::MAX).filter(|c| is_unprintable(*c) && !fillers.contains(c)) {
        assert!(!seen.is_match(c.encode_utf8(&mut buffer)), "{c:?}");
    }
}
