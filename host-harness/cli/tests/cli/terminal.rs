//! A person at a terminal of 80 columns.

use std::{
    io::{Read, Write},
    num::NonZero,
    process::{Child, ChildStdin, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::support::{SECOND_TOKEN, TOKEN, TestContext};

const ROWS: u16 = 45;
const COLUMNS: u16 = 80;

pub const DOWN: &str = "\u{1b}[B";
pub const ESCAPE: &str = "\u{1b}";

/// A program at a terminal of its own, which `script` makes for it.
pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Screen>,
}

#[derive(Default)]
struct Screen {
    shown: Mutex<Shown>,
    changed: Condvar,
}

struct Shown {
    parser: vt100::Parser,
    ended: bool,
}

impl Default for Shown {
    fn default() -> Self {
        let of = |number| NonZero::new(number).unwrap();
        Self { parser: vt100::Parser::new(of(ROWS), of(COLUMNS), 0), ended: false }
    }
}

impl Terminal {
    /// Starts the program with arguments that need no quotes.
    pub fn start(context: &TestContext, arguments: &[&str]) -> Self {
        let program = env!("CARGO_BIN_EXE_harness");
        let typed = format!("stty cols {COLUMNS} rows {ROWS}; exec {program} {}", arguments.join(" "));
        let mut command = context.command_of("script", &["-qefc", &typed, "/dev/null"]);
        command.env("TERM", "xterm").env("HOME", context.folder.path());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keys, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let screen = Arc::<Screen>::default();
        let written = screen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let read = output.read(&mut bytes).unwrap_or(0);
                let mut shown = written.shown.lock().unwrap();
                shown.parser.process(&bytes[..read]);
                shown.ended = read == 0;
                written.changed.notify_all();
                for token in [TOKEN, SECOND_TOKEN] {
                    assert!(!shown.parser.screen().contents().contains(token), "the token is on the screen");
                }
                if read == 0 {
                    break;
                }
            }
        });
        Self { child, keys, screen }
    }

    /// Waits until a screen is as it should be, and returns it.
    fn wait(&self, what: &str, is_there: impl Fn(&str, bool) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut shown = self.screen.shown.lock().unwrap();
        loop {
            let text = shown.parser.screen().contents();
            if is_there(&text, shown.ended) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!shown.ended && !left.is_zero(), "{what} is not on the screen:\n{text}");
            shown = self.screen.changed.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// Waits for a text in the last lines of the screen, and types an answer.
    pub fn answers(&mut self, question: &str, keys: &str) -> String {
        let text = self.sees(question);
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        text
    }

    /// Waits for a text behind the last answer.
    pub fn sees(&self, text: &str) -> String {
        self.wait(text, |screen, _| behind_the_last_answer(screen).contains(text))
    }

    /// Waits until a text is there behind the last answer, and another one is not.
    pub fn sees_without(&self, text: &str, gone: &str) {
        self.wait(text, |screen, _| {
            let open = behind_the_last_answer(screen);
            open.contains(text) && !open.contains(gone)
        });
    }

    /// Waits for the end, and returns the exit code with what is on the screen.
    pub fn ends(mut self) -> (i32, String) {
        let text = self.wait("the end", |_, ended| ended);
        (self.child.wait().unwrap().code().unwrap(), text)
    }
}

fn behind_the_last_answer(screen: &str) -> &str {
    screen.rfind('✓').map_or(screen, |at| screen[at..].split_once('\n').map_or("", |it| it.1))
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
