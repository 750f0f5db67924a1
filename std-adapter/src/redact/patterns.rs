//! What secrets look like: prefixes and lengths as their issuers document them, or as their keys show.

/// What may stand before a key: anything but a letter or a digit. A letter or digits that end an escape do as well: of a
/// line break in a JSON string that is part of a text, of a colour in a terminal, of an address.
pub(super) const BEFORE: &str = r"(?:^|[^A-Za-z0-9]|\\[abefnrtv]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[0-7]{3}|\[[0-9;]{0,12}[mK]|%[0-9A-Fa-f]{2})";

/// Kind and pattern of what is told by what stands around it. The group `secret`, where there is one, is what is masked.
/// They come before [`KEYS`].
pub(super) const SHAPES: &[(&str, &str)] = &[
    (
        "private key",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    (
        "private key",
        r"Private-Lines: ?[0-9]+(?:\\|[nr\s])+(?P<secret>[A-Za-z0-9+/]{16}(?s:.*?)(?:Private-(?:MAC|Hash): ?[0-9a-f]+|\z))",
    ),
    (
        "AWS secret",
        r#"(?i:aws.{0,20}?secret.{0,20}?)\\*["']?\s{0,3}[:=]\s{0,3}\\*["']?(?P<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|\z)"#,
    ),
    // As AWS gives both in a table.
    (
        "AWS secret",
        r#"(?:AKIA|ASIA)[A-Z2-7]{16}\\*["']?(?:[ ,;|]|\\?t|\t){1,6}\\*["']?(?P<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|\z)"#,
    ),
    (
        "Azure key",
        r"\b(?:AccountKey|SharedAccessKey|AccessKey)=(?P<secret>[A-Za-z0-9+/]{40,}={0,2})",
    ),
    (
        "Azure signature",
        r"[?&;]sig=(?P<secret>[A-Za-z0-9%+/]{40,}={0,2})",
    ),
    (
        "Slack token",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Z0-9]+/[A-Z0-9]+/(?:[0-9]+/)?[A-Za-z0-9]{16,})",
    ),
    (
        "Discord token",
        r"\bdiscord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]{15,21}/(?P<secret>[A-Za-z0-9_-]{40,})",
    ),
    (
        "bearer token",
        r#"(?i:authorization\b.{0,4}?\bbearer(?:\s+|%20|\+))(?P<secret>[A-Za-z0-9._~+/-]{16,}=*)"#,
    ),
    (
        "credentials",
        r#"(?i:authorization\b.{0,4}?\b(?:basic|token|apikey|negotiate)(?:\s+|%20|\+))(?P<secret>[A-Za-z0-9._~+/-]{12,}=*)"#,
    ),
    (
        "cookie",
        r#"(?i:\b(?:set-)?cookie\\*["']?\s{0,3}:\s{0,3}\\*["']?)(?P<secret>[A-Za-z0-9!#$%&'*+.^_`|~-]+=[^\s;"'\\]+(?:; ?[^\s;"'\\]+)*)"#,
    ),
    // Up to the last `@` before the host.
    (
        "password",
        r#"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'<>]*:(?P<secret>(?:[^\s/@"'<>]|'[A-Za-z0-9])+(?:@(?:[^\s/@"'<>?#,\\]|'[A-Za-z0-9])*)*)@"#,
    ),
    // With a `/`, which is only taken for a part of it where no path with an `@` is expected, and the part before it is no port.
    (
        "password",
        r#"\b(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|mssql|sqlserver|oracle|clickhouse|cockroachdb|nats|ldaps?|smtps?|imaps?)(?:\+[a-z0-9]+)?://[^\s/:@"'<>]*:(?P<secret>[^\s/@"'<>]*[^\s/@"'<>0-9,:][^\s/@"'<>]*/[^\s"<>]*)@[A-Za-z0-9\[]"#,
    ),
];

