//! What lists and facts are shown on: its width, and whether it has colours.

use std::env;

use terminal_size::{Height, Width};

use super::style::Style;

/// A terminal, or what stands in its place.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Whether texts are in colours.
    pub colours: bool,
    /// The columns that lines may have; none where they may be of any length.
    pub width: Option<usize>,
}

impl Screen {
    /// The screen of a terminal of this size.
    pub fn new(colours: bool, terminal: Option<(Width, Height)>) -> Self {
        Self { colours, width: columns(terminal) }
    }

    /// The same with fewer columns.
    pub fn narrower(self, columns: usize) -> Self {
        Self { width: self.width.map(|width| width.saturating_sub(columns)), ..self }
    }

    /// A text in a style.
    pub fn painted(self, text: &str, style: Style) -> String {
        if self.colours && style != Style::new() && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// The columns of a terminal. Whoever sets COLUMNS knows better; some terminals
/// tell 0 for what they do not know.
pub fn columns(terminal: Option<(Width, Height)>) -> Option<usize> {
    let given = env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    given.or_else(|| terminal.map(|(Width(width), _)| usize::from(width))).filter(|width| *width > 0)
}
