//! Where the value to a name stands in a text: behind what parts them, in quotes or bare, alone or in a list.

use super::{
    cursor::Cursor,
    name::{self, Form, Name},
};

/// So many members of an object are looked past at most.
const MAX_MEMBERS: usize = 4;

/// Functions that give a name its value, besides `=`.
const CALLS: [&str; 5] = ["define(", "setenv(", "putenv(", "setdefault(", "variable("];

/// A value in a text.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) form: Form,
    list: List,
}

/// Whether more values may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    /// None does.
    No,
    /// In brackets.
    Brackets,
    /// In objects in brackets.
    Objects,
    /// Each on a line of its own, behind a dash.
    Dashes,
}

impl Place {
    /// The next of the list.
    pub(super) fn next(&self, text: &str) -> Option<Self> {
        let mut cursor = Cursor::new(text, self.end);
        let close = cursor.quote();
        let gap = cursor.blanks();
        match self.list {
            List::Brackets if close.is_some() && cursor.take(",") => {
                cursor.blanks();
                let open = cursor.quote()?;
                quoted(cursor, open, self.form, self.list)
            }
            List::Objects if cursor.take("}") => {
                cursor.blanks();
                cursor.take(",").then_some(())?;
                cursor.blanks();
                in_object(cursor, self.form, self.list)
            }
            List::Dashes if gap.lines == 1 && cursor.take("- ") => {
                line(cursor, self.form, self.list)
            }
            _ => None,
        }
    }
}

/// The value to a name that ends at `end`.
pub(super) fn behind(text: &str, name: &Name<'_>, end: usize) -> Option<Place> {
    let mut cursor = Cursor::new(text, end);
    if cursor.ends_mark() {
        return None;
    }
    let in_quotes = cursor.closing();
    let gap = cursor.blanks();
    let start = end - name.whole().len();
    let variable = match name.is_upper() {
        true => Form::Variable,
        false => Form::Bare,
    };
    if gap.lines == 0
        && let Some(separator) = cursor.separator(gap.len)
    {
        let equals = separator.ends_with('=');
        // A constant in code.
        let variable = match name.is_weak() && gap.len > 0 {
            true => Form::Bare,
            false => variable,
        };
        let place = value(cursor, if equals { variable } else { Form::Bare })?;
        // So the results of tests are written.
        let result = name.is_pass() && !equals && place.form == Form::Bare;
        return (!result).then_some(place);
    }
    if in_quotes && cursor.take(",") {
        return behind_comma(cursor, variable, called_with(text, start, &CALLS));
    }
    if gap.len == 0 || gap.lines > 1 {
        return None;
    }
    let mut told = cursor;
    if told.member().is_some_and(name::is_value) {
        return plain(told, variable);
    }
    if gap.lines == 0 && called_with(text, start, &["setenv"]) {
        return one(cursor, variable, List::No);
    }
    if !name.is_option() {
        return None;
    }
    let place = match gap.lines {
        0 => one(cursor, Form::Bare, List::No),
        _ => {
            cursor.take("- ");
            line(cursor, Form::Bare, List::No)
        }
    }?;
    // The next option.
    (!text[place.start..].starts_with('-')).then_some(place)
}

/// Whether one of these stands before what starts there.
fn called_with(text: &str, start: usize, calls: &[&str]) -> bool {
    let before = text[..start].trim_end_matches(['"', '\'', '\\', ' ', '\t']);
    calls.iter().any(|call| {
        let from = before.len().checked_sub(call.len());
        let tail = from.and_then(|from| before.get(from..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(call))
    })
}

/// The next of a list behind a name in quotes, or the value that is told beside it:
/// `"--password", "…"`, `"name": "DB_PASSWORD", "value": "…"`.
fn behind_comma(mut cursor: Cursor<'_>, bare: Form, called: bool) -> Option<Place> {
    let mut told = cursor;
    if let Some(member) = told.member() {
        return held(told, member, name::is_value).and_then(|told| plain(told, bare));
    }
    cursor.blanks();
    let open = cursor.quote()?;
    let form = match called {
        true => Form::Quoted,
        false => Form::Listed,
    };
    quoted(cursor, open, form, List::No)
}

/// The value of the member that `is` asks for: `member`, at whose value the cursor is, or one that follows. What has
/// secrets of its own is not looked past.
fn held<'t>(
    mut cursor: Cursor<'t>,
    mut member: &'t str,
    is: fn(&str) -> bool,
) -> Option<Cursor<'t>> {
    for _ in 0..MAX_MEMBERS {
        if is(member) {
            return Some(cursor);
        }
        let skipped = cursor.skip_scalar()?;
        let secret = Name::of(member).is_some() && skipped.ends_with(['"', '\'', '`']);
        if secret || name::may_name(skipped) {
            return None;
        }
        cursor.take(",").then_some(())?;
        member = cursor.member()?;
    }
    is(member).then_some(cursor)
}

