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
    cassette::{Cassette, CassetteError, Head, Recorded},
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
    /// All that were ever made, each once, and the most of one call.
    asked: HashMap<String, Request<Bytes>>,
    most: usize,
    /// What the vendor last answered to what.
    good: HashMap<String, Response<Bytes>>,
    /// The read under way; none where calls stand by themselves.
    walk: Option<u64>,
    walks: u64,
    /// The same answers in the order of the requests, and where each stands in it.
    recorded: Vec<Recorded>,
    places: HashMap<String, usize>,
    /// How often recorded answers were asked for.
    turns: HashMap<String, Turn>,
    /// What may not be in a recording.
    secrets: Vec<String>,
    /// The component that is recorded.
    sha256: Option<String>,
    /// What no recorded answer is there for: the first that nobody was told of,
    /// and all.
    missing: Option<CassetteError>,
    missed: Vec<String>,
    /// Which requests of the call the vendor does not answer itself.
    planned: Option<(Range<usize>, Planned)>,
}

/// Where a request stands among its recorded answers.
struct Turn {
    walk: u64,
    number: usize,
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
        // Who tells of no reads makes one.
        Self { vendor, state: Mutex::new(State { walk: Some(0), ..State::default() }) }
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

    /// Says whose network it is: the SHA-256 of a component, for a recording.
    pub fn belongs_to(&self, sha256: &str) {
        self.state().sha256 = Some(sha256.to_owned());
    }

    /// What the vendor answered, in the order in which it was first asked. The same
    /// request comes again where the answer became another one within a read.
    pub fn recording(&self, head: Head) -> Result<String, CassetteError> {
        let state = self.state();
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        let mut head = head;
        (head.sha256, head.recorded) = (state.sha256.clone(), Some(today));
        Cassette::new(head, &state.recorded).write(&state.secrets)
    }

    /// When what answers was recorded.
    pub(crate) fn recorded(&self) -> Option<&str> {
        match &self.vendor {
            Vendor::Tape(cassette) => cassette.head.recorded.as_deref(),
            Vendor::Network | Vendor::Nobody => None,
        }
    }

    /// Whether the vendor gave any answer that is worth keeping.
    pub fn has_good_answers(&self) -> bool {
        self.state().recorded.iter().any(Recorded::has_success)
    }

    /// What was asked for first that no recorded answer is there for.
    pub fn missing(&self) -> Option<CassetteError> {
        self.state().missing.take()
    }

    /// How many requests no recorded answer was there for.
    pub(crate) fn missed(&self) -> usize {
        self.state().missed.len()
    }

    /// The first of them after so many others.
    pub(crate) fn missed_after(&self, others: usize) -> Option<String> {
        self.state().missed.get(others).cloned()
    }

    /// A read begins at its first page: recorded answers that came one after the
    /// other come in this order again.
    pub(crate) fn begin_walk(&self) {
        let mut state = self.state();
        state.walks += 1;
        state.walk = Some(state.walks);
    }

    /// No read is under way. What a vendor had prepared at the end of one stays so:
    /// a call by itself gets what the last read came to.
    pub(crate) fn end_walk(&self) {
        self.state().walk = None;
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
        state.most = state.most.max(state.seen.len());
        state.seen.clear();
    }

    /// The requests of the call.
    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.state().seen.clone()
    }

    /// All requests that were ever made, each once, and the most of one call.
    pub(crate) fn all_requests(&self) -> (Vec<Request<Bytes>>, usize) {
        let state = self.state();
        let mut asked: Vec<_> = state.asked.iter().collect();
        asked.sort_by_key(|(key, _)| *key);
        (asked.into_iter().map(|(_, request)| request.clone()).collect(), state.most.max(state.seen.len()))
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

impl State {
    /// The number of the recorded answer that a request gets.
    fn turn(&mut self, key: &str) -> usize {
        let Some(walk) = self.walk else { return self.turns.get(key).map_or(0, |turn| turn.number) };
        match self.turns.get_mut(key) {
            Some(turn) if turn.walk == walk => {
                turn.number += 1;
                turn.number
            }
            _ => {
                self.turns.insert(key.to_owned(), Turn { walk, number: 0 });
                0
            }
        }
    }
}

impl Interceptor for Lab {
    fn treat(&self, request: &Request<Bytes>) -> Treatment {
        let mut state = self.state();
        let (number, key) = (state.seen.len(), key(request));
        state.seen.push(request.clone());
        state.asked.entry(key.clone()).or_insert_with(|| request.clone());
        match &state.planned {
            Some((planned, what)) if planned.contains(&number) => match what {
                Planned::Fault(fault) => fault.treatment(state.good.get(&key)),
                Planned::Answer(answer) => Treatment::Answer(Answer { response: answer.clone(), is_cut: false }),
            },
            _ => match &self.vendor {
                Vendor::Network => Treatment::Send,
                Vendor::Nobody => Treatment::Fail(NetworkFailure::Refused),
                Vendor::Tape(cassette) => match cassette.answer(request, state.turn(&key)) {
                    Ok(response) => {
                        state.good.insert(key, response.clone());
                        Treatment::Answer(Answer { response, is_cut: false })
                    }
                    Err(missing) => {
                        state.missed.push(missing.to_string());
                        state.missing.get_or_insert(missing);
                        Treatment::Fail(NetworkFailure::Refused)
                    }
                },
            },
        }
    }

    fn answered(&self, request: &Request<Bytes>, response: &Response<Bytes>) {
        let mut state = self.state();
        let (key, walk) = (key(request), state.walk);
        state.good.insert(key.clone(), response.clone());
        let next = state.recorded.len();
        let place = *state.places.entry(key).or_insert(next);
        match state.recorded.get_mut(place) {
            Some(known) => known.take(response, walk),
            None => state.recorded.push(Recorded::new(request, response, walk)),
        }
    }
}
