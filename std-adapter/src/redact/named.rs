//! Secrets that are told by the name that stands before them in a text: `API_KEY=…`, `"password": "…"`, `--password …`.

use super::{
    name::{self, Form, NAMED, Name},
    place,
};

/// A text with its named secrets masked; nothing if there are none.
pub(super) fn mask(text: &str) -> Option<String> {
    let (mut out, mut done, mut at) = (String::new(), 0, 0);
    while let Some(found) = NAMED.captures_at(text, at) {
        let Some(whole) = found.get(0) else { break };
        at = whole.end();
        let Some(named) = Name::found(text, &found) else {
            continue;
        };
        let mut place = place::behind(text, &named, at);
        while let Some(value) = place {
            let (said, rest) = (&text[value.start..value.end], &text[value.end..]);
            let in_quotes = matches!(value.form, Form::Quoted | Form::Listed);
            let called = !in_quotes && rest.starts_with(['(', '[']);
            match named.secret_in(said, value.form).filter(|_| !called) {
                Some(from) => {
                    out.push_str(&text[done..value.start + from]);
                    out.push_str(&format!("[redacted: {}]", named.kind()));
                    (done, at) = (value.end, value.end);
                }
                // It may have names of its own, which come next.
                None if name::may_name(said) => break,
                None => {}
            }
            place = value.next(text);
        }
    }
    out.push_str(&text[done..]);
    (done > 0).then_some(out)
}
