//! Who keeps repositories.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Who keeps a repository, as a service or on a host of one's own.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Provider {
    /// GitHub, also GitHub Enterprise.
    Github,
    /// GitLab.
    Gitlab,
    /// Bitbucket, also Bitbucket Server.
    Bitbucket,
    /// Azure DevOps, also Azure DevOps Server.
    AzureDevops,
    /// Gitea, also Forgejo.
    Gitea,
    /// Another one, by its word in small letters.
    Other(String),
}

/// The longest word of a provider.
const MAX_WORD_BYTES: usize = 40;

impl Provider {
    /// Every provider that has a name here.
    pub const NAMED: [Self; 5] = [Self::Github, Self::Gitlab, Self::Bitbucket, Self::AzureDevops, Self::Gitea];

    /// Its word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::AzureDevops => "azure-devops",
            Self::Gitea => "gitea",
            Self::Other(word) => word,
        }
    }

    /// Whether it takes names that differ in capitals only for the same. What
    /// is not known of a provider is not assumed.
    pub const fn ignores_case(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// The provider of a public service, by its host.
    pub(super) fn of_service(host: &str) -> Option<Self> {
        match host {
            "github.com" => Some(Self::Github),
            "gitlab.com" => Some(Self::Gitlab),
            "bitbucket.org" => Some(Self::Bitbucket),
            "dev.azure.com" => Some(Self::AzureDevops),
            "codeberg.org" | "gitea.com" => Some(Self::Gitea),
            _ if host.ends_with(".ghe.com") => Some(Self::Github),
            _ => None,
        }
    }

    /// The provider that a host is named after, as many are.
    pub(super) fn of_host_name(host: &str) -> Option<Self> {
        match host.split_once('.')?.0 {
            "github" => Some(Self::Github),
            "gitlab" => Some(Self::Gitlab),
            "bitbucket" => Some(Self::Bitbucket),
            "gitea" | "forgejo" => Some(Self::Gitea),
            _ => None,
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// A text is not the word of a provider. It is not repeated: in a table with
/// exchanged columns it may be an address with a token in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid provider: use github, gitlab, bitbucket, azure-devops, gitea or another short word")]
pub struct ParseProviderError;

impl FromStr for Provider {
    type Err = ParseProviderError;

    /// Reads the words in use, with any capitals, blanks, `-` and `_`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let is_word = |it: char| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_' | '.');
        if text.is_empty() || text.len() > MAX_WORD_BYTES || !text.chars().all(is_word) {
            return Err(ParseProviderError);
        }
        let word: String = text.to_lowercase().chars().filter(|it| it.is_alphanumeric()).collect();
        Ok(match word.as_str() {
            "github" | "githubcom" | "githubcloud" | "githubenterprise" | "githubenterpriseserver" | "ghe" => {
                Self::Github
            }
            "gitlab" | "gitlabcom" | "gitlabselfmanaged" => Self::Gitlab,
            "bitbucket" | "bitbucketcloud" | "bitbucketserver" | "bitbucketdatacenter" | "stash" => Self::Bitbucket,
            "azuredevops" | "azuredevopsserver" | "azurerepos" | "azure" | "ado" | "tfs" | "vsts" => Self::AzureDevops,
            "gitea" | "forgejo" | "codeberg" => Self::Gitea,
            _ => Self::Other(text.to_lowercase()),
        })
    }
}

impl Serialize for Provider {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Provider {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Provider".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "One of the examples, or another word in small letters.",
            "examples": Self::NAMED.map(|it| it.to_string()),
        })
    }
}
