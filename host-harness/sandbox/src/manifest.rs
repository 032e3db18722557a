//! What a connector says of itself, before anything is made of it: texts that
//! are shown, names that are kept, and lists that are gone through.

use appsec_model::{Manifest, OauthGrant, OriginNeed, SecretHeader, SecretNeed, SecretPlacement};
use http::{HeaderName, header};
use serde_json::{Map, Value};

use super::output::clean;
use crate::capability::credential::{SLOT, header_name};
use appsec_grant::Origin;

/// Longest text that people read.
const TEXT_BYTES: usize = 4 << 10;

/// Longest name that is kept: of the connector, of a secret's variable.
const NAME_BYTES: usize = 64;

/// Longest schema of the settings.
const SCHEMA_BYTES: usize = 256 << 10;

/// Longest template of a header.
const TEMPLATE_BYTES: usize = 256;

/// Headers that are the host's, or would change what is sent to whom.
const OWN_HEADERS: [HeaderName; 7] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
];

/// Most origins, secrets, kinds or formats.
const ENTRIES: usize = 64;

/// What is wrong with a manifest of a component that exports this version of
/// the contract; nothing, if it can be used.
pub(super) fn fault(manifest: &Manifest, contract: Option<&str>) -> Option<String> {
    let Manifest { id, name, version, contract_version, vendor, kinds, settings_schema, .. } = manifest;
    let Manifest { origins, secrets, formats, webhook, write_back, .. } = manifest;
    if contract != Some(contract_version) {
        let exported = contract.unwrap_or("none");
        return Some(format!("it names the contract `{}`, and exports {exported}", shown(contract_version)));
    }
    let plain = |sign: u8| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'-';
    if id.is_empty() || id.len() > NAME_BYTES || !id.bytes().all(plain) {
        return Some(format!("its id `{}` is not of 1 to {NAME_BYTES} small letters, digits and `-`", shown(id)));
    }
    let most = [kinds.len(), origins.len(), secrets.len(), formats.len()].into_iter().max();
    if most.is_some_and(|most| most > ENTRIES) {
        return Some(format!("it has more than {ENTRIES} kinds, origins, secrets or formats"));
    }
    if settings_schema.len() > SCHEMA_BYTES {
        return Some(format!("the schema of its settings has more than {SCHEMA_BYTES} bytes"));
    }
    let schema = match serde_json::from_str::<Map<String, Value>>(settings_schema) {
        Ok(schema) => schema,
        Err(error) => return Some(format!("the schema of its settings is no JSON object: {error}")),
    };
    if let Some(fault) = origins.iter().find_map(|need| origin_fault(need, &schema)) {
        return Some(fault);
    }
    if let Some(fault) = secrets.iter().find_map(secret_fault).or_else(|| credentials_fault(manifest)) {
        return Some(fault);
    }
    if write_back.as_ref().is_some_and(|it| it.batch == 0 || it.kinds.len() > ENTRIES || it.decisions.len() > ENTRIES) {
        return Some("what `write-decisions` takes is nothing at a time, or has too many kinds".to_owned());
    }
    let texts = [name, version, vendor].into_iter();
    let texts = texts.chain(origins.iter().flat_map(|need| [&need.purpose, &need.default]));
    let texts = texts.chain(secrets.iter().map(|need| &need.description));
    let of_webhook = webhook.iter().flat_map(|it| [&it.signature_header, &it.prefix, &it.description]);
    let texts = texts.chain(write_back.iter().map(|it| &it.effect));
    let texts = texts.chain(of_webhook).chain(webhook.iter().filter_map(|it| it.timestamp_header.as_ref()));
    let mut texts = texts.chain(formats.iter().flat_map(|format| [&format.name, &format.description]));
    let unfit = |text: &String| text.len() > TEXT_BYTES || text.chars().any(char::is_control);
    texts.any(unfit).then(|| format!("a text in it has control characters or more than {TEXT_BYTES} bytes"))
}

/// What is wrong with an origin that is asked for: nobody could grant it, or
/// nobody could set another one in its place.
fn origin_fault(need: &OriginNeed, schema: &Map<String, Value>) -> Option<String> {
    if let Err(error) = need.default.parse::<Origin>() {
        return Some(format!(
            "an origin that it needs cannot be granted: {}",
            clean(&error.to_string(), &[], TEXT_BYTES)
        ));
    }
    let setting = need.setting.as_ref()?;
    let properties = schema.get("properties").and_then(Value::as_object);
    let known = properties.is_some_and(|properties| properties.contains_key(setting));
    (!known).then(|| format!("the setting `{}` of an origin is not in the schema of its settings", shown(setting)))
}

