//! Waiting for a vendor, where somebody can see for what.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{output::Output, text};

/// Waits, and says at a terminal for what and how long by now.
pub async fn wait<T>(output: Output, what: &str, work: impl Future<Output = T>) -> T {
    let line = Line::new(output, what);
    let done = work.await;
    line.end();
    done
}

/// A line that moves; none where nobody would see it.
pub struct Line(Option<ProgressBar>);

impl Line {
    pub fn new(output: Output, what: &str) -> Self {
        let is_seen = !output.is_json() && io::stderr().is_terminal();
        Self(is_seen.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // A template without variables of its own cannot fail.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.set_message(text::line(what).into_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        }))
    }

    pub fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
