//! Puts secrets into requests, each in the place that the manifest names and in
//! no other. A guest writes what stands for the secret there; anything else in
//! that place is refused, since a guest has no credentials of its own to send.

use std::fmt;

use appsec_model::{SecretHeader, SecretPlacement};
use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts, uri::PathAndQuery};

use appsec_grant::Secret;

/// What stands for the secret in the template of a header.
pub const SLOT: &str = "{secret}";

/// A secret that a guest may send without ever seeing it.
#[derive(Clone)]
pub struct GrantedSecret {
    /// Name of the variable in the guest's environment.
    pub variable: String,
    /// The value of that variable: it stands for the secret.
    pub placeholder: String,
    /// The secret.
    pub secret: Secret,
    /// Where in a request it stands.
    pub placement: SecretPlacement,
}

impl GrantedSecret {
    /// Makes a placeholder that cannot be guessed, so that no guest can use
    /// the secret of another one by writing down its placeholder.
    pub fn new(variable: String, secret: Secret, placement: SecretPlacement) -> Result<Self, getrandom::Error> {
        Ok(Self { variable, placeholder: placeholder()?, secret, placement })
    }
}

/// A text that nobody can guess.
pub(super) fn placeholder() -> Result<String, getrandom::Error> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random)?;
    Ok(format!("placeholder-{:032x}", u128::from_le_bytes(random)))
}

/// A credential that is not the granted one.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Foreign {
    /// In a header.
    #[error("an `{0}` header with another credential than a granted one")]
    Header(HeaderName),
    /// In the query.
    #[error("a parameter `{0}` with another credential than the granted one")]
    Parameter(String),
    /// It cannot stand where it should.
    #[error("the secret {0} cannot stand in {1}")]
    Unfit(String, &'static str),
}

/// Replaces what stands for secrets. Returns whether the request has `token`,
/// which stands for the access token: that is put in when it is sent.
pub(super) fn put_in(parts: &mut Parts, secrets: &[GrantedSecret], token: Option<&str>) -> Result<bool, Foreign> {
    let asks = authorization(&mut parts.headers, secrets, token)?;
    for granted in secrets {
        match &granted.placement {
            SecretPlacement::Header(SecretHeader { name, template }) => {
                let name = header_name(name).ok_or_else(|| granted.unfit("a header"))?;
                if name != header::AUTHORIZATION
                    && let Some(sent) = only(&parts.headers, &name)?
                {
                    let filled = granted.filled(template, &sent).ok_or_else(|| Foreign::Header(name.clone()))?;
                    parts.headers.insert(name, sensitive(&filled).ok_or_else(|| granted.unfit("a header"))?);
                }
            }
            SecretPlacement::Query(name) => parameter(&mut parts.uri, name, granted)?,
            _ => {}
        }
    }
    Ok(asks)
}

/// Puts an access token in.
pub(super) fn bear(headers: &mut HeaderMap, token: &Secret) -> Result<(), Foreign> {
    let unfit = || Foreign::Unfit("access token".to_owned(), "a header");
    headers.insert(header::AUTHORIZATION, sensitive(&format!("Bearer {}", token.reveal())).ok_or_else(unfit)?);
    Ok(())
}

fn authorization(headers: &mut HeaderMap, secrets: &[GrantedSecret], token: Option<&str>) -> Result<bool, Foreign> {
    let Some(sent) = only(headers, &header::AUTHORIZATION)? else { return Ok(false) };
    if token.is_some() && sent.strip_prefix("Bearer ") == token {
        return Ok(true);
    }
    let foreign = || Foreign::Header(header::AUTHORIZATION);
    let filled = secrets.iter().find_map(|granted| match &granted.placement {
        SecretPlacement::Bearer => granted.filled(&format!("Bearer {SLOT}"), &sent),
        SecretPlacement::Header(SecretHeader { name, template }) if header_name(name)? == header::AUTHORIZATION => {
            granted.filled(template, &sent)
        }
        _ => None,
    });
    let filled = filled.or_else(|| basic(&sent, secrets)).ok_or_else(foreign)?;
    headers.insert(header::AUTHORIZATION, sensitive(&filled).ok_or_else(foreign)?);
    Ok(false)
}

