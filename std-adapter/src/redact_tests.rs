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
            "AccountKey=<your key>;".into(),
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
        ("Google key", a("AQ.", 50), "AQ.is.a.prefix".into()),
        ("Google token", a("1//0", 60), "http://h/1//0/x".into()),
        ("Cerebras key", a("csk-", 48), "csk-model".into()),
        ("NVIDIA key", a("nvapi-", 64), a("nvapi-", 20)),
        (
            "Fireworks key",
            a("fw_", 24),
            "fw_update_image_from_the_host".into(),
        ),
        ("Tavily key", a("tvly-dev-", 32), "tvly-python".into()),
        ("Jina key", a("jina_", 60), "jina_embeddings_v3".into()),
        (
            "AWS secret",
            format!("AKIA{},{}", run(UPPER, 16), run(ALNUM, 40)),
            format!("key-AKIA, {}", run(ALNUM, 40)),
        ),
        (
            "Azure key",
            format!(
                "SharedAccessKeyName=Root;SharedAccessKey={}=",
                run(ALNUM, 43)
            ),
            "SharedAccessKeyName=Root;SharedAccessKey=;".into(),
        ),
        (
            "Azure signature",
            format!("https://h/c?sv=1&sig={}%3D", run(ALNUM, 43)),
            "https://h/c?sv=1&sig=none".into(),
        ),
        ("Azure client secret", a("abc8Q~", 34), "abc8Q~short".into()),
        (
            "DigitalOcean token",
            format!("dop_v1_{}", run(HEX, 64)),
            "dop_v1_0a1b".into(),
        ),
        (
            "Databricks token",
            format!("dapi{}", run(HEX, 32)),
            format!("dapi{}", run(HEX, 40)),
        ),
        ("Atlassian token", a("ATATT3xFfGF0", 180), a("ATATT3", 9)),
        (
            "Shopify token",
            format!("shpat_{}", run(HEX, 32)),
            "shpat_theme".into(),
        ),
        ("Slack token", a("xoxc-1-2-3-", 64), "xoxc-".into()),
        ("Slack token", a("xoxd-", 60), a("xoxd-", 6)),
        ("Slack token", a("xapp-1-", 40), "xapp-x".into()),
        (
            "Discord token",
            format!("M{}.Cl2FMQ.{}", run(ALNUM, 23), run(ALNUM, 27)),
            "Module.method.call".into(),
        ),
        ("Linear key", a("lin_api_", 40), "lin_api_client".into()),
        ("Notion token", a("ntn_", 46), "ntn_block".into()),
        ("Notion token", a("secret_", 43), a("secret_", 12)),
        (
            "Supabase key",
            format!("sbp_{}", run(HEX, 40)),
            "sbp_0a1b".into(),
        ),
        (
            "Twilio key",
            format!("SK{}", run(HEX, 32)),
            format!("SK{}", run(HEX, 20)),
        ),
        ("Vault token", a("hvs.", 90), "hvs.read".into()),
        ("Docker token", a("dckr_pat_", 27), "dckr_pat_".into()),
        (
            "Grafana token",
            format!("glsa_{}_{}", run(ALNUM, 32), run(HEX, 8)),
            "glsa_token".into(),
        ),
        ("Sentry token", a("sntrys_", 100), "sntrys_".into()),
        (
            "Postman key",
            format!("PMAK-{}-{}", run(HEX, 24), run(HEX, 34)),
            "PMAK-0a1b".into(),
        ),
        (
            "age key",
            format!("AGE-SECRET-KEY-1{}", run(UPPER, 58)),
            "AGE-SECRET-KEY-1".into(),
        ),
        (
            "RubyGems key",
            format!("rubygems_{}", run(HEX, 48)),
            "rubygems_version".into(),
        ),
        (
            "Mailgun key",
            format!("key-{}", run(HEX, 32)),
            "key-0a1b2c".into(),
        ),
        (
            "credentials",
            a("Authorization: Basic ", 24),
            "Authorization: Basic is not safe".into(),
        ),
        (
            "credentials",
            format!("authorization: token {}", run(HEX, 40)),
            "authorization: token <token>".into(),
        ),
        (
            "cookie",
            a("Set-Cookie: sid=", 24),
            "cookie: a small file".into(),
        ),
        (
            "password",
            format!("postgres://app:x@y{}@db.example/main", run(ALNUM, 20)),
            "see https://docs.rs:443/foo and mail me@x.org".into(),
        ),
        (
            "password",
            format!("postgres://app:x'y{}@db.example/main", run(ALNUM, 20)),
            "'http://host:80','x@y.org'".into(),
        ),
        (
            "password",
            format!("postgres://app:x/y{}@db.example/main", run(ALNUM, 20)),
            "postgres://db:5432/a@b".into(),
        ),
        (
            "private key",
            format!(
                "Private-Lines: 1\r\n{}\r\nPrivate-MAC: {}",
                run(ALNUM, 64),
                run(HEX, 64)
            ),
            "Private-Lines: 14 of them".into(),
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
    let kinds = SHAPES.iter().chain(KEYS).map(|(kind, _)| *kind).collect();
    assert_eq!(masked_kinds, kinds, "every pattern is tried");
}

