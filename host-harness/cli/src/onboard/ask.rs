//! Questions of the guided setup, at a terminal. Each can be left to the one
//! before it.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use appsec_analysis::repository::{Repository, RepositoryError};
use appsec_model::{Access, Kind, Project, SecretNeed};
use host_harness::{
    KindChoice, Onboarding,
    grant::{InstanceName, Secret, counted},
    store::{AutoMap, MappingRow, ProjectChoice},
};
use inquire::{
    InquireError, MultiSelect, Password, Select, Text,
    list_option::ListOption,
    ui::{Attributes, Color, RenderConfig, StyleSheet, Styled},
    validator::Validation,
};
use textwrap::core::display_width;
use zeroize::Zeroizing;

use crate::{
    error::Failure,
    mapping,
    output::{Output, errors_width, remark},
    text,
};

/// Lines of a list that are shown at a time.
const LINES: usize = 12;

/// What helps with a list of which one is chosen.
const ONE: &str = "type to search, Enter confirms, Esc goes back";

/// What helps with a list of which some are chosen.
const SOME: &str = "type to search, space selects, → all, ← none, Enter confirms, Esc goes back";

/// An answer; none to go back to the question before.
pub type Answer<T> = Result<Option<T>, Failure>;

/// Exit code of a program that Ctrl-C ended.
const LEFT: i32 = 130;

/// Asks a person.
pub struct Asker(());

/// Where a token comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenSource {
    /// The connector's usual variable, which is set.
    Variable,
    /// It is typed, and goes into the vault.
    Typed,
    /// A file.
    File,
}

/// What becomes of the onboarding at its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    Save,
    Kinds,
    Projects,
    Mapping,
    Leave,
}

/// What to do after a token was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    Token,
    Again,
    Leave,
}

/// The repository that a project gets.
#[derive(Clone, Debug)]
pub enum RepositoryChoice {
    Known(String),
    New(Box<Repository>),
    None,
}

/// A repository by its URL, else by its full name.
fn named(typed: &str) -> Result<Repository, RepositoryError> {
    let typed = typed.trim();
    match typed.contains(':') {
        true => Repository::new(None, Some(typed), None),
        false => Repository::new(Some(typed), None, None),
    }
}

/// What is shown of a choice, and what it stands for.
struct Choice<T> {
    shown: String,
    stands_for: T,
}

impl<T> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn choice<T>(shown: impl AsRef<str>, stands_for: T) -> Choice<T> {
    Choice { shown: text::line(shown.as_ref()).into_owned(), stands_for }
}

impl Asker {
    /// Somebody to ask: none where there is no terminal, or JSON is asked for.
    pub fn at_terminal(output: Output) -> Option<Self> {
        let there = !output.is_json() && io::stdin().is_terminal() && io::stderr().is_terminal();
        there.then(|| {
            inquire::set_global_render_config(looks(output.colours_errors()));
            leave_at_ctrl_c();
            Self(())
        })
    }

    /// From now on there is something to go on with for whoever leaves.
    pub fn keeps(&self) {
        HAS_KEPT.store(true, Ordering::Relaxed);
    }

    /// Whether there is something to go on with.
    pub fn has_kept(&self) -> bool {
        HAS_KEPT.load(Ordering::Relaxed)
    }

    /// The name of the new instance, which no other one has.
    pub fn name(&self, taken: &[String]) -> Answer<InstanceName> {
        let taken = taken.to_vec();
        let question = Text::new("Name of the new instance:")
            .with_help_message("such as `code`: lowercase letters, digits and -")
            .with_validator(move |name: &str| {
                Ok(match name.parse::<InstanceName>() {
                    Ok(_) if taken.iter().any(|it| it == name) => {
                        Validation::Invalid(format!("the instance `{name}` exists; choose another name").into())
                    }
                    Ok(_) => Validation::Valid,
                    // Of the message only what a name may be: the name stands below it, and
                    // what does not fit in a line is broken within a word.
                    Err(error) => {
                        let message = error.to_string();
                        let rule = message.rsplit_once("`: ").map_or(message.as_str(), |(_, rule)| rule);
                        Validation::Invalid(rule.into())
                    }
                })
            });
        let Some(name) = answered(|| question.prompt())? else { return Ok(None) };
        let name =
            name.parse().map_err(|error: host_harness::grant::NameError| Failure::new("name", error.to_string(), None));
        name.map(Some)
    }

