//! What a call that is granted nothing sees of time and chance: always the same.
//! Which moment and which numbers stand still can be chosen, to show that a
//! connector does not depend on them.

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// The moment at which the clocks of pure calls stand, and the seed of their
/// random numbers: the Unix epoch and zero, unless a test of a connector asks
/// for another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Still {
    /// Time since the Unix epoch, and since the start of the machine.
    pub moment: Duration,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// What both clocks say that they can tell apart.
const RESOLUTION: Duration = Duration::from_nanos(1);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        self.moment
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.moment.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Stops the clocks, and fixes the random numbers. They come from a generator
/// and not from a constant: a guest that rejects samples would never end.
pub(super) fn fix(wasi: &mut WasiCtxBuilder, still: Still) {
    wasi.wall_clock(still).monotonic_clock(still).secure_random(StdRng::seed_from_u64(still.seed));
}
