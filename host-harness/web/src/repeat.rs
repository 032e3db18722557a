//! Requests that begin work and may be sent again: with the same `Idempotency-Key`,
//! one is answered as the first time, for a day, and begins nothing.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    response::IntoResponse,
};
use host_harness::{Principal, store::KeptAnswer};
use http::{HeaderValue, Response, StatusCode, header};

use crate::{Site, answer::Fault, problems::Own};

/// Bytes of a key.
const KEY_BYTES: usize = 200;

/// Bytes of an answer that is kept.
const ANSWER_BYTES: usize = 1 << 20;

/// What a request is answered whose first answer was too long to be kept.
const TOO_LONG: StatusCode = StatusCode::CONFLICT;

/// Requests with a key that are under way.
#[derive(Clone, Default)]
pub(crate) struct Claims(Arc<Mutex<HashSet<String>>>);

/// A request with a key.
pub(crate) struct Repeated {
    /// All that tells it from others: who, what, and the key.
    name: String,
    is_key: bool,
}

/// Whether a request was answered before.
pub(crate) enum Claim {
    /// It was, with this.
    Answered(Response<Body>),
    /// It is the first one.
    First(Claimed),
}

/// The first request with a key: until its answer is kept, no other is let through.
pub(crate) struct Claimed {
    name: String,
    claims: Claims,
}

impl Repeated {
    /// A request, if it has a key.
    pub fn of(principal: &Principal, request: &Request) -> Option<Self> {
        let key = request.headers().get("idempotency-key")?;
        let text = key.to_str().unwrap_or_default().trim();
        let is_key = !text.is_empty() && text.len() <= KEY_BYTES;
        Some(Self { name: format!("{}\n{}\n{}\n{text}", principal.who(), request.method(), request.uri()), is_key })
    }

    /// What was answered to it, or the right to begin.
    pub async fn claimed(self, site: &Site) -> Result<Claim, Fault> {
        if !self.is_key {
            return Err(Fault::field("Idempotency-Key", &format!("1 to {KEY_BYTES} characters")));
        }
        if !site.claims.set(|it| it.insert(self.name.clone())) {
            return Err(Fault::of(Own::RequestUnderWay, "the first request with this key is under way"));
        }
        let claimed = Claimed { name: self.name, claims: site.claims.clone() };
        Ok(match site.access.answer(&claimed.name).await? {
            Some(kept) => Claim::Answered(response(kept)),
            None => Claim::First(claimed),
        })
    }
}

impl Claims {
    fn set<T>(&self, change: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Claimed {
    /// Keeps an answer, if the work has begun: what was refused may be tried again.
    pub async fn kept(self, site: &Site, tenant: String, answer: Response<Body>) -> Response<Body> {
        if !answer.status().is_success() {
            return answer;
        }
        let (head, body) = answer.into_parts();
        let location = head.headers.get(header::LOCATION).and_then(|it| it.to_str().ok()).map(str::to_owned);
        // What begins work answers with a document, which is in memory already.
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let kept = kept(head.status, location, &body);
        if let Err(error) = site.access.keep_answer(&self.name, tenant, kept).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an answer is not kept: sent again, it begins again"
            );
        }
        Response::from_parts(head, Body::from(body))
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        self.claims.set(|it| it.remove(&self.name));
    }
}

/// What is kept of an answer. One that is too long is told as such when the request
/// is sent again: the work is not begun once more.
fn kept(status: StatusCode, location: Option<String>, body: &Bytes) -> KeptAnswer {
    if body.len() <= ANSWER_BYTES {
        return KeptAnswer { status: status.as_u16(), location, body: body.to_vec() };
    }
    KeptAnswer { status: TOO_LONG.as_u16(), location, body: Vec::new() }
}

fn response(kept: KeptAnswer) -> Response<Body> {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = if status == TOO_LONG {
        Fault::of(
            Own::AnswerNotKept,
            "the first request with this key did its work; its answer was too long to be kept",
        )
        .into_response()
    } else {
        (status, [(header::CONTENT_TYPE, "application/json")], kept.body).into_response()
    };
    let location = kept.location.and_then(|it| HeaderValue::from_str(&it).ok());
    response.headers_mut().extend(location.map(|it| (header::LOCATION, it)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_long_to_be_kept_is_not_told_as_another() {
        let again = |bytes: usize| {
            let body = Bytes::from(vec![b'x'; bytes]);
            response(kept(StatusCode::CREATED, Some("/api/v1/tenants/t/runs/1".to_owned()), &body))
        };
        let long = again(ANSWER_BYTES + 1);
        assert_eq!((again(ANSWER_BYTES).status(), long.status()), (StatusCode::CREATED, TOO_LONG));
        assert_eq!(long.headers()[header::LOCATION], "/api/v1/tenants/t/runs/1");
        assert_eq!(long.extensions().get::<Arc<Fault>>().unwrap().code, Own::AnswerNotKept.into());
    }
}
