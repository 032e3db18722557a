//! Where the token comes from. Never from the arguments: other users of the
//! machine can read those.

use std::{collections::BTreeMap, path::PathBuf};

use host_harness::grant::SecretSource;

use super::error::Failure;

/// Options of commands that need a token.
#[derive(clap::Args)]
pub struct SecretArgs {
    /// Read the token from this file
    #[arg(long, value_name = "FILE", group = "token")]
    token_file: Option<PathBuf>,
    /// Read the token from this environment variable instead of the connector's usual one
    #[arg(long, value_name = "VARIABLE", group = "token")]
    token_env: Option<String>,
    /// Read the token from standard input, for this command only
    #[arg(long, group = "token")]
    token_stdin: bool,
}

/// Options of commands that need each of a connector's secrets.
#[derive(clap::Args)]
pub struct EachArgs {
    /// Read one of several secrets from a file; VARIABLE is one that `harness inspect` lists (repeatable)
    #[arg(long = "secret", value_name = "VARIABLE=FILE", value_parser = one, conflicts_with = "token")]
    secrets: Vec<(String, PathBuf)>,
}

fn one(text: &str) -> Result<(String, PathBuf), String> {
    let (variable, path) = text.split_once('=').ok_or("write it as VARIABLE=FILE")?;
    Ok((variable.to_owned(), PathBuf::from(path)))
}

impl EachArgs {
    /// The sources that were given, by variable.
    pub fn sources(&self) -> Result<BTreeMap<String, SecretSource>, Failure> {
        let source = |(variable, path): &(String, PathBuf)| {
            Ok((variable.clone(), SecretSource::File { path: std::path::absolute(path)? }))
        };
        self.secrets.iter().map(source).collect()
    }
}

/// Options of commands that can put a token into the vault.
#[derive(clap::Args)]
pub struct StoreArgs {
    #[command(flatten)]
    pub secret: SecretArgs,
    #[command(flatten)]
    pub each: EachArgs,
    /// Store the token in the vault, and read it from there from now on
    #[arg(long)]
    pub store_token: bool,
}

impl StoreArgs {
    /// Whether a source was given.
    pub fn is_given(&self) -> bool {
        self.secret.is_given() || !self.each.secrets.is_empty()
    }
}

impl SecretArgs {
    /// Whether a source was given.
    pub fn is_given(&self) -> bool {
        self.token_file.is_some() || self.token_env.is_some() || self.token_stdin
    }

    /// The source that was given, if any.
    pub fn source(&self) -> Result<Option<SecretSource>, Failure> {
        Ok(match (&self.token_file, &self.token_env, self.token_stdin) {
            (Some(path), _, _) => Some(SecretSource::File { path: std::path::absolute(path)? }),
            (_, Some(name), _) => Some(SecretSource::Variable { name: name.clone() }),
            (_, _, true) => Some(SecretSource::Input),
            (None, None, false) => None,
        })
    }
}