#[test]
fn a_key_behind_an_escape_or_a_colour_is_masked() {
    let jsons = cases().into_iter().filter(|(kind, ..)| {
        let shape = SHAPES.iter().any(|(shape, _)| shape == kind);
        !shape && *kind != "web token"
    });
    for (kind, key, _) in jsons {
        for before in [
            "\n",
            "\t",
            r"\n",
            r"\\n",
            r"\\\\r\\\\n",
            r"\t",
            r#"\""#,
            r"\u000a",
            "KEY_",
            "%20",
            "é",
            "\u{1b}[31m",
            "\u{1b}[0;1;31m",
            r"\u001b[31m",
            r"\x1b[m",
            r"\033[0m",
            "(",
            "=",
        ] {
            let said = format!("a{before}{key}");
            let masked = format!("a{before}[redacted: {kind}]");
            assert_eq!(text(&said), masked, "{kind} {before}");
        }
    }
    // A letter is a part of it where no escape begins.
    let stays = format!("task-{}", run(ALNUM, 40));
    assert_eq!(text(&stays), stays);
    let key = format!("ghp_{}", run(ALNUM, 36));
    let file = serde_json::json!({ "content": format!("tokens:\n{key}\n{key}\tend") }).to_string();
    for said in [file.clone(), serde_json::to_string(&file).unwrap()] {
        let masked = text(&said);
        assert_eq!(masked, said.replace(&key, "[redacted: GitHub token]"));
    }
}

