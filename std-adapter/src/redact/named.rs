//! Secrets that are told by the name that stands before them: `API_KEY=…`, `"password": "…"`, members of JSON objects.

use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Ends of names that say that their value is secret.
const NAMES: &str = r"(?:pass(?:word|wd|phrase)|(?:api|access|account|secret|private|auth|signing|encryption|master|subscription)[_-]?key|secret|token|credentials?|authorization|cookie)";

/// Ends of names, without what parts their words, of which short and wordy values are taken for secrets too.
const SURE: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "key",
    "clientsecret",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "sessiontoken",
    "idtoken",
    "bearertoken",
    "apitoken",
    "authorization",
    "cookie",
];

/// Words in the names of tokens that lead to the next part of a list.
const PAGES: [&str; 4] = ["page", "next", "continu", "cursor"];

/// Where a value is looked for the end of its string at most.
const MAX_VALUE: usize = 16 * 1024;

static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(
        r#"(?i)(?P<name>[a-z0-9_.-]*{NAMES})(?:\\*["'`]\]?)?[ \t]{{0,3}}(?P<sep>=>|:=|[:=>]|[ ])[ \t]{{0,3}}(?P<open>\\*["'`])?"#
    );
    Regex::new(&pattern).expect("a pattern that is tested")
});

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!("(?i){NAMES}$")).expect("a part of a pattern that is tested")
});

/// How a value stands there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// In quotes, or as a JSON string.
    Quoted,
    /// As the value of a variable in the environment.
    Variable,
    /// Bare.
    Bare,
}

/// Whether the value of a member of this name is secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    NAME.is_match(name)
}

/// The value of a member of this name, masked.
pub(super) fn member(name: &str, value: &str) -> Option<String> {
    let from = secret_of(name, value, Form::Quoted)?;
    Some(format!("{}[redacted: {}]", &value[..from], kind(name)))
}

/// A text with its named secrets masked; nothing if there are none.
pub(super) fn mask(text: &str) -> Option<String> {
    let (mut out, mut done, mut at) = (String::new(), 0, 0);
    while let Some(found) = NAMED.captures_at(text, at) {
        let Some(whole) = found.get(0) else { break };
        at = whole.end();
        let Some((name, value, form)) = parts(text, &found) else {
            continue;
        };
        let end = at + value.len();
        if text[end..].starts_with(['(', '[']) && form != Form::Quoted {
            continue;
        }
        if let Some(from) = secret_of(name, value, form) {
            out.push_str(&text[done..at + from]);
            out.push_str(&format!("[redacted: {}]", kind(name)));
            (done, at) = (end, end);
        }
    }
    out.push_str(&text[done..]);
    (done > 0).then_some(out)
}

/// Name and value of what was found.
fn parts<'t>(text: &'t str, found: &Captures<'t>) -> Option<(&'t str, &'t str, Form)> {
    let (whole, name, sep) = (found.get(0)?, found.name("name")?, found.name("sep")?);
    // The letter of an escape, as of a line break, is none of the name.
    let escaped = text[..name.start()].ends_with('\\');
    let name = &name.as_str()[usize::from(escaped)..];
    let rest = &text[whole.end()..];
    let value = match found.name("open") {
        Some(open) => quoted(rest, open.as_str()),
        None => None,
    };
    let is_flag = name.starts_with("--");
    match value {
        _ if sep.as_str() == " " && !is_flag => None,
        Some(value) => Some((name, value, Form::Quoted)),
        None => {
            let variable = sep.as_str() == "=" && !name.bytes().any(|b| b.is_ascii_lowercase());
            let form = match variable {
                true => Form::Variable,
                false => Form::Bare,
            };
            Some((name, bare(rest), form))
        }
    }
}

/// Up to the quote that ends what `open` began, be it escaped as that one or less.
fn quoted<'t>(text: &'t str, open: &str) -> Option<&'t str> {
    let (quote, escapes) = (open.bytes().last()?, open.len() - 1);
    let mut backslashes = 0;
    for (at, byte) in text.bytes().enumerate().take(MAX_VALUE) {
        if byte == quote && backslashes <= escapes {
            return text.get(..at - backslashes);
        }
        backslashes = match byte {
            b'\\' => backslashes + 1,
            b'\n' => return None,
            _ => 0,
        };
    }
    None
}

fn bare(text: &str) -> &str {
    let ends = |c: char| c.is_whitespace() || "\"'`,;&|<>(){}[]\\".contains(c);
    &text[..text.find(ends).unwrap_or(text.len())]
}

/// Where the secret begins in a value, if it is one: behind the scheme of what authorises.
fn secret_of(name: &str, value: &str, form: Form) -> Option<usize> {
    let squeezed: String = name
        .chars()
        .filter(|c| !"_-.".contains(*c))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let header = ["authorization", "cookie"]
        .iter()
        .any(|end| squeezed.ends_with(end));
    if header && form != Form::Quoted || PAGES.iter().any(|page| squeezed.contains(page)) {
        return None;
    }
    let scheme = match value.split_once(' ') {
        Some((scheme, _)) if header && scheme.bytes().all(|b| b.is_ascii_alphabetic()) => {
            scheme.len() + 1
        }
        _ => 0,
    };
    let secret = &value[scheme..];
    if is_placeholder(secret) {
        return None;
    }
    let sure = SURE.iter().any(|end| squeezed.ends_with(end));
    let digits = secret.bytes().filter(u8::is_ascii_digit).count();
    let spaces = secret.contains(char::is_whitespace);
    let long = secret.len() >= 16 && digits >= 2 && digits < secret.len() && !spaces;
    let taken = match form {
        Form::Quoted if sure => secret.len() >= 4 && (!spaces || digits > 0 || header),
        Form::Variable if sure => secret.len() >= 6,
        Form::Variable => secret.len() >= 8 && digits > 0,
        Form::Bare if sure => secret.len() >= 8 && digits > 0,
        Form::Quoted | Form::Bare => long,
    };
    taken.then_some(scheme)
}

/// It stands for a value, or is masked already.
fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 12] = [
        "none",
        "null",
        "true",
        "false",
        "undefined",
        "string",
        "text",
        "required",
        "optional",
        "password",
        "secret",
        "token",
    ];
    let lower = value.to_ascii_lowercase();
    let first = value.chars().next();
    value.contains("[redacted: ")
        || value.starts_with(['<', '$', '{', '%', '(', '[', '/'])
        || lower.starts_with("your")
        || lower.starts_with("process.env")
        || lower.starts_with("os.environ")
        || value.ends_with("...")
        || value.ends_with('…')
        || value.chars().all(|c| Some(c) == first)
        || WORDS.contains(&lower.as_str())
}

fn kind(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let kinds = [
        ("cookie", "cookie"),
        ("key", "key"),
        ("token", "token"),
        ("secret", "secret"),
        ("authorization", "credentials"),
    ];
    let of = kinds.iter().find(|(end, _)| name.ends_with(end));
    let pass = name.contains("pass").then_some("password");
    of.map(|(_, kind)| *kind).or(pass).unwrap_or("credentials")
}
