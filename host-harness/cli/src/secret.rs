//! Where the token comes from. Never from the arguments: other users of the
//! machine can read those.

use std::path::PathBuf;

use host_harness::SecretSource;

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

/// Options of commands that can put a token into the vault.
#[derive(clap::Args)]
pub struct StoreArgs {
    #[command(flatten)]
    pub secret: SecretArgs,
    /// Store the token in the vault, and read it from there from now on
    #[arg(long)]
    pub store_token: bool,
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
