//! Names that say that a value is secret, and which of their values are.

use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Ends of names that say that their value is secret.
const NAMES: &str = r"(?:pass(?:word|wd|phrase)?|pwd|(?:api|access|account|secret|private|auth|signing|encryption|master|subscription)[_-]?key|secret|token|credential|authorization|cookie)";

/// What may follow such an end: more of them, their number, or what they are for.
const MORE: &str = r"s?(?:[_.-]?[0-9]{1,3}|[_-](?:v[0-9]|dev|development|prod|production|stage|staging|test|testing|qa|uat|ci|local|live|sandbox|base|old|new|prev|previous|current|backup|primary|secondary|main|default|admin|root|ro|rw|readonly))*";

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

/// Members that hold a value whose name stands elsewhere: beside it, or before the object.
const VALUES: [&str; 8] = [
    "value",
    "default",
    "plain",
    "plaintext",
    "raw",
    "current",
    "old",
    "new",
];

/// Every name in a text, with what stands before it in the same word.
pub(super) static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!("(?i-u)(?P<stem>[a-z0-9_.-]*{NAMES}){MORE}");
    Regex::new(&pattern).expect("a pattern that is tested")
});

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!("(?i-u)(?P<stem>{NAMES}){MORE}$");
    Regex::new(&pattern).expect("a part of a pattern that is tested")
});

/// How a value stands there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In quotes, or as a JSON string.
    Quoted,
    /// In quotes, behind its name in a list.
    Listed,
    /// As the value of a variable in the environment.
    Variable,
    /// Bare.
    Bare,
}

/// A name that says that its value is secret.
#[derive(Clone, Copy)]
pub(super) struct Name<'t> {
    whole: &'t str,
    /// Without what follows the end that says so.
    stem: &'t str,
}

impl<'t> Name<'t> {
    /// The name of a member, an option or a header, if it is one.
    pub(super) fn of(name: &'t str) -> Option<Self> {
        let stem = NAME.captures(name)?.name("stem")?.end();
        Self::new(name, &name[..stem])
    }

    /// What [`NAMED`] found in a text.
    pub(super) fn found(text: &'t str, found: &Captures<'t>) -> Option<Self> {
        let (whole, stem) = (found.get(0)?, found.name("stem")?);
        // The letter of an escape, as of a line break, is none of the name.
        let escaped = usize::from(text[..whole.start()].ends_with('\\'));
        Self::new(&whole.as_str()[escaped..], stem.as_str().get(escaped..)?)
    }

    fn new(whole: &'t str, stem: &'t str) -> Option<Self> {
        let own_word = |end: &str| {
            let start = stem.len().checked_sub(end.len())?;
            let word = stem
                .get(start..)
                .filter(|word| word.eq_ignore_ascii_case(end))?;
            let capital = word.starts_with(|c: char| c.is_ascii_uppercase());
            let before = stem[..start].chars().next_back();
            Some(before.is_none_or(|c| !c.is_alphanumeric() || c.is_ascii_lowercase() && capital))
        };
        // A compass, a bypass.
        let is_one = own_word("pass").or(own_word("pwd")).unwrap_or(true);
        is_one.then_some(Self { whole, stem })
    }

