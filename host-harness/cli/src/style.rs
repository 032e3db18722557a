//! Colours, each of which means one thing: how severe something is, or whether
//! a state is good, needs attention, or is bad.

use std::io::IsTerminal;

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use appsec_model::Severity;
pub use clap::builder::styling::Style;
use clap::{ValueEnum, builder::styling::AnsiColor};
use host_harness::columns::Tone;

/// As it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();

/// What somebody should look at.
pub const ATTENTION: Style = AnsiColor::Yellow.on_default();

/// What went wrong.
pub const BAD: Style = AnsiColor::Red.on_default();

/// Names of columns, and of what is shown.
pub const HEADING: Style = Style::new().bold();

/// What stands beside what is read.
pub const FAINT: Style = Style::new().dimmed();

/// The style of a severity.
pub const fn severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::Magenta.on_default().bold(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::Blue.on_default(),
        Severity::Info | Severity::Unknown => Style::new(),
    }
}

/// The style of a state, by its word.
pub fn state(word: &str) -> Style {
    match Tone::of(word) {
        Tone::Good => GOOD,
        Tone::Attention => ATTENTION,
        Tone::Bad => BAD,
        Tone::Neutral => Style::new(),
    }
}

/// When to colour what is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Colours {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colours {
    /// Whether a stream is coloured.
    pub fn on(self, stream: &(impl RawStream + IsTerminal)) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => AutoStream::choice(stream) != ColorChoice::Never,
        }
    }
}
