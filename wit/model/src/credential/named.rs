//! What rules and messages about credentials call them.

/// Weaknesses whose place in the code is a credential: passwords and keys that
/// are hard-coded, stored as they are, in a comment or configuration, or left at
/// their default.
const WEAKNESSES: [u32; 19] =
    [13, 256, 257, 258, 259, 260, 261, 321, 522, 526, 540, 547, 555, 615, 798, 1391, 1392, 1393, 1394];

/// Words for credentials that say it alone in the name of a rule. All words here are
/// as [`words`] makes them.
const SECRETS: [&str; 9] =
    [" secret ", " credential ", " cred ", " gitleak ", " trufflehog ", " credscan ", " cscan ", " hcc ", " h leak "];

/// Words for credentials that stand for nothing else in a message.
const TELLING: [&str; 11] = [
    " secret ",
    " credential ",
    " password ",
    " passwd ",
    " passphrase ",
    " passcode ",
    " pwd ",
    " token ",
    " apikey ",
    " dsn ",
    " jwt ",
];

/// Words that may be about other things, and need one of [`IN_CODE`] beside them.
const NOUNS: [&str; 3] = [" key ", " pat ", " login "];

/// Words that most often are about other things.
const WIDE: [&str; 8] = [
    " auth ",
    " authentication ",
    " username ",
    " user name ",
    " certificate ",
    " connection ",
    " connectionstring ",
    " webhook ",
];

/// Names for credentials of more than a word.
const WHOLE: [&str; 22] = [
    " api key ",
    " access key ",
    " account key ",
    " private key ",
    " privatekey ",
    " ssh key ",
    " service key ",
    " signing key ",
    " license key ",
    " master key ",
    " access token ",
    " auth token ",
    " bearer token ",
    " bot token ",
    " oauth token ",
    " refresh token ",
    " deploy token ",
    " personal access ",
    " pat ",
    " basic auth ",
    " high entropy ",
    " webhook url ",
];

/// Words that say that something stands in the code.
const IN_CODE: [&str; 27] = [
    " hardcoded ",
    " leak ",
    " leaked ",
    " exposed ",
    " embedded ",
    " plaintext ",
    " cleartext ",
    " committed ",
    " compromised ",
    " constant ",
    " detected ",
    " generic ",
    " plain ",
    " source ",
    " store ",
    " stored ",
    " env ",
    " in code ",
    " in comment ",
    " in config ",
    " in configuration ",
    " in connection ",
    " in file ",
    " in history ",
    " in uri ",
    " in url ",
    " in repository ",
];

/// Words of rules and messages on how a credential is handled, which show none.
const HANDLED: [&str; 28] = [
    " algorithm ",
    " check ",
    " checked ",
    " cor ",
    " csrf ",
    " decoded ",
    " expiration ",
    " expired ",
    " expiry ",
    " generation ",
    " insecure ",
    " invalid ",
    " length ",
    " missing ",
    " permission ",
    " rotation ",
    " short ",
    " size ",
    " unexpected ",
    " unverified ",
    " validate ",
    " validation ",
    " verification ",
    " verified ",
    " verify ",
    " weak ",
    " without ",
    " xsrf ",
];

/// Words of messages beside which a word for a credential is one that stands in the
/// code, whatever else it may be.
const SHOWN: [&str; 8] =
    [" leaked ", " exposed ", " compromised ", " committed ", " embedded ", " disclosing ", " revoke ", " revoked "];

/// The same, beside words for credentials alone.
const FOUND: [&str; 6] = [" detected ", " found ", " discovered ", " identified ", " plaintext ", " cleartext "];

/// Where in the code a message says that a credential stands.
const PLACES: [&str; 5] = [" in code ", " from code ", " in source ", " in repository ", " in commit "];

/// Parts of words without which a message is about no credential, and is not taken apart.
const MARKS: [&str; 13] = [
    "secret",
    "cred",
    "passw",
    "passphrase",
    "passcode",
    "pwd",
    "token",
    "key",
    "dsn",
    "jwt",
    "login",
    "hard",
    "entropy",
];

/// How many words beside another one are looked at.
const BESIDE: usize = 4;

/// The most of a text that is looked at, in letters.
const MAX_LETTERS: usize = 4_096;

/// Whether a weakness is that a credential stands in the code.
pub fn is_weakness(cwe: u32) -> bool {
    WEAKNESSES.contains(&cwe)
}

