//! Names of providers and models: aliases, vendors, version suffixes. All names are in lower case here.

/// The providers of the built-in table, and the other names that they go by.
const PROVIDERS: &[(&str, &[&str])] = &[
    ("anthropic", &["claude"]),
    (
        "openai",
        &[
            "openai-responses",
            "openai-chat",
            "openai-completions",
            "openai-compatible-openai",
        ],
    ),
    (
        "google",
        &[
            "gemini",
            "google-ai",
            "google-gemini",
            "googleai",
            "google-generative-ai",
        ],
    ),
    (
        "vertex",
        &[
            "vertex-ai",
            "vertexai",
            "google-vertex",
            "google-vertex-anthropic",
        ],
    ),
    (
        "bedrock",
        &[
            "amazon-bedrock",
            "aws-bedrock",
            "bedrock-converse",
            "amazon",
        ],
    ),
    (
        "azure",
        &["azure-openai", "azure-openai-responses", "azure-ai"],
    ),
    ("mistral", &["mistralai", "mistral-ai"]),
    ("deepseek", &["deepseek-ai"]),
    ("xai", &["x-ai", "grok"]),
    ("groq", &[]),
    ("cohere", &["cohere-chat"]),
    ("moonshot", &["moonshotai", "moonshot-ai", "kimi"]),
    ("qwen", &["dashscope", "alibaba"]),
    ("zai", &["z-ai", "zhipu", "zhipuai"]),
    ("cerebras", &[]),
    ("minimax", &["minimaxai"]),
];

/// Where models run on the user's own machine or under a flat fee: a token has no price.
const UNPRICED: &[&str] = &[
    "chatgpt",
    "github-copilot",
    "copilot",
    "llama-cpp",
    "llamacpp",
    "lmstudio",
    "lm-studio",
    "ollama",
    "vllm",
];

/// Who makes a model, by how its name begins.
const VENDORS: &[(&str, &str)] = &[
    ("claude", "anthropic"),
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("codex-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini", "google"),
    ("mistral", "mistral"),
    ("ministral", "mistral"),
    ("codestral", "mistral"),
    ("devstral", "mistral"),
    ("magistral", "mistral"),
    ("pixtral", "mistral"),
    ("deepseek", "deepseek"),
    ("grok", "xai"),
    ("command", "cohere"),
    ("kimi", "moonshot"),
    ("moonshot", "moonshot"),
    ("qwen", "qwen"),
    ("qwq", "qwen"),
    ("glm", "zai"),
    ("minimax", "minimax"),
];

/// The table's name of a provider; `None` if it has none.
pub(super) fn known_provider(name: &str) -> Option<&'static str> {
    let name = name.replace('_', "-");
    PROVIDERS
        .iter()
        .find(|(provider, aliases)| *provider == name || aliases.contains(&name.as_str()))
        .map(|(provider, _)| *provider)
        .or_else(|| name.starts_with("vertex").then_some("vertex"))
}

/// Whether a provider asks nothing for a single token, so that no list price applies.
pub(super) fn is_unpriced(name: &str) -> bool {
    UNPRICED.contains(&name.replace(['_', '.'], "-").as_str())
}

/// The provider that makes a model.
pub(super) fn native_vendor(model: &str) -> Option<&'static str> {
    VENDORS
        .iter()
        .find(|(start, _)| model.starts_with(start))
        .map(|(_, vendor)| *vendor)
}

/// Takes apart a name that says its provider: `anthropic:claude-x`, `anthropic/claude-x`.
pub(super) fn split_provider(model: &str) -> Option<(&'static str, &str)> {
    let at = model.find(['/', ':'])?;
    let (provider, rest) = model.split_at(at);
    Some((known_provider(provider)?, rest.get(1..)?))
}

