use super::*;
use crate::{SessionLog, testing};
use std::fs;

/// So many of these characters, in turn.
fn run(alphabet: &str, count: usize) -> String {
    alphabet.chars().cycle().take(count).collect()
}

const ALNUM: &str = "aB3dE5gH7jK9mN";
const HEX: &str = "0a1b2c3d4e5f";
const UPPER: &str = "ABCDEFGH234567";

/// Kind, a secret, and something that only looks like it. They are put together here so that no scanner of repositories
/// takes this file for a leak.
fn cases() -> Vec<(&'static str, String, String)> {
    let a = |prefix: &str, count| format!("{prefix}{}", run(ALNUM, count));
    let jwt = |last: usize| format!("eyJ{0}.eyJ{0}.{1}", run(ALNUM, 20), run(ALNUM, last));
    vec![
        ("Anthropic key", a("sk-ant-api03-", 90), a("sk-ant-", 10)),
        (
            "OpenRouter key",
            format!("sk-or-v1-{}", run(HEX, 64)),
            "sk-or-v1-0a1b".into(),
        ),
        (
            "OpenAI key",
            a("sk-proj-", 48),
            "sk-learn-is-a-library".into(),
        ),
        ("OpenAI key", a("sk-", 48), a("task-", 48)),
        ("Google key", a("AIza", 35), a("AIza", 30)),
        ("Google token", a("ya29.", 60), "ya29.short".into()),
        ("Google token", a("GOCSPX-", 28), a("GOCSPX-", 9)),
        ("xAI key", a("xai-", 80), "xai-grok-4-fast-reasoning".into()),
        ("Groq key", a("gsk_", 52), a("gsk_", 12)),
        ("Hugging Face token", a("hf_", 34), "hf_hub_download".into()),
        ("Replicate token", a("r8_", 37), a("r8_", 8)),
        ("Perplexity key", a("pplx-", 48), "pplx-api".into()),
        (
            "AWS key id",
            format!("AKIA{}", run(UPPER, 16)),
            format!("AKIA{}", run(UPPER, 20)),
        ),
        (
            "AWS secret",
            format!("aws_secret_access_key = \"{}\"", run(ALNUM, 40)),
            format!("aws_secret_name = \"{}\"", run(ALNUM, 20)),
        ),
        (
            "Azure key",
            format!("AccountName=n;AccountKey={}==;", run(ALNUM, 86)),
            format!("AccountKey={};", run(ALNUM, 30)),
        ),
        ("GitHub token", a("ghp_", 36), a("ghp_", 20)),
        ("GitHub token", a("github_pat_", 82), "github_pat_".into()),
        ("GitLab token", a("glpat-", 20), a("glpat-", 8)),
        ("Slack token", a("xoxb-1234567890-", 24), "xoxo-hugs".into()),
        (
            "Slack token",
            format!(
                "https://hooks.slack.com/services/{0}/{0}/{1}",
                run(UPPER, 9),
                run(ALNUM, 24)
            ),
            "https://hooks.slack.com/services/".into(),
        ),
        ("Stripe key", a("sk_live_", 24), a("sk_live_", 5)),
        ("npm token", a("npm_", 36), "npm_config_registry".into()),
        ("PyPI token", a("pypi-AgEI", 60), "pypi-publish".into()),
        ("crates.io token", a("cio", 32), "ciotola".into()),
        (
            "SendGrid key",
            format!("SG.{}.{}", run(ALNUM, 22), run(ALNUM, 43)),
            "SG.1.2".into(),
        ),
        ("Telegram token", a("123456789:AA", 33), a("123:AA", 33)),
        ("web token", jwt(43), jwt(3)),
        (
            "bearer token",
            a("Authorization: Bearer ", 32),
            "Authorization: Bearer <token>".into(),
        ),
        (
            "password",
            format!("postgres://app:{}@db.example/main", run(ALNUM, 20)),
            "http://localhost:8080/a@b".into(),
        ),
        (
            "private key",
            format!(
                "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
                run(ALNUM, 64)
            ),
            "-----BEGIN PUBLIC KEY-----".into(),
        ),
    ]
}