#[test]
fn what_a_name_says_to_be_secret_is_masked() {
    let v = &run(ALNUM, 40);
    for (said, masked) in [
        (format!("X_API_KEY={v} x"), "X_API_KEY=[redacted: key] x"),
        (
            format!("export TOKEN='{v}'"),
            "export TOKEN='[redacted: token]'",
        ),
        (
            format!(r"a\nMY_SECRET={v}\nB=1"),
            r"a\nMY_SECRET=[redacted: secret]\nB=1",
        ),
        (
            format!("DB_PASSWORD={}", "hunter"),
            "DB_PASSWORD=[redacted: password]",
        ),
        (format!("x-api-key: {v}"), "x-api-key: [redacted: key]"),
        (
            format!("password = {v}\nuser = x"),
            "password = [redacted: password]\nuser = x",
        ),
        (
            format!("https://h/?api_key={v}&q=1"),
            "https://h/?api_key=[redacted: key]&q=1",
        ),
        (
            format!("run --api-key {v} now"),
            "run --api-key [redacted: key] now",
        ),
        (
            format!(r#"{{"SecretAccessKey": "{v}","SessionToken":"{v}"}}"#),
            r#"{"SecretAccessKey": "[redacted: key]","SessionToken":"[redacted: token]"}"#,
        ),
        (
            format!(r#"{{\"clientSecret\":\"{v}\",\"n\":1}}"#),
            r#"{\"clientSecret\":\"[redacted: secret]\",\"n\":1}"#,
        ),
        (
            r#""{\\\"password\\\":\\\"a\\\\\\\"b{c}1\\\"}""#.to_owned(),
            r#""{\\\"password\\\":\\\"[redacted: password]\\\"}""#,
        ),
        (
            format!(r#""Proxy-Authorization": "Digest {v}, x""#),
            r#""Proxy-Authorization": "Digest [redacted: credentials]""#,
        ),
        (
            format!(r#"env["API_KEY"] = "{v}"; h[\"Authorization\"] = \"Bearer {v}\""#),
            r#"env["API_KEY"] = "[redacted: key]"; h[\"Authorization\"] = \"Bearer [redacted: credentials]\""#,
        ),
        (
            format!("<password>{v}</password>"),
            "<password>[redacted: password]</password>",
        ),
    ] {
        assert_eq!(text(&said), masked);
        assert_eq!(text(masked), masked, "once is enough");
    }
    for said in [
        "input_tokens: 1200000000000000, max_token=1",
        "password: string; api_key: Option<String>",
        "let token = parser.next_token();",
        "password = get_password1(user)",
        "api_key=os.environ['OPENAI_API_KEY1']",
        r#"{"api_key": "$OPENAI_API_KEY", "password": "<password1>", "token": "your-token-1234567890"}"#,
        r#""nextPageToken": "aB3dE5gH7jK9mNaB3dE5gH""#,
        r#""password": "Enter your password""#,
        r#""token": "the""#,
        "PASSWORD=xxxxxxxx API_KEY=... API_TOKEN=$(cat /run/token)",
        "the password is needed, a secret: nobody knows",
        "TOKEN=/run/secrets/token1",
        "<password>Password</password> if token > 1 && secret >= 20",
        "sort key: aB3dE5gH7jK9mNaB3dE5gH",
        "",
        "password=",
        "password:\"",
        "password:\"\\",
    ] {
        assert_eq!(text(said), said);
    }
}

#[test]
fn members_that_are_named_so_are_masked() {
    let v = &run(ALNUM, 40);
    let before = format!(
        r#"{{"password":1,"d":{{"headers":{{"Authorization":"Bearer {v}","X-Api-Key":["{v}", "{v}"],"n":"{v}"}}}},"aws_secret_access_key" : "{v}","h":[{{"name":"Cookie","value":"id=ab1; x"}},{{"name":"n","value":"{v}"}}],"password":{{"type":"{v}"}},"token":"short","input_tokens":5}}"#
    );
    let after = before
        .replace(&format!("Bearer {v}"), "Bearer [redacted: credentials]")
        .replace(
            &format!(r#"["{v}", "{v}"]"#),
            r#"["[redacted: key]", "[redacted: key]"]"#,
        )
        .replace(&format!(r#" : "{v}""#), r#" : "[redacted: key]""#)
        .replace("id=ab1; x", "[redacted: cookie]");
    let masked = json(&before).unwrap();
    assert_eq!(masked, after);
    // The name of a member, too; what links a record stays, but for the id of a header.
    let key = &format!("ghp_{}", run(ALNUM, 36));
    let said = format!(r#"{{"type":"{key}","id":"{key}","{key}":"{key}"}}"#);
    let mark = "[redacted: GitHub token]";
    assert_eq!(
        record(&said).unwrap(),
        format!(r#"{{"type":"{key}","id":"{key}","{mark}":"{mark}"}}"#)
    );
    assert_eq!(
        header(&said).unwrap(),
        format!(r#"{{"type":"{key}","id":"{mark}","{mark}":"{mark}"}}"#)
    );
}

/// Each of these took a time that grew with the square of its length, were it matched by trying again from every place.
#[test]
fn long_texts_that_nearly_match_cost_little() {
    let n = 200_000;
    for said in [
        "a".repeat(n),
        "password".repeat(n / 8),
        "password:\"".repeat(n / 10),
        "token:\\\"'".repeat(n / 10),
        "a://b:".repeat(n / 6),
        "postgres://b:c/".repeat(n / 15),
        "a://b:c@".repeat(n / 8),
        "password[".repeat(n / 9),
        "password:[\"".repeat(n / 11),
        "password:[{\"a\":1,".repeat(n / 17),
        "\"password\",\"a\":1,".repeat(n / 17),
        "password:[\"a\",\"a=\",".repeat(n / 20),
        format!("passwords:[{}", "\"a\",".repeat(n / 4)),
        format!("password{}", " ".repeat(n)),
        "password \n".repeat(n / 10),
        "curl -u a ".repeat(n / 10),
        "machine a.b login c ".repeat(n / 20),
        (0..600)
            .map(|k| format!("token:{}\"", "\\".repeat(k)))
            .collect(),
        (0..600)
            .map(|k| format!("token:[{}\"a", "\\".repeat(600 - k)))
            .collect(),
    ] {
        let start = std::time::Instant::now();
        let _ = text(&said);
        let took = start.elapsed();
        assert!(took.as_secs() < 20, "{took:?}: {}", &said[..20]);
    }
}

/// What looks like a secret, and is none.
#[test]
fn near_misses_stay() {
    let hex = run(HEX, 64);
    let stays = [
        "sk-learn is a package",
        "AKIA is a prefix",
        "https://example.com:8080/@user",
        "https://host:8080/@scope/pkg",
        "git@github.com:foo/bar.git",
        "ssh://git@host:22/x",
        "user@host: ok, time 12:34:56 user@host",
        "https://[::1]:80/@x",
        "http://a:b/c@d",
        "AIzaShort eyJhbGci pypi-server glpat- xoxo-love",
        "0196f7b4-6c00-7abc-8def-0123456789ab",
        "sk-abc-def-abc-def-abc-def-",
        "risk-free-sk-management-of-assets-in-markets",
        "the private key is in -----BEGIN no",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ];
    let hashes = [format!("commit {}", &hex[..40]), format!("sha256:{hex}")];
    for said in stays.into_iter().chain(hashes.iter().map(String::as_str)) {
        assert_eq!(text(said), said);
    }
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