    /// Where the token is. Of the vault it is said what keeps it from being used.
    pub fn token_source(&self, need: &SecretNeed, vault: &str) -> Answer<TokenSource> {
        let mut ways = Vec::new();
        if std::env::var_os(&need.variable).is_some() {
            ways.push(choice(format!("In the environment variable {}", need.variable), TokenSource::Variable));
        }
        ways.push(choice(format!("Type it{vault}"), TokenSource::Typed));
        ways.push(choice("In a file, which is read for each sync", TokenSource::File));
        self.one("Where is the token?", ways)
    }

    /// The token itself.
    pub fn token(&self) -> Answer<Secret> {
        let question = Password::new("Token (not shown):").without_confirmation();
        let question = question.with_validator(|token: &str| {
            Ok(match Secret::typed(token) {
                Ok(_) => Validation::Valid,
                Err(error) => Validation::Invalid(error.to_string().into()),
            })
        });
        let Some(typed) = answered(|| question.prompt())?.map(Zeroizing::new) else { return Ok(None) };
        Ok(Some(Secret::typed(&typed).map_err(host_harness::Error::from)?))
    }

    /// The path of a file.
    pub fn file(&self, question: &str, usual: Option<&str>) -> Answer<PathBuf> {
        let mut text = Text::new(question).with_validator(|path: &str| {
            Ok(if path.trim().is_empty() { Validation::Invalid("name a file".into()) } else { Validation::Valid })
        });
        if let Some(usual) = usual {
            text = text.with_initial_value(usual);
        }
        Ok(answered(|| text.prompt())?.map(|path| PathBuf::from(path.trim())))
    }

    /// What to do after the vendor did not take the token.
    pub fn retry(&self) -> Answer<Retry> {
        let ways = vec![
            choice("Give another token", Retry::Token),
            choice("Try again with the same token", Retry::Again),
            choice(if self.has_kept() { "Exit; the answers are saved" } else { "Exit" }, Retry::Leave),
        ];
        self.one("What now?", ways)
    }

    /// Which kinds to sync, of those that can be read. Those that were chosen are
    /// marked, else the usual ones.
    pub fn kinds(&self, state: &Onboarding, usual: &[Kind]) -> Answer<KindChoice> {
        let readable: Vec<&Kind> =
            state.readable.iter().filter(|it| it.access == Access::Readable).map(|it| &it.kind).collect();
        let marked = state.kinds.as_deref().unwrap_or(usual);
        let chosen = self.several(
            "Which kinds should be synced?",
            readable.iter().map(|kind| (kind.to_string(), marked.contains(kind), (*kind).clone())),
        )?;
        Ok(chosen.map(KindChoice::These))
    }

    /// Which projects to sync.
    pub fn projects(&self, listed: &[Project]) -> Answer<ProjectChoice> {
        #[derive(Clone, Copy)]
        enum Way {
            All,
            Patterns,
            Names,
        }
        loop {
            let ways = vec![
                choice(format!("All {}, and those that come later", counted(listed.len(), "project")), Way::All),
                choice("Those whose names match patterns, such as acme/*", Way::Patterns),
                choice("Those that I choose from a list", Way::Names),
            ];
            let chosen = match self.one("Which projects should be synced?", ways)? {
                None => return Ok(None),
                Some(Way::All) => return Ok(Some(ProjectChoice::All)),
                Some(Way::Patterns) => {
                    let names: Vec<String> = listed.iter().map(|it| it.name.clone()).collect();
                    let question = Text::new("Patterns, separated by spaces:").with_validator(move |text: &str| {
                        let mut patterns = text.split_whitespace().peekable();
                        if patterns.peek().is_none() {
                            return Ok(Validation::Invalid("give at least one pattern".into()));
                        }
                        let unknown = patterns
                            .find(|pattern| !names.iter().any(|name| host_harness::store::matches(pattern, name)));
                        Ok(match unknown {
                            Some(pattern) => Validation::Invalid(format!("no project matches `{pattern}`").into()),
                            None => Validation::Valid,
                        })
                    });
                    let patterns = answered(|| question.prompt())?;
                    patterns.map(|text| text.split_whitespace().map(str::to_owned).collect())
                }
                Some(Way::Names) => {
                    self.several("Which ones?", listed.iter().map(|it| (it.name.clone(), false, it.name.clone())))?
                }
            };
            if let Some(chosen) = chosen {
                return Ok(Some(ProjectChoice::Matching(chosen)));
            }
        }
    }

    /// What becomes of projects.
    pub fn auto_map(&self) -> Answer<AutoMap> {
        let ways = AutoMap::ALL.iter().map(|mode| choice(mapping::words(*mode), *mode)).collect();
        self.one("How should projects be mapped to repositories?", ways)
    }

    /// Whether the mapping is as it should be.
    pub fn accepts_mapping(&self) -> Answer<bool> {
        let ways = vec![choice("It is right", true), choice("Correct the repository of a project", false)];
        self.one("Is this mapping right?", ways)
    }

