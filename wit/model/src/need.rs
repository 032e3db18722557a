//! What a connector must have of its host: origins and secrets.

use serde::{Deserialize, Serialize};

/// An origin that a connector must reach.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OriginNeed {
    /// What it is needed for.
    pub purpose: String,
    /// The origin.
    pub default: String,
    /// Key of the setting that replaces the default.
    pub setting: Option<String>,
}

/// A secret that a connector needs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretNeed {
    /// Name of the environment variable.
    pub variable: String,
    /// Where a person gets it and which rights it needs.
    pub description: String,
    /// Where in a request it stands.
    pub placement: SecretPlacement,
}

/// Where in a request a secret stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SecretPlacement {
    /// `Authorization: Bearer <value>`.
    Bearer,
    /// A header of any name.
    Header(SecretHeader),
    /// The user of `Authorization: Basic`.
    BasicUser,
    /// The password of `Authorization: Basic`.
    BasicPassword,
    /// The parameter of that name in the query.
    Query(String),
    /// The client's id; to the token endpoint alone.
    OauthClientId,
    /// The client's secret; to the token endpoint alone.
    OauthClientSecret,
    /// The refresh token; to the token endpoint alone.
    OauthRefreshToken,
}

impl SecretPlacement {
    /// Whether it goes to the token endpoint, and the connector has nothing of it.
    pub const fn is_for_tokens(&self) -> bool {
        matches!(self, Self::OauthClientId | Self::OauthClientSecret | Self::OauthRefreshToken)
    }
}

/// A header that holds a secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretHeader {
    /// Its name.
    pub name: String,
    /// Its value, with `{secret}` once in the place of the secret.
    pub template: String,
}

/// How a host gets access tokens by OAuth 2.0.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OauthClient {
    /// Name of the environment variable of the access token.
    pub variable: String,
    /// What a token is asked for with.
    pub grant: OauthGrant,
    /// Address of the token endpoint, at the default of one of the origins.
    pub token_url: String,
    /// Scopes to ask for, with blanks between them.
    pub scope: Option<String>,
    /// How the client says who it is.
    pub authentication: OauthAuthentication,
}

/// What an access token is asked for with.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum OauthGrant {
    /// Client id and client secret.
    ClientCredentials,
    /// A refresh token.
    RefreshToken,
}

/// How the client says who it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum OauthAuthentication {
    /// `Authorization: Basic`.
    Basic,
    /// `client_id` and `client_secret` in the body.
    Body,
}
