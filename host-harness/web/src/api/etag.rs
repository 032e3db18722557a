//! Changes are made to what their sender has seen: an answer that can be changed has
//! a tag, and a change names it.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, header};
use serde::Serialize;

use crate::{
    answer::{Fault, json},
    problems::Own,
};

/// The tag of a representation.
fn tag(document: &impl Serialize) -> String {
    let text = serde_json::to_vec(document).unwrap_or_default();
    format!("\"{}\"", &blake3::hash(&text).to_hex()[..32])
}

/// A document that can be changed.
pub(super) fn tagged(document: &impl Serialize) -> Response<Body> {
    let mut response = json(document);
    if let Ok(tag) = HeaderValue::from_str(&tag(document)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Refuses a change of what is another by now, or of what was not looked at.
pub(super) fn require_match(headers: &HeaderMap, now: &impl Serialize) -> Result<(), Fault> {
    let Some(given) = headers.get(header::IF_MATCH) else {
        return Err(Fault::of(
            Own::IfMatchMissing,
            "name the state that is to be changed: If-Match with the ETag of a GET",
        ));
    };
    let tag = tag(now);
    let given = given.to_str().unwrap_or_default();
    if given.trim() == "*" || given.split(',').any(|it| it.trim() == tag) {
        return Ok(());
    }
    Err(Fault::of(
        Own::IfMatchFailed,
        "it was changed since it was read: get it again, and send the change for what it is now",
    ))
}

/// The same where there is nothing: whoever names a state, or any, has seen another.
pub(super) fn require_none(headers: &HeaderMap) -> Result<(), Fault> {
    if !headers.contains_key(header::IF_MATCH) {
        return Ok(());
    }
    Err(Fault::of(Own::IfMatchFailed, "there is none by now: send the change without If-Match to make one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_the_state_that_it_is_for() {
        let status = |given: Option<&str>, now: &str| {
            let mut headers = HeaderMap::new();
            if let Some(given) = given {
                headers.insert(header::IF_MATCH, HeaderValue::from_str(given).unwrap());
            }
            require_match(&headers, &now).map_err(|fault| fault.status.as_u16())
        };
        let seen = tag(&"a");
        assert_eq!(tagged(&"a").headers()[header::ETAG], seen.as_str());
        assert_eq!(status(None, "a"), Err(428));
        assert_eq!(status(Some(&seen), "a"), Ok(()));
        assert_eq!(status(Some(&format!("\"x\", {seen}")), "a"), Ok(()));
        assert_eq!(status(Some("*"), "a"), Ok(()));
        assert_eq!(status(Some(&seen), "b"), Err(412));
        assert_eq!(status(Some(&format!("W/{seen}")), "a"), Err(412), "a weak tag promises too little");
    }
}
