//! `harness instance rotate-token` and `set`.

use appsec_model::Kind;
use host_harness::{
    Rotation, SettingsChange,
    grant::{InstanceName, Origin},
    store::WriteBackMode,
};
use serde_json::Value;

use crate::{
    error::Failure,
    proxy::ProxyArgs,
    secret::{SecretArgs, StoreArgs},
};

#[derive(clap::Args)]
pub struct RotateArgs {
    /// Name of the instance
    name: InstanceName,
    #[command(flatten)]
    token: StoreArgs,
    /// Remove the token from the vault, and read it from its source from now on
    #[arg(long, conflicts_with = "store_token")]
    no_store_token: bool,
    /// Allow a token of another account at the vendor
    #[arg(long)]
    allow_account_change: bool,
}

impl RotateArgs {
    /// What is asked for.
    pub fn rotation(self) -> Result<(InstanceName, Rotation), Failure> {
        let store = match (self.token.store_token, self.no_store_token) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        };
        let rotation = Rotation {
            secret: self.token.secret.source()?,
            secrets: self.token.each.sources()?,
            store,
            other_account: self.allow_account_change,
            ..Rotation::default()
        };
        Ok((self.name, rotation))
    }
}

#[derive(clap::Args)]
pub struct SetArgs {
    /// Name of the instance
    name: InstanceName,
    /// Set a setting listed by `harness inspect`; VALUE is JSON, or plain text if it is not valid JSON
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = super::setting)]
    settings: Vec<(String, Value)>,
    /// Reset a setting to its default
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// Fetch these kinds, such as sast,sca
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// Allow the connector to reach this origin
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Allow this origin, even on loopback and private addresses
    #[arg(long, value_name = "ORIGIN")]
    allow_private_origin: Vec<Origin>,
    #[command(flatten)]
    proxy: ProxyArgs,
    /// Allow settings that lead to another account at the vendor
    #[arg(long)]
    allow_account_change: bool,
    /// Choose whether decisions go back to the vendor: off, on, or hold where the vendor has decided otherwise later
    #[arg(long, value_name = "MODE", hide_possible_values = true, value_parser = mode())]
    pub write_back: Option<WriteBackMode>,
    #[command(flatten)]
    secret: SecretArgs,
}

fn mode() -> impl clap::builder::TypedValueParser<Value = WriteBackMode> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(WriteBackMode::WORDS).try_map(|word| word.parse::<WriteBackMode>())
}

impl SetArgs {
    /// Whether nothing is asked for but how decisions go back: nobody needs to ask
    /// the vendor for that.
    fn is_write_back_alone(&self) -> bool {
        let settings = !self.settings.is_empty() || !self.unset.is_empty() || !self.kinds.is_empty();
        let origins = !self.allow_origin.is_empty() || !self.allow_private_origin.is_empty();
        self.write_back.is_some() && !settings && !origins && !self.proxy.is_given() && !self.secret.is_given()
    }

    /// What is asked for.
    pub fn change(self) -> Result<(InstanceName, Option<SettingsChange>), Failure> {
        if self.is_write_back_alone() {
            return Ok((self.name, None));
        }
        let change = SettingsChange {
            set: self.settings.into_iter().collect(),
            unset: self.unset,
            kinds: self.kinds,
            allow_origins: self.allow_origin,
            allow_private_origins: self.allow_private_origin,
            proxy: self.proxy.change()?,
            secret: self.secret.source()?,
            other_account: self.allow_account_change,
        };
        Ok((self.name, Some(change)))
    }
}