#[test]
fn each_pattern_masks_its_secrets_and_no_others() {
    let mut masked_kinds = std::collections::HashSet::new();
    for (kind, secret, miss) in cases() {
        masked_kinds.insert(kind);
        for around in ["", " in the middle of it "] {
            let said = format!("before {secret}{around}");
            let masked = text(&said);
            let mark = format!("[redacted: {kind}]");
            assert!(masked.contains(&mark), "{kind}: {masked}");
            let longest = secret
                .split(|c: char| !c.is_ascii_alphanumeric())
                .max_by_key(|s| s.len());
            assert!(!masked.contains(longest.unwrap()), "{kind}: {masked}");
            assert!(
                masked.starts_with("before ") && masked.ends_with(around),
                "{masked}"
            );
        }
        assert_eq!(text(&miss), miss, "{kind}");
        assert_eq!(
            text(&text(&secret)),
            text(&secret),
            "{kind}: once is enough"
        );
    }
    let kinds = PATTERNS.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(masked_kinds, kinds, "every pattern is tried");
}

#[test]
fn what_stands_around_stays() {
    let key = format!("ghp_{}", run(ALNUM, 36));
    assert_eq!(
        text(&format!(
            "GITHUB_TOKEN={key}; curl -u x:{key} https://u:pass@h/"
        )),
        "GITHUB_TOKEN=[redacted: GitHub token]; curl -u x:[redacted: GitHub token] https://u:[redacted: password]@h/"
    );
    // A block that is cut off is masked to its end.
    let cut = format!("key: -----BEGIN PRIVATE KEY-----\n{}", run(ALNUM, 64));
    assert_eq!(text(&cut), "key: [redacted: private key]");
    assert!(matches!(text("nothing to see"), Cow::Borrowed(_)));
}

#[test]
fn json_keeps_its_other_bytes() {
    let key = format!("AIza{}", run(ALNUM, 35));
    let before = format!(
        r#"{{"a" : 1.50e3,"q":"\"\\\u00e9","k":["x","env {key}\n",{{"n":{{}}}}],"b":"{{\"deep\":\"{key}\"}}"}}"#
    );
    let after = json(&before).unwrap();
    assert_eq!(after, before.replace(&key, "[redacted: Google key]"));
    let escaped = format!(r#"["\u0041Iza{}"]"#, run(ALNUM, 35));
    assert_eq!(json(&escaped).unwrap(), r#"["[redacted: Google key]"]"#);
    assert!(json(r#"["\x"]"#).is_err());
    let plain = r#"{"a":[1,"b"]}"#;
    assert!(matches!(json(plain).unwrap(), Cow::Borrowed(_)));
}

#[test]
fn a_masked_session_means_the_same() {
    let key = format!("sk-proj-{}", run(ALNUM, 48));
    let secret =
        |id, parent| testing::sealed(&testing::user(id, parent, &format!("my key is {key}")));
    let (a, b) = (secret("a", None), secret("b", Some("a")));
    let c = testing::user("c", Some("lost"), &key);
    let d = testing::user("d", Some("gone"), "fused");
    let end = testing::leaf("c");
    let whole = format!(
        "{}\n \n{a}\n{b}\n{{\"torn {key}{d}\n\0{key}\n{c}\n{end}\n{{\"type\":\"mess {key}",
        testing::HEADER
    );
    let (_dir, path) = testing::file(whole.as_bytes());
    let log = SessionLog::open(&path).unwrap();
    let masked = redacted(&log).unwrap();
    assert_eq!(
        (masked.health(), masked.context()),
        (log.health(), log.context())
    );
    let lines = |log: &SessionLog| log.nodes().map(|node| node.line).collect::<Vec<_>>();
    assert_eq!(lines(&masked), lines(&log));
    assert_eq!(masked.problems().len(), log.problems().len());
    for index in 0..log.node_count() {
        let record = String::from_utf8(masked.read_record(index).unwrap()).unwrap();
        assert!(!record.contains(&key), "{record}");
        let text = String::from_utf8(log.read_record(index).unwrap()).unwrap();
        assert_eq!(
            record.contains("[redacted: OpenAI key]"),
            text.contains(&key)
        );
        assert_eq!(record.contains("\"crc\""), text.contains("\"crc\""));
    }
    // The log itself is as it was, and nothing lies beside it.
    assert_eq!(fs::read(&path).unwrap(), whole.as_bytes());
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}