/// Whether the id or name of a rule says that it looks for credentials.
pub fn is_named(rule: &str) -> bool {
    let name = words(rule);
    let has = |list: &[&str]| has(&name, list);
    let is_crossed = || has(&[" cor ", " csrf ", " xsrf "]);
    has(&IN_CODE) && (has(&TELLING) || has(&NOUNS) || has(&WHOLE))
        || has(&[" hardcoded ", " detected ", " leaked "]) && has(&WIDE)
        || has(&SECRETS) && !is_crossed()
        || has(&WHOLE) && !has(&HANDLED) && !has(&[" not "])
}

/// Whether what a result says names a credential that stands in the code. Words for
/// credentials alone say nothing in a sentence.
pub fn is_told(message: &str) -> bool {
    let small = message.get(..message.floor_char_boundary(MAX_LETTERS)).unwrap_or_default().to_ascii_lowercase();
    MARKS.iter().any(|mark| small.contains(mark)) && words(message).split(" . ").any(is_told_by)
}

/// Whether a sentence names one.
fn is_told_by(sentence: &str) -> bool {
    let sentence = format!(" {} ", sentence.trim());
    let is_any = |text: &str| has(text, &TELLING) || has(text, &NOUNS);
    let is_hard = || has(&sentence, &[" hardcoded "]) && (is_any(&sentence) || has(&sentence, &WIDE));
    if is_hard() || has(&sentence, &[" high entropy "]) {
        return true;
    }
    let near = |list: &[&str], is: &dyn Fn(&str) -> bool| {
        list.iter()
            .flat_map(|word| sentence.match_indices(word))
            .any(|(at, word)| is(beside(&sentence, at, word.len())))
    };
    let is_certain = |text: &str| has(text, &TELLING) || has(text, &WHOLE);
    let is_denied = has(&sentence, &[" no ", " not "]);
    let is_beside = || near(&SHOWN, &is_any) || near(&FOUND, &is_certain);
    !has(&sentence, &HANDLED) && (!is_denied && is_beside() || has(&sentence, &PLACES) && is_certain(&sentence))
}

/// A word of a sentence with those beside it.
fn beside(sentence: &str, at: usize, length: usize) -> &str {
    let (before, behind) = (sentence.get(..=at).unwrap_or_default(), at + length - 1);
    let start = before.rmatch_indices(' ').nth(BESIDE).map_or(0, |(start, _)| start);
    let rest = sentence.get(behind..).unwrap_or_default();
    let end = rest.match_indices(' ').nth(BESIDE).map_or(sentence.len(), |(end, _)| behind + end + 1);
    sentence.get(start..end).unwrap_or_default()
}

fn has(text: &str, list: &[&str]) -> bool {
    list.iter().any(|word| text.contains(word))
}

/// The words of a text in small letters, each between blanks, and ends of sentences as
/// a word `.`; also of an id or name like `HardcodedAPIKeys2`. Numbers behind words,
/// articles and the `s` of plurals are left out, and `hard-coded` is a word.
fn words(text: &str) -> String {
    let mut words = " ".to_owned();
    let mut word = String::new();
    let mut before = ' ';
    let mut letters = text.chars().take(MAX_LETTERS).peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        let begins = letter.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && next.is_lowercase());
        if begins || !letter.is_alphanumeric() {
            add(&mut words, &mut word);
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        } else if matches!(letter, '\n' | ';') || matches!(letter, '.' | '!' | '?') && next.is_whitespace() {
            words.push_str(". ");
        }
        before = letter;
    }
    add(&mut words, &mut word);
    words
}

fn add(words: &mut String, word: &mut String) {
    let stem = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let stem = stem.strip_suffix('s').filter(|it| it.len() > 2 && !it.ends_with('s') || *it == "h").unwrap_or(stem);
    let is_hard = words.ends_with(" hard ");
    match stem {
        "" | "the" | "a" | "an" => {}
        "code" | "coded" | "coding" if is_hard => {
            words.truncate(words.len() - " hard ".len());
            words.push_str(" hardcoded ");
        }
        "hardcode" | "hardcoding" => words.push_str("hardcoded "),
        // `hardcodedpassword`
        _ => {
            let (hard, rest) = stem.split_at(if stem.starts_with("hardcoded") { "hardcoded".len() } else { 0 });
            for part in [hard, rest].into_iter().filter(|part| !part.is_empty()) {
                words.push_str(part);
                words.push(' ');
            }
        }
    }
    word.clear();
}

#[cfg(test)]
mod tests {
    use super::{is_named, is_told, is_weakness, words};

