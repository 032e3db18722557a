//! What a connector says of itself, before anything is made of it: texts that
//! are shown, names that are kept, and lists that are gone through.

use appsec_model::Manifest;

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
        return Some(format!("it names a contract other than the {} that it exports", contract.unwrap_or("none")));
    }
    let plain = |sign: u8| sign.is_ascii_alphanumeric() || b"-_.".contains(&sign);
    if id.is_empty() || id.len() > NAME_BYTES || !id.bytes().all(plain) {
        return Some(format!("its id is not of 1 to {NAME_BYTES} letters, digits, `-`, `_` and `.`"));
    }
    let most = [kinds.len(), origins.len(), secrets.len(), formats.len()].into_iter().max();
    if most.is_some_and(|most| most > ENTRIES) {
        return Some(format!("it has more than {ENTRIES} kinds, origins, secrets or formats"));
    }
    if settings_schema.len() > SCHEMA_BYTES {
        return Some(format!("the schema of its settings has more than {SCHEMA_BYTES} bytes"));
    }
    let variable = |text: &str| text.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'_');
    for secret in secrets {
        if secret.variable.is_empty() || secret.variable.len() > NAME_BYTES || !variable(&secret.variable) {
            return Some("the name of a secret is no name of a variable".to_owned());
        }
    }
    let shown = [name, version, vendor].into_iter();
    let shown = shown.chain(origins.iter().flat_map(|need| [&need.purpose, &need.default]));
    let shown = shown.chain(secrets.iter().map(|need| &need.description));
    let of_webhook = webhook.iter().flat_map(|it| [&it.signature_header, &it.prefix, &it.description]);
    let shown = shown.chain(of_webhook).chain(webhook.iter().filter_map(|it| it.timestamp_header.as_ref()));
    let mut shown = shown.chain(formats.iter().flat_map(|format| [&format.name, &format.description]));
    let unfit = |text: &String| text.len() > TEXT_BYTES || text.chars().any(char::is_control);
    shown.any(unfit).then(|| format!("a text in it has control characters or more than {TEXT_BYTES} bytes"))
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
            told(|it| it.origins = vec![it.origins[0].clone(); 65]),
            told(|it| it.settings_schema = "x".repeat((256 << 10) + 1)),
            told(|it| it.secrets[0].variable = "A=B".to_owned()),
            told(|it| it.name = "\u{1b}[2J".to_owned()),
            told(|it| it.origins[0].purpose = "x".repeat((4 << 10) + 1)),
        ];
        insta::assert_snapshot!(faults.join("\n"), @"
        it names a contract other than the 0.1.0 that it exports
        its id is not of 1 to 64 letters, digits, `-`, `_` and `.`
        its id is not of 1 to 64 letters, digits, `-`, `_` and `.`
        its id is not of 1 to 64 letters, digits, `-`, `_` and `.`
        it has more than 64 kinds, origins, secrets or formats
        the schema of its settings has more than 262144 bytes
        the name of a secret is no name of a variable
        a text in it has control characters or more than 4096 bytes
        a text in it has control characters or more than 4096 bytes
        ");
    }
}