/// What stands behind what parts it from its name.
fn value(mut cursor: Cursor<'_>, bare: Form) -> Option<Place> {
    cursor.marks();
    let gap = cursor.blanks();
    cursor.marks();
    let mut list = cursor;
    let place = match list.take("[") {
        true => {
            list.blanks();
            in_object(list, bare, List::Objects)
        }
        false => in_object(cursor, bare, List::No),
    };
    if place.is_some() {
        return place;
    }
    if gap.lines == 1 {
        let mut inner = cursor;
        if inner.member().is_some_and(name::holds) {
            return plain(inner, bare);
        }
    }
    match gap.lines {
        0 => plain(cursor, bare),
        1 if cursor.take("- ") => line(cursor, bare, List::Dashes),
        1 if cursor.starts_with("[") => plain(cursor, bare),
        1 => line(cursor, bare, List::No),
        _ => None,
    }
}

/// The value in an object that begins here.
fn in_object(mut cursor: Cursor<'_>, bare: Form, list: List) -> Option<Place> {
    cursor.take("{").then_some(())?;
    let member = cursor.member()?;
    let value = held(cursor, member, name::holds)?;
    Some(Place {
        list,
        ..plain(value, bare)?
    })
}

/// A value, or the first in brackets.
fn plain(mut cursor: Cursor<'_>, bare: Form) -> Option<Place> {
    cursor.blanks();
    if cursor.take("[") {
        cursor.blanks();
        let open = cursor.quote()?;
        return quoted(cursor, open, Form::Quoted, List::Brackets);
    }
    one(cursor, bare, List::No)
}

/// In quotes, or bare.
fn one(mut cursor: Cursor<'_>, bare: Form, list: List) -> Option<Place> {
    let in_quotes = cursor
        .quote()
        .and_then(|open| quoted(cursor, open, Form::Quoted, list));
    in_quotes.or_else(|| Some(self::bare(cursor, bare, list)))
}

/// As [`one`], with nothing else on its line.
fn line(cursor: Cursor<'_>, bare: Form, list: List) -> Option<Place> {
    let place = one(cursor, bare, list)?;
    let mut after = Cursor::new(cursor.text(), place.end);
    let alone = match place.form {
        Form::Quoted => {
            after.quote();
            after.blanks();
            !after.starts_with(":")
        }
        _ => {
            let gap = after.blanks();
            gap.lines > 0 || after.ends()
        }
    };
    alone.then_some(place)
}

/// Up to the quote that ends what `open` began.
fn quoted(mut cursor: Cursor<'_>, open: &str, form: Form, list: List) -> Option<Place> {
    let (mut start, mut end) = (cursor.at(), cursor.string_end(open)?);
    if end == start {
        // Quotes are doubled in a table.
        cursor.quote()?;
        if cursor.starts_with_word() {
            (start, end) = (cursor.at(), cursor.string_end(open)?);
        }
    }
    Some(Place {
        start,
        end,
        form,
        list,
    })
}

fn bare(cursor: Cursor<'_>, form: Form, list: List) -> Place {
    let ends = |c: char| c.is_whitespace() || "\"'`,;&|<>(){}[]\\".contains(c);
    let (start, text) = (cursor.at(), cursor.text());
    let len = text[start..].find(ends).unwrap_or(text.len() - start);
    let end = start + len;
    Place {
        start,
        end,
        form,
        list,
    }
}
