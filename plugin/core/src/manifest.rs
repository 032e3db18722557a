//! What the connector is, can bring and needs.

use appsec_model::{
    CONTRACT_VERSION, Decision, Kind, KindSupport, Manifest, OriginNeed, SecretNeed, SecretPlacement,
    SignatureAlgorithm, SignatureEncoding, WebhookScheme, WriteBack,
};

use crate::{
    file::format::Format,
    settings::{DEFAULT_KINDS, DEFAULT_ORIGIN, KINDS},
};

/// Name of the environment variable that holds the token.
pub const SECRET_VARIABLE: &str = "SEMGREP_APP_TOKEN";

/// Most findings that one request of triage takes, and most characters of its note.
pub const MAX_DECISIONS: usize = 3_000;
const MAX_NOTE_CHARS: usize = 3_000;

/// Says what the connector is. Always the same answer.
pub fn describe() -> Manifest {
    Manifest {
        id: "semgrep".to_owned(),
        name: "Semgrep AppSec Platform".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        contract_version: CONTRACT_VERSION.to_owned(),
        vendor: "Semgrep".to_owned(),
        kinds: KINDS.map(|kind| KindSupport { on_by_default: DEFAULT_KINDS.contains(&kind), kind }).into(),
        settings_schema: include_str!("../../settings.schema.json").to_owned(),
        origins: vec![OriginNeed {
            purpose: "The platform's Web API".to_owned(),
            default: DEFAULT_ORIGIN.to_owned(),
            setting: Some("origin".to_owned()),
        }],
        secrets: vec![SecretNeed {
            variable: SECRET_VARIABLE.to_owned(),
            description: "API token with the Web API scope. An admin of the deployment makes it on the platform \
                          under Settings > Tokens > API tokens. Tokens for scans or for the command line do not \
                          reach the Web API: Semgrep answers 404 to them."
                .to_owned(),
            placement: SecretPlacement::Bearer,
        }],
        formats: Format::ALL.map(Format::describe).into(),
        webhook: Some(WebhookScheme {
            signature_header: "X-Semgrep-Signature-256".to_owned(),
            algorithm: SignatureAlgorithm::HmacSha256,
            encoding: SignatureEncoding::Hex,
            prefix: String::new(),
            timestamp_header: None,
            description: "On the platform under Settings > Integrations > Add > Webhook: the address as Webhook URL, \
                          and the secret, of at least 15 characters, as Signature Secret. Which findings are sent is \
                          set in the policies; scans are always sent."
                .to_owned(),
        }),
        oauth: None,
        write_back: Some(write_back()),
    }
}

/// What the platform takes: the kinds of its triage endpoint, and every decision.
fn write_back() -> WriteBack {
    WriteBack {
        kinds: vec![Kind::Sast, Kind::Sca, Kind::Secrets],
        decisions: vec![
            Decision::Reviewing,
            Decision::Fixing,
            Decision::AcceptedRisk,
            Decision::FalsePositive,
            Decision::WontFix,
            Decision::Duplicate,
            Decision::Reopened,
        ],
        batch: u32::try_from(MAX_DECISIONS).unwrap_or(u32::MAX),
        comment_chars: u32::try_from(MAX_NOTE_CHARS).unwrap_or(u32::MAX),
        effect: "Semgrep triages findings with the same fingerprint on other branches with them".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::describe;
    use crate::Origin;

    #[test]
    fn the_manifest_keeps_its_promises() {
        let manifest = describe();
        assert!(manifest.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        for origin in &manifest.origins {
            assert_eq!(Origin::parse(&origin.default).unwrap().to_string(), origin.default);
        }
        let schema: serde_json::Value = serde_json::from_str(&manifest.settings_schema).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        assert!(properties.contains_key(manifest.origins[0].setting.as_deref().unwrap()));
    }
}