/// Whether `rest`, the end of a model's name, only says which version of the model it is.
///
/// A date (`-20250929`, `-2025-09-29`, `@20250929`), possibly with Bedrock's `-v1:0`; `-v1:0`;
/// `-latest`, `@latest`, `@default`; `-preview-05-20`, `-preview-09-2025`. Anything else may have a
/// price of its own: `o`, `-mini`, `-4`, `-0125`, `:free`.
pub(super) fn is_version(rest: &str) -> bool {
    if matches!(rest, "-latest" | "@latest" | "@default") {
        return true;
    }
    if let Some(of) = rest.strip_prefix("-preview-") {
        return match of.split_once('-') {
            Some((month, tail)) => is_month(month) && (is_day(tail) || is_year(tail)),
            None => false,
        };
    }
    let after_date = strip_date(rest);
    match after_date.unwrap_or(rest) {
        "" => after_date.is_some(),
        tail => is_revision(tail),
    }
}

/// What follows a date; `None` if `rest` begins with none.
fn strip_date(rest: &str) -> Option<&str> {
    let date = rest.strip_prefix(['-', '@'])?;
    let is_date = |y: Option<&str>, m: Option<&str>, d: Option<&str>| {
        y.is_some_and(is_year) && m.is_some_and(is_month) && d.is_some_and(is_day)
    };
    if is_date(date.get(..4), date.get(4..6), date.get(6..8)) {
        return date.get(8..);
    }
    let dashes = date.get(4..5) == Some("-") && date.get(7..8) == Some("-");
    if dashes && is_date(date.get(..4), date.get(5..7), date.get(8..10)) {
        return date.get(10..);
    }
    None
}

/// `-v1:0`
fn is_revision(text: &str) -> bool {
    text.strip_prefix("-v")
        .and_then(|text| text.split_once(':'))
        .is_some_and(|(version, revision)| number(version).is_some() && number(revision).is_some())
}

fn number(text: &str) -> Option<u16> {
    // `u16::from_str` would also take a leading `+`.
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then_some(text)?
        .parse()
        .ok()
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && number(text).is_some_and(|n| (2000..=2099).contains(&n))
}

fn is_month(text: &str) -> bool {
    text.len() == 2 && number(text).is_some_and(|n| (1..=12).contains(&n))
}

fn is_day(text: &str) -> bool {
    text.len() == 2 && number(text).is_some_and(|n| (1..=31).contains(&n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for rest in [
            "-20250929",
            "-2025-09-29",
            "@20250929",
            "-latest",
            "@latest",
            "@default",
            "-preview-05-20",
            "-preview-09-2025",
            "-v1:0",
            "-20250929-v1:0",
        ] {
            assert!(is_version(rest), "{rest}");
        }
        for rest in [
            "",
            "o",
            "-",
            "-5",
            "-mini",
            "-preview",
            ":free",
            ":0",
            "-v1",
            "-v1:",
            "-v:0",
            "-0125",
            "-20251301",
            "-20250932",
            "-19990929",
            "-2025-9-29",
            "-2025-09-29x",
            "-202509291",
            "20250929",
            "-preview-13-20",
            "-preview-05-20-x",
            "-latest-x",
            "-20250929-latest",
            "-20250929-v1:0-v1:0",
            "-+0250929",
            "-2025é929",
        ] {
            assert!(!is_version(rest), "{rest}");
        }
    }

    #[test]
    fn providers() {
        for (name, provider) in [
            ("anthropic", Some("anthropic")),
            ("openai-responses", Some("openai")),
            ("openai-chat", Some("openai")),
            ("gemini", Some("google")),
            ("google-ai", Some("google")),
            ("vertex_ai", Some("vertex")),
            ("vertex-anything", Some("vertex")),
            ("amazon-bedrock", Some("bedrock")),
            ("x-ai", Some("xai")),
            ("dashscope", Some("qwen")),
            ("openrouter", None),
            ("acme", None),
            ("", None),
        ] {
            assert_eq!(known_provider(name), provider, "{name}");
        }
        assert!(is_unpriced("ollama") && is_unpriced("llama.cpp") && !is_unpriced("openai"));
    }

    #[test]
    fn provider_in_the_name() {
        assert_eq!(
            split_provider("anthropic:claude-x"),
            Some(("anthropic", "claude-x"))
        );
        assert_eq!(
            split_provider("groq/openai/gpt-oss"),
            Some(("groq", "openai/gpt-oss"))
        );
        assert_eq!(split_provider("gpt-oss:free"), None);
        assert_eq!(split_provider("plain"), None);
    }
}
