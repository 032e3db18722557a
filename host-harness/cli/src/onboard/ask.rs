//! Questions of the onboarding, at a terminal.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    time::Duration,
};

use appsec_model::{Access, Kind, SecretNeed};
use dialoguer::{Confirm, Input, MultiSelect, Password, Select, console::Term};
use host_harness::{AutoMap, InstanceName, KindChoice, Onboarding, ProjectChoice, Secret, Tenant};

use crate::{
    error::Failure,
    output::{Output, remark},
    text,
};

/// Exit code of a program that Ctrl-C ended.
const LEFT: i32 = 130;

/// Asks a person.
pub struct Asker(());

/// Where a token comes from.
pub enum Token {
    /// The connector's usual variable, which is set.
    Variable,
    /// A file.
    File(PathBuf),
    /// It was typed, and goes into the vault.
    Typed(Secret),
}

impl Asker {
    /// Somebody to ask: none where there is no terminal, or JSON is asked for.
    pub fn at_terminal(output: Output) -> Option<Self> {
        let there = !output.is_json() && io::stdin().is_terminal() && io::stderr().is_terminal();
        there.then(|| {
            restore_when_left();
            Self(())
        })
    }

    /// The name of the instance to be.
    pub fn name(&self) -> Result<InstanceName, Failure> {
        let question = Input::<String>::new().with_prompt("Name of the instance (letters, digits and -)");
        let checked = question.validate_with(|name: &String| name.parse::<InstanceName>().map(|_| ()));
        let name = answered(checked.interact_text())?;
        name.parse().map_err(|error: host_harness::NameError| Failure::new("name", error.to_string(), None))
    }

    /// Where the token is.
    pub fn token(&self, need: &SecretNeed) -> Result<Token, Failure> {
        let variable = &need.variable;
        remark(format!("{variable}: {}", need.description));
        let is_set = std::env::var_os(variable).is_some();
        let mut ways = vec!["Type it; it is stored in the vault".to_owned(), "Read it from a file".to_owned()];
        if is_set {
            ways.push(text::line(&format!("Read it from the environment variable {variable}")).into_owned());
        }
        let usual = if is_set { 2 } else { 0 };
        let way = Select::new().with_prompt("Where is the token?").items(&ways).default(usual).interact();
        Ok(match answered(way)? {
            0 => {
                let text =
                    zeroize::Zeroizing::new(answered(Password::new().with_prompt("Token (not shown)").interact())?);
                let typed = Secret::typed(&text).map_err(host_harness::Error::from)?;
                Token::Typed(typed)
            }
            1 => Token::File(answered(Input::<String>::new().with_prompt("File").interact_text())?.into()),
            _ => Token::Variable,
        })
    }

    /// Which kinds to bring, of those that can be read.
    pub fn kinds(&self, state: &Onboarding) -> Result<KindChoice, Failure> {
        let readable = state.readable.iter().filter(|it| it.access == Access::Readable);
        let kinds: Vec<&Kind> = readable.map(|it| &it.kind).collect();
        let chosen = self.several("Which kinds should be fetched? (space selects, enter confirms)", &kinds, true)?;
        Ok(KindChoice::These(chosen.into_iter().cloned().collect()))
    }

    /// Which projects to bring.
    pub async fn projects(&self, tenant: &Tenant, name: &InstanceName) -> Result<ProjectChoice, Failure> {
        let listed = tenant.onboarding_projects(name).await?;
        let ways =
            [format!("All {}, and those that come later", listed.len()), "By pattern".to_owned(), "By name".to_owned()];
        let way = Select::new().with_prompt("Which projects should be fetched?").items(&ways).default(0).interact();
        Ok(match answered(way)? {
            0 => ProjectChoice::All,
            1 => {
                let question = Input::<String>::new().with_prompt("Patterns, separated by spaces, such as acme/*");
                let patterns = answered(question.interact_text())?;
                ProjectChoice::Matching(patterns.split_whitespace().map(str::to_owned).collect())
            }
            _ => {
                let names: Vec<&String> = listed.iter().map(|project| &project.name).collect();
                let chosen = self.several("Projects (space selects, enter confirms)", &names, false)?;
                ProjectChoice::Matching(chosen.into_iter().cloned().collect())
            }
        })
    }

    /// What becomes of projects without a repository.
    pub fn auto_map(&self) -> Result<AutoMap, Failure> {
        let ways = ["Create a repository for each", "Leave them unmapped", "Map nothing automatically"];
        let question = Select::new().with_prompt("What should happen to projects that match no repository?");
        Ok(match answered(question.items(ways).default(0).interact())? {
            0 => AutoMap::Create,
            1 => AutoMap::Match,
            _ => AutoMap::Manual,
        })
    }

    /// Whether it is to be saved.
    pub fn save(&self, name: &InstanceName) -> Result<bool, Failure> {
        answered(Confirm::new().with_prompt(format!("Save the instance {name}?")).default(true).interact())
    }

    /// Some of several, at least one. All or none are marked at first.
    fn several<'a, T: ToString>(&self, prompt: &str, items: &[&'a T], marked: bool) -> Result<Vec<&'a T>, Failure> {
        loop {
            let question = MultiSelect::new()
                .with_prompt(prompt)
                .items_checked(items.iter().map(|item| (text::line(&item.to_string()).into_owned(), marked)));
            let chosen = answered(question.max_length(20).interact())?;
            if !chosen.is_empty() || items.is_empty() {
                return Ok(chosen.into_iter().filter_map(|index| items.get(index).copied()).collect());
            }
            remark("At least one, please.");
        }
    }
}

/// Gives the terminal back as it was when Ctrl-C ends the program: a question
/// hides the cursor, and one for a token what is typed.
fn restore_when_left() {
    #[cfg(unix)]
    let before = rustix::termios::tcgetattr(io::stdin()).ok();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        #[cfg(unix)]
        if let Some(before) = &before {
            // If it fails, there is no terminal any more.
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, before);
        }
        let _ = Term::stderr().show_cursor();
        let _ = writeln!(io::stderr());
        remark("Interrupted. Your answers are kept: continue with harness onboard");
        std::process::exit(LEFT);
    });
}

/// An answer. Whoever leaves instead is told how to go on.
fn answered<T>(answer: dialoguer::Result<T>) -> Result<T, Failure> {
    answer.map_err(|dialoguer::Error::IO(error)| {
        if error.kind() == io::ErrorKind::Interrupted {
            // The program is being ended.
            std::thread::sleep(Duration::from_secs(1));
        }
        Failure::new(
            "onboarding-left",
            format!("no answer: {error}"),
            Some("your answers are kept: continue with harness onboard"),
        )
    })
}
