//! Bodies of answers: bounded, and with no secret in them.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, Result as HttpResult, WasiBody};

use crate::{
    capability::{mask::Mask, transport::coding, usage::HttpUsage},
    limits::Limits,
};

/// How long a request may wait: what the guest asks for, but no longer than
/// the host's limits.
pub struct Waits {
    pub first_byte: Duration,
    between_bytes: Duration,
    pub whole: Duration,
}

impl Waits {
    pub fn new(limits: &Limits, options: Option<RequestOptions>) -> Self {
        let asked = options.unwrap_or_default();
        let clamp = |asked: Option<Duration>, limit| asked.map_or(limit, |asked| asked.min(limit));
        Self {
            // Opening a connection is part of waiting for the first byte.
            first_byte: clamp(asked.first_byte_timeout, limits.first_byte_time),
            between_bytes: clamp(asked.between_bytes_timeout, limits.between_bytes_time),
            whole: limits.request_time,
        }
    }
}

/// An answer as the guest gets it.
pub fn bounded<B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Send + Unpin + 'static>(
    mut response: Response<B>,
    mask: Mask,
    waits: &Waits,
    started: Instant,
    limit: u64,
    usage: Arc<HttpUsage>,
    shown: &str,
) -> HttpResult<Response<WasiBody>> {
    if response.body().size_hint().lower() > limit {
        usage.oversized.store(true, Ordering::Relaxed);
        return Err(HttpError::HttpResponseBodySize(Some(response.body().size_hint().lower())));
    }
    mask.headers(response.headers_mut());
    if let Some(coding) = coding(response.headers()) {
        tracing::debug!(request = shown, coding, "answer is encoded");
        usage.encoded.get_or_init(|| coding.clone());
        return Err(HttpError::HttpResponseContentCoding(Some(coding)));
    }
    Ok(response.map(|body| {
        BoundedBody {
            inner: body,
            mask,
            after: None,
            left: limit,
            between_bytes: waits.between_bytes,
            silence: Box::pin(sleep(waits.between_bytes)),
            end: Box::pin(sleep(waits.whole.saturating_sub(started.elapsed()))),
            usage,
        }
        .boxed_unsync()
    }))
}

/// A body that ends with an error when it is too large, silent for too long,
/// or not over in time, and in which no secret is to be seen.
struct BoundedBody<B> {
    inner: B,
    mask: Mask,
    /// What comes after the last bytes that the mask held back.
    after: Option<Frame<Bytes>>,
    left: u64,
    between_bytes: Duration,
    silence: Pin<Box<Sleep>>,
    end: Pin<Box<Sleep>>,
    usage: Arc<HttpUsage>,
}

impl<B: Body<Data = Bytes, Error: std::error::Error + 'static> + Unpin> Body for BoundedBody<B> {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<HttpResult<Frame<Bytes>>>> {
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(HttpError::HttpResponseTimeout)));
        }
        if let Some(after) = self.after.take() {
            return Poll::Ready(Some(Ok(after)));
        }
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(None) if self.mask.held() > 0 => Poll::Ready(Some(Ok(Frame::data(self.mask.rest())))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "answer cut off");
                Poll::Ready(Some(Err(HttpError::HttpResponseIncomplete)))
            }
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.usage.received_bytes.fetch_add(length, Ordering::Relaxed);
                let Some(left) = self.left.checked_sub(length) else {
                    self.usage.oversized.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(HttpError::HttpResponseBodySize(None))));
                };
                self.left = left;
                let silence = tokio::time::Instant::now() + self.between_bytes;
                self.silence.as_mut().reset(silence);
                let frame = match frame.into_data() {
                    Ok(data) => Frame::data(self.mask.pass(data)),
                    Err(trailers) => self.last(trailers),
                };
                if frame.data_ref().is_some_and(Bytes::is_empty) {
                    // All of it waits for what comes next: ask for that.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending if self.silence.as_mut().poll(context).is_ready() => {
                Poll::Ready(Some(Err(HttpError::ConnectionReadTimeout)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.mask.held() == 0 && self.after.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, held) = (self.inner.size_hint(), self.mask.held() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

impl<B> BoundedBody<B> {
    /// What comes before trailers, or they themselves.
    fn last(&mut self, mut trailers: Frame<Bytes>) -> Frame<Bytes> {
        if let Some(fields) = trailers.trailers_mut() {
            self.mask.headers(fields);
        }
        if self.mask.held() == 0 {
            return trailers;
        }
        self.after = Some(trailers);
        Frame::data(self.mask.rest())
    }
}

pub fn whole(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// The body of an answer that was not sent by a vendor.
pub struct Given {
    pub bytes: Option<Bytes>,
    pub is_cut: bool,
}

impl Body for Given {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        Poll::Ready(match self.bytes.take() {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None if std::mem::take(&mut self.is_cut) => Some(Err(std::io::ErrorKind::UnexpectedEof.into())),
            None => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use appsec_grant::Secret;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use http_body_util::{BodyExt, Full};
    use tokio::time::sleep;

    use super::{BoundedBody, Mask};

    #[tokio::test]
    async fn a_token_in_trailers_is_masked_and_what_was_held_back_comes_before_them() {
        let secret = Secret::typed("real-token").unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-echo", HeaderValue::from_static("Bearer real-token"));
        let body = Full::new(Bytes::from_static(b"it was real-tok"));
        let wait = Duration::from_secs(3_600);
        let body = BoundedBody {
            inner: body.with_trailers(std::future::ready(Some(Ok(trailers)))),
            mask: Mask::new([secret]),
            after: None,
            left: 1_000,
            between_bytes: wait,
            silence: Box::pin(sleep(wait)),
            end: Box::pin(sleep(wait)),
            usage: Default::default(),
        };
        let whole = body.collect().await.unwrap();
        assert_eq!(whole.trailers().unwrap()["x-echo"], "Bearer **********");
        assert_eq!(whole.to_bytes(), "it was real-tok");
    }
}
