//! Many tenants at once, one hostile and one with a dead vendor among them,
//! round after round; prints a table.
//!
//! ```text
//! cargo bench --package tests --bench load                       # 200 tenants, 3 rounds
//! cargo bench --package tests --bench load -- --tenants 500 --parallel 16
//! cargo bench --package tests --bench load -- --minutes 10       # a soak: memory stays flat
//! ```

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that cannot be made may fail loudly")]

use std::time::{Duration, Instant};

use tests::load::{DEAD, HOSTILE, Load, Round, descriptors, memory};

/// Memory of the process at most: of the engine, the simulator and all syncs at
/// one time, and of each tenant.
const BASE_BYTES: u64 = 512 << 20;
const TENANT_BYTES: u64 = 4 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` and `cargo clippy` must not measure anything.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let given = |name: &str| {
        let found = arguments.iter().position(|argument| argument == name);
        found.map(|position| arguments[position + 1].parse::<usize>().unwrap())
    };
    let (tenants, parallel) = (given("--tenants").unwrap_or(200), given("--parallel").unwrap_or(8));
    let rounds = given("--rounds").unwrap_or(3);
    let until = given("--minutes").map(|minutes| Instant::now() + Duration::from_secs(minutes as u64 * 60));

    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let started = Instant::now();
        let load = Load::new(tenants, parallel, 1_000).await;
        println!(
            "{tenants} tenants set up in {:.1} s, {parallel} syncs at one time\n",
            started.elapsed().as_secs_f64()
        );
        println!(
            "| round | all | slowest good tenant | hostile | dead | complete | new records | memory | at most | files |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        let mut round = 0;
        let before = descriptors().len();
        let mut settled = 0;
        while until.map_or(round < rounds, |until| round == 0 || Instant::now() < until) {
            round += 1;
            let ended = load.round().await;
            // The host of the round is gone; both ends of its connections are
            // of this process, and close one after the other.
            let patience = Instant::now() + Duration::from_secs(60);
            while descriptors().len() > before + 4 {
                assert!(Instant::now() < patience, "descriptors leak: {:?}", descriptors());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            show(round, &ended);
            // What is kept from round to round is there by then.
            match round {
                ..4 => settled = memory("VmRSS"),
                _ => assert!(memory("VmRSS") < settled / 10 * 11 + (32 << 20), "memory grows from round to round"),
            }
        }
        let bound = BASE_BYTES + tenants as u64 * TENANT_BYTES;
        assert!(memory("VmHWM") < bound, "more than {} MiB", bound >> 20);
        fair_share(&load).await;
    });
}

/// What the hostile tenant and the one with a dead vendor cost the others: a
/// round with them, and one without.
async fn fair_share(load: &Load) {
    let slowest = |round: &Round| round.good().map(|(_, ended)| ended.after).max().unwrap_or_default();
    let with = slowest(&load.round().await);
    let without = slowest(&load.round_of(|tenant| tenant != HOSTILE && tenant != DEAD).await);
    println!(
        "\nslowest good tenant: {:.1} s with the hostile and the dead one, {:.1} s without",
        with.as_secs_f64(),
        without.as_secs_f64()
    );
    // They hold two of the syncs at one time for no longer than their limits let them.
    assert!(with < without * 3 + Duration::from_secs(10), "the others wait for them");
}

fn show(number: usize, round: &Round) {
    let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    let slowest = round.good().map(|(_, ended)| ended.after).max().unwrap_or_default();
    let complete = round.good().filter(|(_, ended)| ended.state == "complete").count();
    let of = |tenant: &str| format!("{} after {}", round.ended[tenant].state, seconds(round.ended[tenant].after));
    let new: u64 = round.good().map(|(_, ended)| ended.new).sum();
    println!(
        "| {number} | {} | {} | {} | {} | {complete} of {} | {new} | {} | {} | {} |",
        seconds(round.elapsed),
        seconds(slowest),
        of(HOSTILE),
        of(DEAD),
        round.good().count(),
        mebibytes(memory("VmRSS")),
        mebibytes(memory("VmHWM")),
        descriptors().len(),
    );
}