    #[test]
    fn names_and_sentences_are_taken_apart() {
        for (text, expect) in [
            ("HardcodedAPIKeys2", " hardcoded api key "),
            ("HARD_CODE_PASSWORD", " hardcoded password "),
            ("The tokens. Access", " token . access "),
            ("AWSAccessKey", " aws access key "),
            ("hardcodedcredentials", " hardcoded credential "),
            ("HS-LEAKS-26", " h leak "),
            ("", " "),
        ] {
            assert_eq!(words(text), expect);
        }
    }

    #[test]
    fn a_rule_for_credentials_is_known_by_its_name() {
        for rule in [
            "generic.secrets.security.detected-aws-key",
            "javascript/HardcodedNonCryptoSecret",
            "javascript/NoHardcodedPasswords",
            "python/HardcodedKeyUsedInCryptoOperation",
            "hardcoded_password_string",
            "CKV_SECRET_6",
            "Base64 High Entropy String",
            "Passwords And Secrets - Generic Password",
            "Passwords And Secrets - AWS Access Key",
            "Credentials should not be hard-coded",
            "js/hardcoded-credentials",
            "Hard-coded API key",
            "jwt-hardcode-key",
            "DoNotStoreTokensOrKeysInSourceCode.",
            "DoNotExposePlaintextSecrets/SlackApiKey",
            "dockerfile.env-password",
            "aws-access-key-id",
            "github-fine-grained-pat",
            "GitHub Personal Access Token",
            "stripe-access-token",
            "private-key",
            "RSAPrivateKey",
            "detected-slack-webhook",
            "ruby.lang.security.hardcoded-http-auth-in-controller",
            "HARD_CODE_KEY",
            "DMI_CONSTANT_DB_PASSWORD",
            "Password Management: Password in Configuration File",
            "Password_In_Comment",
            "CSCAN-AZURE0030",
            "HCC.PWD",
            "HS-LEAKS-12",
            "CRED011",
            "hardcoded-connection-string",
            "detected-username-and-password-in-uri",
        ] {
            assert!(is_named(rule), "{rule}");
        }
        for rule in [
            "csrf-token-missing",
            "weak-password-hash",
            "sql-injection",
            "key-not-found",
            "Secretary",
            "jwt-none-alg",
            "Unverified JWT",
            "no-dupe-keys",
            "react/jsx-key",
            "Token-Permissions",
            "Missing authentication token check",
            "hardcoded_tmp_directory",
            "hardcoded_sql_expressions",
            "hardcoded_bind_all_interfaces",
            "cors-misconfiguration-for-credentials",
            "access-key-rotation",
            "js/clear-text-logging",
            "insecure-access-token-validation",
            "memory-leak",
            "insufficient-entropy",
            "open-redirect",
            "",
        ] {
            assert!(!is_named(rule), "{rule}");
        }
        assert!(is_weakness(798) && is_weakness(259) && !is_weakness(79));
    }

    #[test]
    fn a_message_tells_of_a_credential_in_the_code() {
        for text in [
            "Possible hardcoded password: \"x\"",
            "API key exposed: x",
            "Potential hard-coded credentials",
            "\"PASSWORD\" detected here, make sure this is not a hard-coded credential.",
            "Revoke and change this password, as it is compromised.",
            "Make sure this AWS Secret Access Key gets revoked, changed, and removed from the code.",
            "Make sure this database password gets changed and removed from the code.",
            "Do not store tokens or keys in source code.",
            "aws-access-token has detected secret for file x.env.",
            "Slack token found: x",
            "Found a private key",
            "This App may contain hardcoded secrets",
            "Base64 High Entropy String",
        ] {
            assert!(is_told(text), "{text}");
        }
        for text in [
            "use the secrets module",
            "the token is not checked",
            "JWT token not verified",
            "csrf token missing",
            "No CSRF token was found in this form",
            "Detected JWT token decoded without verification",
            "Detected JWT token decoded with 'verify=False'. This bypasses any integrity checks",
            "GCM detected, if messages with identical plaintext are encrypted with one key",
            "an exposed port",
            "hard-coded address",
            "Duplicate key found",
            "Key not found",
            "Parsing error: unexpected token found",
            "Foreign keys are detected by name. The port is exposed",
            "This logs sensitive data returned by an access to password as clear text.",
            "The cookie of the session has no flag `secure`",
            "",
        ] {
            assert!(!is_told(text), "{text}");
        }
    }
}