    pub(super) fn whole(&self) -> &'t str {
        self.whole
    }

    /// An option of a command, whose value is the next word.
    pub(super) fn is_option(&self) -> bool {
        let name = self.whole.trim_start_matches('-');
        name.len() < self.whole.len() && name.starts_with(|c: char| c.is_ascii_alphabetic())
    }

    pub(super) fn is_upper(&self) -> bool {
        !self.whole.bytes().any(|b| b.is_ascii_lowercase())
    }

    /// It says so only as a word of its own, and even then is often something else.
    pub(super) fn is_weak(&self) -> bool {
        let stem = self.stem.to_ascii_lowercase();
        stem.ends_with("pass") || stem.ends_with("pwd")
    }

    /// As tests say it, too.
    pub(super) fn is_pass(&self) -> bool {
        self.whole.eq_ignore_ascii_case("pass")
    }

    pub(super) fn kind(&self) -> &'static str {
        let name = self.stem.to_ascii_lowercase();
        let kinds = [
            ("cookie", "cookie"),
            ("key", "key"),
            ("token", "token"),
            ("secret", "secret"),
            ("authorization", "credentials"),
            ("pwd", "password"),
        ];
        let of = kinds.iter().find(|(end, _)| name.ends_with(end));
        let pass = name.contains("pass").then_some("password");
        of.map(|(_, kind)| *kind).or(pass).unwrap_or("credentials")
    }

    /// Where the secret begins in a value of this name, if it is one: behind the scheme of what authorises.
    pub(super) fn secret_in(&self, value: &str, form: Form) -> Option<usize> {
        let squeezed: String = self
            .stem
            .chars()
            .filter(|c| !"_-.".contains(*c))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let ends = |ends: &[&str]| ends.iter().any(|end| squeezed.ends_with(end));
        let header = ends(&["authorization", "cookie"]);
        let in_quotes = matches!(form, Form::Quoted | Form::Listed);
        if header && !in_quotes || PAGES.iter().any(|page| squeezed.contains(page)) {
            return None;
        }
        let scheme = match value.split_once(' ') {
            Some((scheme, _)) if header && scheme.bytes().all(|b| b.is_ascii_alphabetic()) => {
                scheme.len() + 1
            }
            _ => 0,
        };
        let secret = &value[scheme..];
        // The next option.
        let option = form == Form::Listed && secret.starts_with('-');
        if option || is_placeholder(secret) {
            return None;
        }
        let sure = ends(&SURE);
        let digits = secret.bytes().filter(u8::is_ascii_digit).count();
        let mixed = digits > 0 && digits < secret.len();
        let spaces = secret.contains(char::is_whitespace);
        let long = secret.len() >= 16
            && digits >= 2
            && mixed
            && !spaces
            && !is_number(secret)
            && !secret.contains("://");
        let listed = form != Form::Listed || self.is_option();
        let taken = if self.is_weak() {
            // Also a stage, a result, and the directory that one works in.
            let path = ends(&["pwd"]) && secret.contains(['/', '\\']);
            let wordy = form == Form::Variable && squeezed.len() > "pass".len();
            let len = if form == Form::Bare { 8 } else { 6 };
            listed && secret.len() >= len && (mixed || wordy) && !spaces && !path
        } else {
            match form {
                // Lists of names are lists, too.
                Form::Listed if header => (scheme > 0 || secret.contains('=')) && digits > 0,
                Form::Listed if sure && self.is_option() => {
                    let word = digits == 0 && secret.contains(['_', '-']);
                    secret.len() >= 4 && !spaces && !word && Name::of(secret).is_none()
                }
                Form::Listed => long && self.whole.contains('-'),
                Form::Quoted if ends(&["cookie"]) => digits > 0 || secret.contains('='),
                Form::Quoted if sure => secret.len() >= 4 && (!spaces || digits > 0 || header),
                Form::Variable if sure => secret.len() >= 6,
                Form::Variable => secret.len() >= 8 && digits > 0 && !is_number(secret),
                Form::Bare if sure => secret.len() >= 8 && digits > 0,
                Form::Quoted | Form::Bare => long,
            }
        };
        taken.then_some(scheme)
    }
}

/// Whether a value may have names in it, and what belongs to them.
pub(super) fn may_name(value: &str) -> bool {
    value.contains(['=', ':', ' ', ',']) && NAMED.is_match(value)
}

/// Whether a member of this name tells the name of the value beside it: `{"name":"Authorization","value":"…"}`.
pub(super) fn tells(member: &str) -> bool {
    ["name", "key", "header"]
        .iter()
        .any(|tells| member.eq_ignore_ascii_case(tells))
}

/// Whether a member of this name is that value.
pub(super) fn is_value(member: &str) -> bool {
    member.eq_ignore_ascii_case("value")
}

/// Whether a member of this name holds the value in an object that a name stands before: `"password":{"value":"…"}`.
pub(super) fn holds(member: &str) -> bool {
    VALUES
        .iter()
        .any(|value| member.eq_ignore_ascii_case(value))
}

fn is_number(value: &str) -> bool {
    value.bytes().all(|b| b"0123456789.,_+-eE%".contains(&b))
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
