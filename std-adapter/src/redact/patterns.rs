//! What secrets look like: prefixes and lengths as their issuers document them, or as their keys show.

/// Kind and pattern. The group `secret`, where there is one, is what is masked. Kinds that a later pattern would take too
/// come first.
pub(super) const PATTERNS: &[(&str, &str)] = &[
    (
        "private key",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    ("Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    ("OpenRouter key", r"\bsk-or-v1-[0-9a-f]{32,}"),
    (
        "OpenAI key",
        r"\bsk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}|\bsk-[A-Za-z0-9]{32,}\b",
    ),
    ("Google key", r"\bAIza[0-9A-Za-z_-]{35}"),
    (
        "Google token",
        r"\bya29\.[0-9A-Za-z_-]{20,}|\bGOCSPX-[0-9A-Za-z_-]{28}",
    ),
    ("xAI key", r"\bxai-[A-Za-z0-9]{40,}"),
    ("Groq key", r"\bgsk_[A-Za-z0-9]{40,}"),
    ("Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
    ("Replicate token", r"\br8_[A-Za-z0-9]{37,}"),
    ("Perplexity key", r"\bpplx-[A-Za-z0-9]{40,}"),
    ("AWS key id", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    (
        "AWS secret",
        r#"(?i:aws.{0,20}?secret.{0,20}?)["']?\s{0,3}[:=]\s{0,3}["']?(?P<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|\z)"#,
    ),
    ("Azure key", r"\bAccountKey=(?P<secret>[A-Za-z0-9+/]{86}==)"),
    (
        "GitHub token",
        r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_[A-Za-z0-9_]{22,255}\b",
    ),
    (
        "GitLab token",
        r"\bgl(?:pat|dt|rt|cbt|ptt|oas)-[A-Za-z0-9_-]{20,}",
    ),
    (
        "Slack token",
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/(?P<secret>[A-Z0-9]+/[A-Z0-9]+/[A-Za-z0-9]{16,})",
    ),
    (
        "Stripe key",
        r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9]{24,}",
    ),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("PyPI token", r"\bpypi-AgEI[A-Za-z0-9_-]{50,}"),
    ("crates.io token", r"\bcio[A-Za-z0-9]{32}\b"),
    (
        "SendGrid key",
        r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    ),
    ("Telegram token", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    (
        "web token",
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    ),
    (
        "bearer token",
        r"(?i:\bauthorization\b.{0,4}?\bbearer\s+)(?P<secret>[A-Za-z0-9._~+/-]{16,}=*)",
    ),
    (
        "password",
        r#"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"']*:(?P<secret>[^\s/@"']+)@"#,
    ),
];