    /// The project to correct.
    pub fn wrong_project<'a>(&self, rows: &'a [MappingRow]) -> Answer<&'a MappingRow> {
        let ways = rows.iter().map(|row| {
            let of = row.repository.as_deref().unwrap_or("no repository");
            choice(format!("{} → {of}", row.project), row)
        });
        self.one("Which project?", ways.collect())
    }

    /// The repository of a project: one of those that are known, or another.
    pub fn repository(&self, row: &MappingRow, known: &[String]) -> Answer<RepositoryChoice> {
        loop {
            let mut ways: Vec<Choice<Option<RepositoryChoice>>> =
                known.iter().map(|name| choice(name, Some(RepositoryChoice::Known(name.clone())))).collect();
            ways.push(choice("another one, which is not listed", None));
            ways.push(choice("none: leave it unmapped, and do not sync it", Some(RepositoryChoice::None)));
            let chosen = match self.one(&format!("Repository of {}:", text::line(&row.project)), ways)? {
                Some(None) => self.new_repository()?.map(|it| RepositoryChoice::New(Box::new(it))),
                Some(chosen) => chosen,
                None => return Ok(None),
            };
            if chosen.is_some() {
                return Ok(chosen);
            }
        }
    }

    /// A repository that is not listed.
    fn new_repository(&self) -> Answer<Repository> {
        let question = Text::new("Its full name or URL:")
            .with_help_message("such as acme/shop or https://github.com/acme/shop; Esc goes back")
            .with_validator(|typed: &str| {
                Ok(match named(typed) {
                    Ok(_) => Validation::Valid,
                    Err(error) => Validation::Invalid(error.to_string().into()),
                })
            });
        let Some(typed) = answered(|| question.prompt())? else { return Ok(None) };
        let repository = named(&typed);
        repository.map(Some).map_err(|error| Failure::new("invalid-repository", error.to_string(), None))
    }

    /// What becomes of the answers.
    pub fn end(&self, name: &InstanceName) -> Answer<End> {
        let ways = vec![
            choice(format!("Save the instance {name}"), End::Save),
            choice("Change the kinds", End::Kinds),
            choice("Change the projects", End::Projects),
            choice("Change the mapping", End::Mapping),
            choice("Exit; the answers are saved", End::Leave),
        ];
        self.one("Is everything right?", ways)
    }

    fn one<T>(&self, question: &str, ways: Vec<Choice<T>>) -> Answer<T> {
        let long = ways.len() > LINES;
        let shown = |chosen: ListOption<&Choice<T>>| beside(question, &chosen.value.shown, errors_width());
        let mut select = Select::new(question, ways).with_page_size(LINES).with_formatter(&shown);
        if long {
            select = select.with_help_message(ONE);
        } else {
            select = select.with_help_message("↑↓ move, Enter confirms, Esc goes back").without_filtering();
        }
        Ok(answered(|| select.prompt())?.map(|choice| choice.stands_for))
    }

    /// Some of several, at least one: what is shown, whether it is marked, and
    /// what it stands for.
    fn several<T>(&self, question: &str, items: impl Iterator<Item = (String, bool, T)>) -> Answer<Vec<T>> {
        let (mut ways, mut marked) = (Vec::new(), Vec::new());
        for (at, (shown, is_marked, stands_for)) in items.enumerate() {
            ways.push(choice(shown, stands_for));
            if is_marked {
                marked.push(at);
            }
        }
        let count = |chosen: &[ListOption<&Choice<T>>]| match chosen {
            some if some.len() <= 3 => {
                let all = some.iter().map(|it| it.value.shown.clone()).collect::<Vec<_>>().join(", ");
                beside(question, &all, errors_width())
            }
            some => format!("{} chosen", some.len()),
        };
        let select = MultiSelect::new(question, ways)
            .with_default(&marked)
            .with_page_size(LINES)
            .with_help_message(SOME)
            .with_formatter(&count)
            .with_validator(|chosen: &[ListOption<&Choice<T>>]| {
                Ok(if chosen.is_empty() {
                    Validation::Invalid("choose at least one".into())
                } else {
                    Validation::Valid
                })
            });
        let chosen = answered(|| select.prompt())?;
        Ok(chosen.map(|chosen| chosen.into_iter().map(|choice| choice.stands_for).collect()))
    }
}

/// An answer beside its question, as much of it as fits in whole words: the terminal
/// would break the line within one.
fn beside(question: &str, answer: &str, width: Option<usize>) -> String {
    // The sign before the question, the gaps, and the cursor.
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(display_width(question) + 4));
    if display_width(answer) <= room {
        return answer.to_owned();
    }
    let mut shown = String::new();
    for word in answer.split_inclusive(' ') {
        if display_width(&shown) + display_width(word) >= room {
            break;
        }
        shown.push_str(word);
    }
    shown + "…"
}

