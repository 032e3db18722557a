//! Many tenants share a host; who misbehaves costs nobody else anything.

use tests::load::{DEAD, HOSTILE, Load, descriptors};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_tenant_and_a_dead_vendor_cost_the_others_nothing() {
    let load = Load::new(12, 3, 120).await;
    let first = load.round().await;
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
    assert_eq!(open(), Vec::<std::path::PathBuf>::new());
    let second = load.round().await;
    assert!(second.good().all(|(_, ended)| ended.state == "complete" && ended.new == 0));
    assert_eq!(open(), Vec::<std::path::PathBuf>::new());
}
