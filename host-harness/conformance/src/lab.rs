//! The network of a connector that is tried: to the vendor, to recorded answers,
//! or to nobody.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

use appsec_sandbox::{Answer, Interceptor, NetworkFailure, Treatment};
use bytes::Bytes;
use http::{Request, Response, header};

use crate::{
    cassette::{Cassette, CassetteError, Head},
    fault::Fault,
};

/// Sees all requests, keeps what was answered, and answers in the vendor's place
/// where it is told to.
pub struct Lab {
    vendor: Vendor,
    state: Mutex<State>,
}

/// Who answers what is to go well.
enum Vendor {
    Nobody,
    Network,
    Tape(Cassette),
}

#[derive(Default)]
struct State {
    /// The requests of the call under way, or of the last one.
    seen: Vec<Request<Bytes>>,
    /// What the vendor last answered to what.
    good: HashMap<String, Response<Bytes>>,
    /// The same in the order of the requests, and where each stands in it.
    recorded: Vec<(Request<Bytes>, Response<Bytes>)>,
    places: HashMap<String, usize>,
    /// What may not be in a recording.
    secrets: Vec<String>,
    /// What no recorded answer is there for.
    missing: Option<CassetteError>,
    /// Which requests of the call the vendor does not answer itself.
    planned: Option<(Range<usize>, Planned)>,
}

/// What comes in the place of the vendor's answer.
enum Planned {
    Fault(Fault),
    Answer(Response<Bytes>),
}

impl Lab {
    /// A network that leads to the vendor.
    pub fn online() -> Self {
        Self::over(Vendor::Network)
    }

    /// A network that leads nowhere.
    pub fn offline() -> Self {
        Self::over(Vendor::Nobody)
    }

    /// Recorded answers in the place of the vendor.
    pub fn replaying(cassette: Cassette) -> Self {
        Self::over(Vendor::Tape(cassette))
    }

    fn over(vendor: Vendor) -> Self {
        Self { vendor, state: Mutex::default() }
    }

    /// Whether anybody answers.
    pub(crate) fn has_vendor(&self) -> bool {
        !matches!(self.vendor, Vendor::Nobody)
    }

    /// Whether requests leave.
    pub fn is_online(&self) -> bool {
        matches!(self.vendor, Vendor::Network)
    }

    /// Keeps a secret out of every recording: one that would hold it is refused.
    pub fn keep_out(&self, secret: &str) {
        self.state().secrets.push(secret.to_owned());
    }

    /// What the vendor answered, each request once, in the order in which they
    /// were first made.
    pub fn recording(&self, head: Head) -> Result<String, CassetteError> {
        let state = self.state();
        Cassette::new(head, &state.recorded).write(&state.secrets)
    }

    /// Whether the vendor gave any answer that is worth keeping.
    pub fn has_good_answers(&self) -> bool {
        self.state().recorded.iter().any(|(_, answer)| answer.status().is_success())
    }

    /// What was asked for first that no recorded answer is there for.
    pub fn missing(&self) -> Option<CassetteError> {
        self.state().missing.take()
    }

    /// A call begins, and all goes well.
    pub(crate) fn begin(&self) {
        self.plan(None);
    }

    /// A call begins, and the request of that number goes wrong.
    pub(crate) fn begin_with(&self, request: usize, fault: Fault) {
        self.plan(Some((request..request + 1, Planned::Fault(fault))));
    }

    /// A call begins, and nothing of it reaches the vendor: all requests go wrong.
    pub(crate) fn begin_failing(&self, fault: Fault) {
        self.plan(Some((0..usize::MAX, Planned::Fault(fault))));
    }

    /// A call begins, and this is the answer to its first request.
    pub(crate) fn begin_answering(&self, mut answer: Response<Bytes>) {
        // It is of the body that the vendor sent.
        answer.headers_mut().remove(header::CONTENT_LENGTH);
        self.plan(Some((0..1, Planned::Answer(answer))));
    }

    fn plan(&self, planned: Option<(Range<usize>, Planned)>) {
        let mut state = self.state();
        state.planned = planned;
        state.seen.clear();
    }

    /// The requests of the call.
    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.state().seen.clone()
    }

    /// How many requests the call sent.
    pub(crate) fn count(&self) -> usize {
        self.state().seen.len()
    }

    /// What the vendor answered to a request.
    pub(crate) fn good(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        self.state().good.get(&key(request)).cloned()
    }

    /// Whether a text is a part of any answer of the vendor.
    pub(crate) fn has_answered(&self, text: &str) -> bool {
        let state = self.state();
        state.good.values().any(|answer| std::str::from_utf8(answer.body()).is_ok_and(|body| body.contains(text)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request asks for.
pub(crate) fn key(request: &Request<Bytes>) -> String {
    format!("{} {} {}", request.method(), request.uri(), String::from_utf8_lossy(request.body()))
}

impl Interceptor for Lab {
    fn treat(&self, request: &Request<Bytes>) -> Treatment {
        let mut state = self.state();
        let number = state.seen.len();
        state.seen.push(request.clone());
        match &state.planned {
            Some((planned, what)) if planned.contains(&number) => match what {
                Planned::Fault(fault) => fault.treatment(state.good.get(&key(request))),
                Planned::Answer(answer) => Treatment::Answer(Answer { response: answer.clone(), is_cut: false }),
            },
            _ => match &self.vendor {
                Vendor::Network => Treatment::Send,
                Vendor::Nobody => Treatment::Fail(NetworkFailure::Refused),
                Vendor::Tape(cassette) => match cassette.answer(request) {
                    Ok(response) => {
                        state.good.insert(key(request), response.clone());
                        Treatment::Answer(Answer { response, is_cut: false })
                    }
                    Err(missing) => {
                        state.missing.get_or_insert(missing);
                        Treatment::Fail(NetworkFailure::Refused)
                    }
                },
            },
        }
    }

    fn answered(&self, request: &Request<Bytes>, response: &Response<Bytes>) {
        let mut state = self.state();
        let key = key(request);
        state.good.insert(key.clone(), response.clone());
        let next = state.recorded.len();
        let place = *state.places.entry(key).or_insert(next);
        match state.recorded.get_mut(place) {
            // What was refused at first, such as for too many requests, is not
            // what the vendor has to say.
            Some((_, known)) if !known.status().is_success() => *known = response.clone(),
            Some(_) => {}
            None => state.recorded.push((request.clone(), response.clone())),
        }
    }
}
