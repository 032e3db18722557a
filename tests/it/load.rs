//! Many tenants share a host; who misbehaves costs nobody else anything.

use std::{
    collections::BTreeSet,
    net::TcpStream,
    path::PathBuf,
    time::{Duration, Instant},
};

use host_harness::{Harness, Options};
use tests::{
    load::{DEAD, HOSTILE, Load, Round, descriptors},
    name,
};

/// Where the vendors of these tenants are, as the table of sockets has it.
async fn vendors(load: &Load) -> BTreeSet<String> {
    let harness = Harness::new(Options::new(load.folder().join("data")));
    let mut ports = BTreeSet::new();
    for tenant in load.tenants() {
        let tenant = harness.tenant(tenant.parse().unwrap()).unwrap();
        let policy = tenant.grant(&name("code")).await.unwrap().http.unwrap().policy;
        for (origin, _) in policy.origins().filter(|(origin, _)| origin.host() == "127.0.0.1") {
            let port: u16 = origin.authority().rsplit_once(':').unwrap().1.parse().unwrap();
            ports.insert(format!("0100007F:{port:04X}"));
        }
    }
    ports
}

/// How many sockets of this process are connected to one of these. Tests beside
/// this one have sockets of their own, so that the number of all says nothing.
fn connections(vendors: &BTreeSet<String>) -> usize {
    let ours = descriptors();
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let to_them = |line: &&str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let socket = PathBuf::from(format!("socket:[{}]", columns[9]));
        vendors.contains(columns[2]) && ours.contains(&socket)
    };
    table.lines().skip(1).filter(to_them).count()
}

/// Asserts that no connection to a vendor stays. Tasks of the runtime close
/// them, so that it may take a moment; less than an idle connection is kept.
async fn assert_all_closed(vendors: &BTreeSet<String>) {
    let started = Instant::now();
    while connections(vendors) > 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "{} connections are left open", connections(vendors));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A round, which ends: it takes seconds, and more beside other tests.
async fn round(load: &Load) -> Round {
    tokio::time::timeout(Duration::from_secs(300), load.round()).await.expect("the host does not come back")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_tenant_and_a_dead_vendor_cost_the_others_nothing() {
    let load = Load::new(12, 3, 120).await;
    let vendors = vendors(&load).await;
    assert_eq!(vendors.len(), 2, "the simulator, and nobody");
    if !descriptors().is_empty() {
        let (_, port) = vendors.first().unwrap().split_once(':').unwrap();
        let held = TcpStream::connect(("127.0.0.1", u16::from_str_radix(port, 16).unwrap())).unwrap();
        assert_eq!(connections(&vendors), 1, "a connection is seen");
        drop(held);
    }
    let first = round(&load).await;
    assert_eq!(first.ended.len(), load.tenants().len(), "{:?}", first.ended.keys());
    let new: Vec<u64> = first.good().map(|(_, ended)| ended.new).collect();
    assert!(new.iter().all(|count| *count == new[0] && *count > 0), "{new:?}");
    for (tenant, ended) in first.good() {
        assert_eq!((ended.state.as_str(), &ended.why), ("complete", &None), "{tenant}");
    }
    let why = |tenant: &str| (first.ended[tenant].state.clone(), first.ended[tenant].why.clone().unwrap_or_default());
    let (state, told) = why(HOSTILE);
    assert!(state != "complete" && told.contains("processor time"), "{state}: {told}");
    let (state, told) = why(DEAD);
    assert!(state != "complete" && told.contains("no answer in time"), "{state}: {told}");

    // Whoever comes again finds the same host: nothing was left open.
    let open = || descriptors().into_iter().filter(|path| path.starts_with(load.folder())).collect::<Vec<_>>();
    assert_eq!(open(), Vec::<PathBuf>::new());
    assert_all_closed(&vendors).await;
    let second = round(&load).await;
    assert!(second.good().all(|(_, ended)| ended.state == "complete" && ended.new == 0));
    assert_eq!(open(), Vec::<PathBuf>::new());
    assert_all_closed(&vendors).await;
}
