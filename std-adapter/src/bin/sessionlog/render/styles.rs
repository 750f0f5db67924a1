//! What things look like.

use anstyle::{AnsiColor, Style};

/// The styles in use; all plain when colours are off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Styles {
    pub(crate) plain: Style,
    pub(crate) heading: Style,
    pub(crate) dim: Style,
    pub(crate) ok: Style,
    pub(crate) warn: Style,
    pub(crate) error: Style,
    /// What the person said.
    pub(crate) user: Style,
    /// What the model said.
    pub(crate) assistant: Style,
    /// What tools were asked and answered.
    pub(crate) tool: Style,
    /// What stands for compacted messages.
    pub(crate) summary: Style,
}

impl Styles {
    /// With colours or without. Only the 16 colours, which every terminal has and its user has chosen.
    pub(crate) fn new(colored: bool) -> Self {
        if !colored {
            return Self::default();
        }
        let bold = |color: AnsiColor| color.on_default().bold();
        Self {
            plain: Style::new(),
            heading: Style::new().bold(),
            dim: Style::new().dimmed(),
            ok: AnsiColor::Green.on_default(),
            warn: bold(AnsiColor::Yellow),
            error: bold(AnsiColor::Red),
            user: bold(AnsiColor::Cyan),
            assistant: bold(AnsiColor::Green),
            tool: bold(AnsiColor::Magenta),
            summary: bold(AnsiColor::Blue),
        }
    }
}