/// Kind and pattern of keys that are told by their own form; [`BEFORE`] stands before each. Kinds that a later pattern would
/// take too come first.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("Anthropic key", r"sk-ant-[A-Za-z0-9_-]{20,}"),
    ("OpenRouter key", r"sk-or-v1-[0-9a-f]{32,}"),
    (
        "OpenAI key",
        r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{32,}\b",
    ),
    (
        "Google key",
        r"AIza[0-9A-Za-z_-]{35}|AQ\.[0-9A-Za-z_-]{40,}",
    ),
    (
        "Google token",
        r"ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{28}|1//0[0-9A-Za-z_-]{40,}",
    ),
    ("xAI key", r"xai-[A-Za-z0-9]{40,}"),
    ("Groq key", r"gsk_[A-Za-z0-9]{40,}"),
    ("Cerebras key", r"csk-[A-Za-z0-9]{40,}"),
    ("NVIDIA key", r"nvapi-[A-Za-z0-9_-]{60,}"),
    ("Fireworks key", r"fw_[A-Za-z0-9]{22,}\b"),
    ("Tavily key", r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{24,}"),
    ("Jina key", r"jina_[A-Za-z0-9_-]{50,}"),
    ("Hugging Face token", r"hf_[A-Za-z0-9]{30,}"),
    ("Replicate token", r"r8_[A-Za-z0-9]{37,}"),
    ("Perplexity key", r"pplx-[A-Za-z0-9]{40,}"),
    ("AWS key id", r"(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    (
        "Azure client secret",
        r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,}",
    ),
    ("DigitalOcean token", r"do[opr]_v1_[0-9a-f]{64}"),
    ("Databricks token", r"dapi[0-9a-f]{32}\b"),
    (
        "GitHub token",
        r"gh[pousr]_[A-Za-z0-9]{36,255}\b|github_pat_[A-Za-z0-9_]{22,255}\b",
    ),
    (
        "GitLab token",
        r"gl(?:pat|dt|rt|cbt|ptt|oas)-[A-Za-z0-9_-]{20,}",
    ),
    ("Atlassian token", r"ATATT3[A-Za-z0-9_=-]{60,}"),
    ("Shopify token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    (
        "Slack token",
        r"xox[abceoprs]-[A-Za-z0-9-]{10,}|xoxd-[A-Za-z0-9%+/=-]{20,}|xapp-[0-9]-[A-Za-z0-9-]{10,}",
    ),
    (
        "Discord token",
        r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",
    ),
    (
        "Stripe key",
        r"[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{24,}",
    ),
    ("Linear key", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    (
        "Notion token",
        r"ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}\b",
    ),
    (
        "Supabase key",
        r"sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,}",
    ),
    ("Twilio key", r"SK[0-9a-f]{32}\b"),
    ("Vault token", r"hv[brs]\.[A-Za-z0-9_-]{24,}"),
    ("Docker token", r"dckr_[op]at_[A-Za-z0-9_-]{27,}"),
    (
        "Grafana token",
        r"glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}|glc_[A-Za-z0-9+/=]{32,}",
    ),
    (
        "Sentry token",
        r"sntrys_[A-Za-z0-9+/=_-]{40,}|sntryu_[0-9a-f]{64}",
    ),
    ("Postman key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    ("age key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    ("npm token", r"npm_[A-Za-z0-9]{36}\b"),
    ("PyPI token", r"pypi-AgEI[A-Za-z0-9_-]{50,}"),
    ("crates.io token", r"cio[A-Za-z0-9]{32}\b"),
    ("RubyGems key", r"rubygems_[0-9a-f]{48}"),
    ("SendGrid key", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    ("Mailgun key", r"key-[0-9a-f]{32}\b"),
    ("Telegram token", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    (
        "web token",
        r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    ),
];

/// Kind and pattern of what is told by the words before it, in a command, which may be a list of strings too, and in netrc.
/// They come after [`KEYS`], which say more.
pub(super) const WORDS: &[(&str, &str)] = &[
    (
        "password",
        r#"\bcurl\b[^\n|;&]*?[\s"'](?:-u|--user|--proxy-user)(?:[ =]|\\*["'],\s?)?(?:\\*["'])?[A-Za-z0-9_.@+-]+:(?P<secret>[^\s"'`$<>{}%()\[\]\\:/][^\s"'`\\<>]{3,})"#,
    ),
    (
        "password",
        r#"\bsshpass(?:\s+|\\*["'],\s?\\*["'])-p(?:\\*["'],)?\s?(?:\\*["'])?(?P<secret>[^\s"'`$<>{}%()\[\]\\][^\s"'`\\<>]{3,})"#,
    ),
    // As netrc has it, in one line or in several.
    (
        "password",
        r#"\b(?:machine(?:\s|\\+n)+[A-Za-z0-9-]+\.[A-Za-z0-9.-]+|machine localhost|default)(?:\s|\\+[nt])+login(?:\s|\\+[nt])+[^\s\\]+(?:\s|\\+[nt])+password(?:\s|\\+[nt])+(?P<secret>[^\s"'`$<>{}%()\[\]\\][^\s"'`\\<>]{3,})"#,
    ),
];
