//! What a connector says of itself, before anything is made of it: texts that
//! are shown, names that are kept, and lists that are gone through.

use appsec_model::{Manifest, OriginNeed};
use serde_json::{Map, Value};

use super::output::clean;
use appsec_grant::Origin;

/// Longest text that people read.
const TEXT_BYTES: usize = 4 << 10;

/// Longest name that is kept: of the connector, of a secret's variable.
const NAME_BYTES: usize = 64;

/// Longest schema of the settings.
const SCHEMA_BYTES: usize = 256 << 10;

/// Most origins, secrets, kinds or formats.
const ENTRIES: usize = 64;

/// What is wrong with a manifest of a component that exports this version of
/// the contract; nothing, if it can be used.
pub(super) fn fault(manifest: &Manifest, contract: Option<&str>) -> Option<String> {
    let Manifest { id, name, version, contract_version, vendor, kinds, settings_schema, .. } = manifest;
    let Manifest { origins, secrets, formats, webhook, .. } = manifest;
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
    let variable = |text: &str| text.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'_');
    for secret in secrets {
        if secret.variable.is_empty() || secret.variable.len() > NAME_BYTES || !variable(&secret.variable) {
            return Some(format!("`{}`, the name of a secret, is no name of a variable", shown(&secret.variable)));
        }
    }
    let texts = [name, version, vendor].into_iter();
    let texts = texts.chain(origins.iter().flat_map(|need| [&need.purpose, &need.default]));
    let texts = texts.chain(secrets.iter().map(|need| &need.description));
    let of_webhook = webhook.iter().flat_map(|it| [&it.signature_header, &it.prefix, &it.description]);
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

/// A word of a manifest, fit for a message.
fn shown(word: &str) -> String {
    clean(word, &[], NAME_BYTES)
}

#[cfg(test)]
mod tests {
    use appsec_model::{Manifest, OriginNeed, SecretNeed};

    use super::fault;

    fn manifest() -> Manifest {
        Manifest {
            id: "any".to_owned(),
            name: "Any".to_owned(),
            version: "1.0.0".to_owned(),
            contract_version: "0.1.0".to_owned(),
            vendor: "Anybody".to_owned(),
            kinds: vec![],
            settings_schema: "{\n}".to_owned(),
            origins: vec![OriginNeed {
                purpose: "API".to_owned(),
                default: "https://a.example".to_owned(),
                setting: None,
            }],
            secrets: vec![SecretNeed { variable: "ANY_TOKEN".to_owned(), description: "Any".to_owned() }],
            formats: vec![],
            webhook: None,
        }
    }

    #[test]
    fn a_manifest_that_cannot_be_used_is_told_by_what_is_wrong_with_it() {
        assert_eq!(fault(&manifest(), Some("0.1.0")), None);
        let told = |change: fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            fault(&manifest, Some("0.1.0")).unwrap()
        };
        let faults = [
            told(|it| it.contract_version = "0.2.0".to_owned()),
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
        it names the contract `0.2.0`, and exports 0.1.0
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