/// `Basic` with user and password, each of which is a granted secret where there
/// is one for it. Where there is none, the user is what the guest says, and the
/// password is empty.
fn basic(sent: &str, secrets: &[GrantedSecret]) -> Option<String> {
    let of = |placement: &SecretPlacement| secrets.iter().find(|granted| granted.placement == *placement);
    let (user, password) = (of(&SecretPlacement::BasicUser), of(&SecretPlacement::BasicPassword));
    if user.is_none() && password.is_none() {
        return None;
    }
    let decoded = BASE64.decode(sent.strip_prefix("Basic ")?.as_bytes()).ok()?;
    let (sent_user, sent_password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    let user = match user {
        // A colon would make a part of it the password.
        Some(granted) if granted.secret.reveal().contains(':') => return None,
        Some(granted) => granted.filled(SLOT, sent_user)?,
        None => sent_user.to_owned(),
    };
    let password = match password {
        Some(granted) => granted.filled(SLOT, sent_password)?,
        None if sent_password.is_empty() => String::new(),
        None => return None,
    };
    Some(format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes())))
}

/// Secrets as they may be seen: as they are, and as `Basic` encodes them.
pub(crate) fn forms(secrets: &[GrantedSecret]) -> Vec<Secret> {
    let of = |placement: &SecretPlacement| secrets.iter().find(|granted| granted.placement == *placement);
    let user = of(&SecretPlacement::BasicUser).map(|granted| granted.secret.reveal());
    let password = of(&SecretPlacement::BasicPassword).map(|granted| granted.secret.reveal());
    let both = user.map(|user| BASE64.encode(format!("{user}:{}", password.unwrap_or_default()).as_bytes()));
    let both = both.and_then(|both| Secret::typed(&both).ok());
    secrets.iter().map(|granted| granted.secret.clone()).chain(both).collect()
}

/// What a request has for `Basic`, encoded.
pub(super) fn sent_basic(headers: &HeaderMap) -> Option<Secret> {
    let sent = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Secret::typed(sent.strip_prefix("Basic ")?).ok()
}

/// Replaces the placeholder in a parameter of the query.
fn parameter(uri: &mut Uri, name: &str, granted: &GrantedSecret) -> Result<(), Foreign> {
    let Some((path, query)) = uri.path_and_query().and_then(|it| it.as_str().split_once('?')) else { return Ok(()) };
    let mut found = 0;
    let pairs = query.split('&').map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        // However it is spelled, a server takes it for the parameter.
        if !decodes_to(key, name) {
            return Ok(pair.to_owned());
        }
        found += 1;
        match value == granted.placeholder {
            true => Ok(format!("{key}={}", encoded(granted.secret.reveal()))),
            false => Err(Foreign::Parameter(name.to_owned())),
        }
    });
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    match found {
        0 => return Ok(()),
        1 => {}
        _ => return Err(Foreign::Parameter(name.to_owned())),
    }
    let unfit = || granted.unfit("a query");
    let path: PathAndQuery = format!("{path}?{}", pairs.join("&")).parse().map_err(|_| unfit())?;
    let mut changed = uri.clone().into_parts();
    changed.path_and_query = Some(path);
    *uri = Uri::from_parts(changed).map_err(|_| unfit())?;
    Ok(())
}

fn decodes_to(key: &str, name: &str) -> bool {
    url::form_urlencoded::parse(key.as_bytes()).next().is_some_and(|(key, _)| key.eq_ignore_ascii_case(name))
}

/// A secret as it stands in a query.
pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Name of a header, in the form that names are compared in.
pub(crate) fn header_name(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}

/// The value of a header, if it is there; there must be no second one.
fn only(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Foreign> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value.to_owned())),
        _ => Err(Foreign::Header(name.clone())),
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl GrantedSecret {
    /// A template with the secret, if what was sent is it with the placeholder.
    fn filled(&self, template: &str, sent: &str) -> Option<String> {
        let with = |value: &str| template.replacen(SLOT, value, 1);
        (with(&self.placeholder) == sent).then(|| with(self.secret.reveal()))
    }

    fn unfit(&self, place: &'static str) -> Foreign {
        Foreign::Unfit(self.variable.clone(), place)
    }
}

impl fmt::Debug for GrantedSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "GrantedSecret({})", self.variable)
    }
}

#[cfg(test)]
mod tests;
