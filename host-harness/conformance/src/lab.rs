//! The network of a connector that is judged.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use appsec_sandbox::{Interceptor, NetworkFailure, Treatment};
use bytes::Bytes;
use http::{Request, Response};

use crate::fault::Fault;

/// Sees all requests, and answers one of a call in the vendor's place where it
/// is told to.
pub struct Lab {
    has_vendor: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The requests of the call under way, or of the last one.
    seen: Vec<Request<Bytes>>,
    /// What the vendor last answered to what.
    good: HashMap<String, Response<Bytes>>,
    /// Which request of the call goes wrong.
    planned: Option<(usize, Fault)>,
    #[cfg(test)]
    turn: usize,
}

impl Lab {
    /// A network that leads to the vendor, or nowhere.
    pub fn new(has_vendor: bool) -> Self {
        Self { has_vendor, state: Mutex::default() }
    }

    /// Whether it leads to the vendor.
    pub fn has_vendor(&self) -> bool {
        self.has_vendor
    }

    /// A call begins, and all goes well.
    pub(crate) fn begin(&self) {
        self.plan(None);
    }

    /// A call begins, and the request of that number goes wrong.
    pub(crate) fn begin_with(&self, request: usize, fault: Fault) {
        self.plan(Some((request, fault)));
    }

    fn plan(&self, planned: Option<(usize, Fault)>) {
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

    /// How many requests there were in all, for stand-ins that change their mind.
    #[cfg(test)]
    pub(crate) fn turn(&self) -> usize {
        self.state().turn
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request asks for.
fn key(request: &Request<Bytes>) -> String {
    format!("{} {} {}", request.method(), request.uri(), String::from_utf8_lossy(request.body()))
}

impl Interceptor for Lab {
    fn treat(&self, request: &Request<Bytes>) -> Treatment {
        let mut state = self.state();
        let number = state.seen.len();
        #[cfg(test)]
        {
            state.turn += 1;
        }
        state.seen.push(request.clone());
        match state.planned {
            Some((planned, fault)) if planned == number => fault.treatment(state.good.get(&key(request))),
            _ if self.has_vendor => Treatment::Send,
            _ => Treatment::Fail(NetworkFailure::Refused),
        }
    }

    fn answered(&self, request: &Request<Bytes>, response: &Response<Bytes>) {
        self.state().good.insert(key(request), response.clone());
    }
}