/// An answer. What is typed is shown by the question, or not at all: the
/// terminal itself shows nothing.
fn answered<T>(ask: impl FnOnce() -> Result<T, InquireError>) -> Answer<T> {
    let _quiet = Quiet::begin();
    match ask() {
        Ok(answer) => Ok(Some(answer)),
        Err(InquireError::OperationCanceled) => Ok(None),
        Err(error) => {
            if matches!(&error, InquireError::IO(error) if error.kind() == io::ErrorKind::Interrupted) {
                // The program is being ended.
                std::thread::sleep(Duration::from_secs(1));
            }
            Err(Failure::new("no-answer", format!("no answer: {error}"), Some(left())))
        }
    }
}

/// Whether there is something to go on with for whoever leaves.
static HAS_KEPT: AtomicBool = AtomicBool::new(false);

/// How to go on for whoever leaves.
fn left() -> &'static str {
    match HAS_KEPT.load(Ordering::Relaxed) {
        true => "your answers are saved; continue with: harness onboard",
        false => "nothing was saved yet; start again with: harness onboard",
    }
}

/// A terminal that shows no typed signs, until it is dropped.
struct Quiet {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Quiet {
    fn begin() -> Self {
        #[cfg(unix)]
        {
            use rustix::termios::{LocalModes, OptionalActions::Now, tcgetattr, tcsetattr};
            let before = tcgetattr(rustix::stdio::stdin()).ok();
            if let Some(mut quiet) = before.clone() {
                quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
                // If it fails, there is no terminal any more.
                let _ = tcsetattr(rustix::stdio::stdin(), Now, &quiet);
            }
            Self { before }
        }
        #[cfg(not(unix))]
        Self {}
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            let _ = rustix::termios::tcsetattr(rustix::stdio::stdin(), rustix::termios::OptionalActions::Now, before);
        }
    }
}

/// Gives the terminal back as it was when Ctrl-C ends the program: a question
/// hides the cursor and what is typed.
fn leave_at_ctrl_c() {
    #[cfg(unix)]
    let before = rustix::termios::tcgetattr(rustix::stdio::stdin()).ok();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        #[cfg(unix)]
        drop(Quiet { before });
        // Shows the cursor.
        let _ = writeln!(io::stderr(), "\u{1b}[?25h");
        remark(format!("Interrupted: {}", left()));
        std::process::exit(LEFT);
    });
}

/// How questions look.
fn looks(colours: bool) -> RenderConfig<'static> {
    let plain = RenderConfig::empty()
        .with_prompt_prefix(Styled::new("•"))
        .with_answered_prompt_prefix(Styled::new("✓"))
        .with_canceled_prompt_indicator(Styled::new("back"));
    if !colours {
        return plain;
    }
    let (green, cyan) = (Color::DarkGreen, StyleSheet::new().with_fg(Color::DarkCyan));
    RenderConfig {
        prompt_prefix: plain.prompt_prefix.with_fg(Color::DarkCyan),
        answered_prompt_prefix: plain.answered_prompt_prefix.with_fg(green),
        prompt: StyleSheet::new().with_attr(Attributes::BOLD),
        answer: cyan,
        selected_option: Some(cyan),
        highlighted_option_prefix: plain.highlighted_option_prefix.with_fg(Color::DarkCyan),
        selected_checkbox: plain.selected_checkbox.with_fg(green),
        help_message: StyleSheet::new().with_fg(Color::DarkGrey),
        error_message: plain.error_message.with_prefix(Styled::new("!").with_fg(Color::DarkRed)),
        ..plain
    }
}

#[cfg(test)]
mod tests {
    use super::{beside, named};

    #[test]
    fn an_answer_beside_its_question_breaks_no_word() {
        let answer = "each to the listed repository it matches";
        assert_eq!(beside("How?", answer, None), answer);
        assert_eq!(beside("How?", answer, Some(48)), answer);
        assert_eq!(beside("How?", answer, Some(47)), "each to the listed repository it …");
        assert_eq!(beside("How?", answer, Some(9)), "…");
    }

    #[test]
    fn a_repository_is_typed_by_name_or_address() {
        assert_eq!(named(" acme/shop ").unwrap().full_name(), "acme/shop");
        let typed = named("git@github.com:acme/shop.git").unwrap();
        assert_eq!((typed.full_name(), typed.address().is_some()), ("acme/shop", true));
        assert!(named("").is_err());
    }
}
