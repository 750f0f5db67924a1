//! What can be a session's id.

use crate::sanitize::is_unprintable;

/// Bytes of an id at most: as many as the format allows (F6).
pub const MAX_ID_BYTES: usize = sessionlog_core::MAX_ID_LEN;

/// Why an id cannot name a session in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdFault {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It is longer than [`MAX_ID_BYTES`].
    #[error("it is longer than {MAX_ID_BYTES} bytes")]
    TooLong,
    /// It begins with a dot: a hidden file, or a way out of the store.
    #[error("it begins with a dot")]
    LeadingDot,
    /// It ends with a dot or a space, which some systems drop.
    #[error("it ends with a dot or a space")]
    Trailing,
    /// It holds a character that separates paths, controls a terminal or cannot be seen
    /// ([`is_unprintable`]), or cannot be in a file's name on some system.
    #[error("it holds {0:?}")]
    Character(char),
    /// It names a device on Windows, or stands for something else in a command.
    #[error("it is a reserved name")]
    Reserved,
}

/// Checks that `id` can be the name of a file, directly in a store's directory, on every system.
///
/// # Errors
/// [`IdFault`].
pub fn check_id(id: &str) -> Result<(), IdFault> {
    if id.is_empty() {
        return Err(IdFault::Empty);
    }
    if id.len() > MAX_ID_BYTES {
        return Err(IdFault::TooLong);
    }
    if let Some(bad) = id.chars().find(|&c| is_bad(c)) {
        return Err(IdFault::Character(bad));
    }
    if id.starts_with('.') {
        return Err(IdFault::LeadingDot);
    }
    if id.ends_with(['.', ' ']) {
        return Err(IdFault::Trailing);
    }
    if id == super::LATEST || is_device(id) {
        return Err(IdFault::Reserved);
    }
    Ok(())
}

fn is_bad(c: char) -> bool {
    is_unprintable(c) || r#"/\:*?"<>|"#.contains(c)
}

/// Windows takes these names for devices, in any case and with any extension.
fn is_device(id: &str) -> bool {
    let name = id.split('.').next().unwrap_or_default().trim_end();
    let name = name.to_ascii_uppercase();
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&&*name) {
        return true;
    }
    let number = name
        .strip_prefix("COM")
        .or_else(|| name.strip_prefix("LPT"));
    number.is_some_and(|number| {
        let mut chars = number.chars();
        matches!(chars.next(), Some('0'..='9' | '¹' | '²' | '³')) && chars.next().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_all_kinds_are_accepted() {
        let longest = "x".repeat(128);
        for id in [
            "0196f0c1-7f00-7abc-8def-0123456789ab",
            "a",
            "a.b..c",
            "Sitzung 1",
            "日本語",
            "console",
            "com10",
            "-x",
            &longest,
        ] {
            assert_eq!(check_id(id), Ok(()), "{id}");
        }
    }

    #[test]
    fn ids_that_are_paths_or_worse_are_refused() {
        use IdFault::*;
        for (id, fault) in [
            ("", Empty),
            (".", LeadingDot),
            ("..", LeadingDot),
            (".hidden", LeadingDot),
            ("../x", Character('/')),
            ("/etc/passwd", Character('/')),
            ("a\\b", Character('\\')),
            ("C:x", Character(':')),
            ("a\0b", Character('\0')),
            ("\u{202e}gnp.x", Character('\u{202e}')),
            ("a\u{200b}", Character('\u{200b}')),
            ("\u{feff}a", Character('\u{feff}')),
            ("a\u{3164}b", Character('\u{3164}')),
            ("a\u{e0041}", Character('\u{e0041}')),
            ("a\u{13430}", Character('\u{13430}')),
            ("a\nb", Character('\n')),
            ("a\u{1b}[2J", Character('\u{1b}')),
            ("a\u{9b}", Character('\u{9b}')),
            ("x.", Trailing),
            ("x ", Trailing),
            ("latest", Reserved),
            ("con", Reserved),
            ("NUL.txt", Reserved),
            ("Com1", Reserved),
            ("lpt³.a.b", Reserved),
            ("aux .x", Reserved),
            (&"x".repeat(129), TooLong),
            (&"é".repeat(65), TooLong),
        ] {
            assert_eq!(check_id(id), Err(fault), "{id:?}");
        }
    }
}
