//! `harness instance rotate-token` and `set`.

use appsec_model::Kind;
use host_harness::{InstanceName, Origin, Rotation, SettingsChange};
use serde_json::Value;

use crate::{
    error::Failure,
    secret::{SecretArgs, StoreArgs},
};

#[derive(clap::Args)]
pub struct RotateArgs {
    /// Its name
    name: InstanceName,
    #[command(flatten)]
    token: StoreArgs,
    /// Take the token out of the vault: it is read from where it comes from now on
    #[arg(long, conflicts_with = "store_token")]
    no_store_token: bool,
    /// Take it although it is of another account at the vendor
    #[arg(long)]
    other_account: bool,
}

impl RotateArgs {
    /// What is asked for.
    pub fn rotation(self) -> Result<(InstanceName, Rotation), Failure> {
        let store = match (self.token.store_token, self.no_store_token) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        };
        let secret = self.token.secret.source()?;
        Ok((self.name, Rotation { secret, store, other_account: self.other_account }))
    }
}

#[derive(clap::Args)]
pub struct SetArgs {
    /// Its name
    name: InstanceName,
    /// A setting; `harness inspect` lists them. VALUE is JSON, or else a text
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = super::setting)]
    settings: Vec<(String, Value)>,
    /// Let a setting go back to its default
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// The kinds to bring, such as sast,sca
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// Let the connector reach this origin as well
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Let the connector reach this origin at an address of this machine or network
    #[arg(long, value_name = "ORIGIN")]
    allow_private_origin: Vec<Origin>,
    /// Take them although they lead to another account at the vendor
    #[arg(long)]
    other_account: bool,
    #[command(flatten)]
    secret: SecretArgs,
}

impl SetArgs {
    /// What is asked for.
    pub fn change(self) -> Result<(InstanceName, SettingsChange), Failure> {
        let change = SettingsChange {
            set: self.settings.into_iter().collect(),
            unset: self.unset,
            kinds: self.kinds,
            allow_origins: self.allow_origin,
            allow_private_origins: self.allow_private_origin,
            secret: self.secret.source()?,
            other_account: self.other_account,
        };
        Ok((self.name, change))
    }
}
