//! What a call that is granted nothing sees of time and chance: always the same.

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// A clock that stands at zero: the Unix epoch for the wall clock.
struct Still;

/// What both clocks say that they can tell apart.
const RESOLUTION: Duration = Duration::from_nanos(1);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// Stops the clocks, and fixes the random numbers. They come from a generator
/// and not from a constant: a guest that rejects samples would never end.
pub(super) fn fix(wasi: &mut WasiCtxBuilder) {
    wasi.wall_clock(Still).monotonic_clock(Still).secure_random(StdRng::seed_from_u64(0));
}