fn is_variable(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_BYTES
        && text.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'_')
}

/// What is wrong with a secret: it has no name, or no place that it could stand
/// in.
fn secret_fault(secret: &SecretNeed) -> Option<String> {
    if !is_variable(&secret.variable) {
        return Some(format!("`{}`, the name of a secret, is no name of a variable", shown(&secret.variable)));
    }
    let is_placed = match &secret.placement {
        SecretPlacement::Header(SecretHeader { name, template }) => {
            let is_free = header_name(name).is_some_and(|name| !OWN_HEADERS.contains(&name));
            let is_value = template.len() <= TEMPLATE_BYTES && template.bytes().all(|sign| matches!(sign, b' '..=b'~'));
            is_free && is_value && template.trim() == template && template.matches(SLOT).count() == 1
        }
        SecretPlacement::Query(name) => {
            let plain = |sign: u8| sign.is_ascii_alphanumeric() || matches!(sign, b'-' | b'_' | b'.');
            !name.is_empty() && name.len() <= NAME_BYTES && name.bytes().all(plain)
        }
        _ => true,
    };
    (!is_placed).then(|| format!("the secret `{}` has no place where a secret can stand", shown(&secret.variable)))
}

/// What is wrong with all credentials together.
fn credentials_fault(manifest: &Manifest) -> Option<String> {
    let Manifest { secrets, oauth, origins, .. } = manifest;
    let count = |placement: &SecretPlacement| secrets.iter().filter(|need| need.placement == *placement).count();
    let twice = secrets.iter().find(|need| need.placement != SecretPlacement::Bearer && count(&need.placement) > 1);
    if let Some(need) = twice {
        return Some(format!("the secret `{}` has the place of another one", shown(&need.variable)));
    }
    let Some(client) = oauth else {
        let need = secrets.iter().find(|need| need.placement.is_for_tokens())?;
        return Some(format!("the secret `{}` is for a token endpoint that it does not name", shown(&need.variable)));
    };
    if !is_variable(&client.variable) || secrets.iter().any(|need| need.variable == client.variable) {
        return Some(format!("`{}`, the variable of its access token, cannot be one", shown(&client.variable)));
    }
    let of_endpoint = Origin::of_url(&client.token_url).ok();
    if of_endpoint.is_none() || !origins.iter().any(|need| need.default.parse().ok() == of_endpoint) {
        return Some("its token endpoint is at none of the origins that it needs".to_owned());
    }
    let needed: &[_] = match client.grant {
        OauthGrant::ClientCredentials => &[SecretPlacement::OauthClientId, SecretPlacement::OauthClientSecret],
        OauthGrant::RefreshToken => &[SecretPlacement::OauthRefreshToken],
    };
    let lacks = needed.iter().any(|placement| count(placement) == 0);
    lacks.then(|| "it does not ask for the secrets that its access token is asked for with".to_owned())
}

/// A word of a manifest, fit for a message.
fn shown(word: &str) -> String {
    clean(word, &[], NAME_BYTES)
}

#[cfg(test)]
mod tests {
    use appsec_model::{
        Manifest, OauthAuthentication, OauthClient, OauthGrant, OriginNeed, SecretHeader, SecretNeed, SecretPlacement,
    };

    use super::fault;

    fn manifest() -> Manifest {
        Manifest {
            id: "any".to_owned(),
            name: "Any".to_owned(),
            version: "1.0.0".to_owned(),
            contract_version: "0.2.0".to_owned(),
            vendor: "Anybody".to_owned(),
            kinds: vec![],
            settings_schema: "{\n}".to_owned(),
            origins: vec![OriginNeed {
                purpose: "API".to_owned(),
                default: "https://a.example".to_owned(),
                setting: None,
            }],
            secrets: vec![need("ANY_TOKEN", SecretPlacement::Bearer)],
            formats: vec![],
            webhook: None,
            oauth: None,
            write_back: None,
        }
    }

    fn need(variable: &str, placement: SecretPlacement) -> SecretNeed {
        SecretNeed { variable: variable.to_owned(), description: "Any".to_owned(), placement }
    }

    fn header(name: &str, template: &str) -> SecretPlacement {
        SecretPlacement::Header(SecretHeader { name: name.to_owned(), template: template.to_owned() })
    }

    /// A manifest with an access token, and these secrets.
    fn with_tokens(it: &mut Manifest, placements: &[SecretPlacement]) {
        let needs = placements.iter().enumerate().map(|(number, it)| need(&format!("S{number}"), it.clone()));
        it.secrets = needs.collect();
        it.oauth = Some(OauthClient {
            variable: "ACCESS".to_owned(),
            grant: OauthGrant::ClientCredentials,
            token_url: "https://a.example/oauth/token".to_owned(),
            scope: None,
            authentication: OauthAuthentication::Basic,
        });
    }

    const CLIENT: [SecretPlacement; 2] = [SecretPlacement::OauthClientId, SecretPlacement::OauthClientSecret];

    #[test]
    fn a_secret_has_one_place_where_a_secret_can_stand() {
        let fault = |change: &dyn Fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            fault(&manifest, Some("0.2.0"))
        };
        let placed = |placement: SecretPlacement| fault(&|it| it.secrets = vec![need("ANY", placement.clone())]);
        for good in [
            header("X-Api-Key", "{secret}"),
            header("authorization", "Token {secret}"),
            SecretPlacement::BasicUser,
            SecretPlacement::Query("api_key".to_owned()),
        ] {
            assert_eq!(placed(good.clone()), None, "{good:?}");
        }
        for bad in [
            header("X Api", "{secret}"),
            header("Host", "{secret}"),
            header("proxy-authorization", "{secret}"),
            header("X-Api-Key", "Token"),
            header("X-Api-Key", "{secret}{secret}"),
            header("X-Api-Key", "a\r\nb: {secret}"),
            SecretPlacement::Query("a&b".to_owned()),
            SecretPlacement::Query(String::new()),
        ] {
            let told = placed(bad.clone());
            assert_eq!(told.as_deref(), Some("the secret `ANY` has no place where a secret can stand"), "{bad:?}");
        }
        let faults = [
            fault(&|it| {
                it.secrets = vec![need("A", SecretPlacement::BasicUser), need("B", SecretPlacement::BasicUser)];
            }),
            fault(&|it| it.secrets = vec![need("A", SecretPlacement::OauthClientId)]),
            fault(&|it| with_tokens(it, &CLIENT[..1])),
            fault(&|it| {
                with_tokens(it, &CLIENT);
                it.origins[0].default = "https://b.example".to_owned();
            }),
            fault(&|it| {
                with_tokens(it, &CLIENT);
                it.oauth.as_mut().unwrap().variable = "S0".to_owned();
            }),
        ];
        insta::assert_snapshot!(faults.map(Option::unwrap).join("\n"), @"
        the secret `A` has the place of another one
        the secret `A` is for a token endpoint that it does not name
        it does not ask for the secrets that its access token is asked for with
        its token endpoint is at none of the origins that it needs
        `S0`, the variable of its access token, cannot be one
        ");
        assert_eq!(fault(&|it| with_tokens(it, &CLIENT)), None);
    }

    #[test]
    fn a_manifest_that_cannot_be_used_is_told_by_what_is_wrong_with_it() {
        assert_eq!(fault(&manifest(), Some("0.2.0")), None);
        let told = |change: fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            fault(&manifest, Some("0.2.0")).unwrap()
        };
        let faults = [
            told(|it| it.contract_version = "0.3.0".to_owned()),
            told(|it| it.id = "../up".to_owned()),
            told(|it| it.id = String::new()),
            told(|it| it.id = "x".repeat(65)),
            told(|it| it.id = "Any".to_owned()),
            told(|it| it.origins = vec![it.origins[0].clone(); 65]),
            told(|it| it.settings_schema = "x".repeat((256 << 10) + 1)),
            told(|it| it.settings_schema = "[]".to_owned()),
            told(|it| it.origins[0].default = "a.example".to_owned()),
            told(|it| it.origins[0].setting = Some("origin".to_owned())),
            told(|it| it.secrets[0].variable = "A=B".to_owned()),
            told(|it| it.name = "\u{1b}[2J".to_owned()),
            told(|it| it.origins[0].purpose = "x".repeat((4 << 10) + 1)),
        ];
        insta::assert_snapshot!(faults.join("\n"), @"
        it names the contract `0.3.0`, and exports 0.2.0
        its id `../up` is not of 1 to 64 small letters, digits and `-`
        its id `` is not of 1 to 64 small letters, digits and `-`
        its id `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (65 bytes)` is not of 1 to 64 small letters, digits and `-`
        its id `Any` is not of 1 to 64 small letters, digits and `-`
        it has more than 64 kinds, origins, secrets or formats
        the schema of its settings has more than 262144 bytes
        the schema of its settings is no JSON object: invalid type: sequence, expected a map at line 1 column 0
        an origin that it needs cannot be granted: `a.example` is not an origin: write it as https://host or https://host:port
        the setting `origin` of an origin is not in the schema of its settings
        `A=B`, the name of a secret, is no name of a variable
        a text in it has control characters or more than 4096 bytes
        a text in it has control characters or more than 4096 bytes
        ");
    }
}
