use appsec_model::{Kind, NextPage, Normalized, RawRecord, Scope, Timestamp};

use super::{PageCommit, ProjectIndex, RecordState};
use crate::store::{ConnectorSource, FindingStore, NewInstance, PlannedRead, ReadCounts, RunMode, RunState, Seen};

const NOW: Timestamp = Timestamp::from_micros(0);

fn store(folder: &std::path::Path) -> (FindingStore, i64) {
    let mut store = FindingStore::open(&folder.join("store.sqlite3"), &"acme".parse().unwrap()).unwrap();
    let instance = NewInstance {
        name: "code".parse().unwrap(),
        connector_id: "any".to_owned(),
        connector_version: "1.0.0".to_owned(),
        connector_source: ConnectorSource::Bundled { id: "any".to_owned() },
        settings: serde_json::Map::new(),
        egress: Default::default(),
        secrets: Default::default(),
    };
    let instance_id = store.add_instance(&instance, NOW).unwrap();
    (store, instance_id)
}

/// A record without id, as a vendor may send the same one for several projects.
fn nameless() -> RawRecord {
    RawRecord { kind: Kind::Sast, id: None, project: None, body: "42".to_owned() }
}

#[test]
fn the_same_record_of_two_reads_at_one_time_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, instance_id) = store(folder.path());
    let planned = PlannedRead { kind: Kind::Sast, scope: Scope::Deployment };
    let run_id = store.start_run(instance_id, RunMode::Full, true, 0, &[planned.clone(), planned], NOW).unwrap();
    let reads = store.run(run_id).unwrap().unwrap().reads;
    let projects = ProjectIndex::default();
    // Both pages are compared with the store before either is taken in.
    let pages: Vec<PageCommit> = reads
        .iter()
        .map(|read| PageCommit {
            instance_id,
            instance: "code".to_owned(),
            run_id,
            read_id: read.id,
            kind: Kind::Sast,
            page: 0,
            next: NextPage::Complete,
            records: store.classify(instance_id, vec![nameless()], &projects, &Seen::default()).unwrap(),
            normalized: Normalized::default(),
            documents: vec![],
            full: true,
            scope: None,
            costs: ReadCounts::default(),
            now: NOW,
        })
        .collect();
    let taken: Vec<_> = pages.iter().map(|page| store.commit_page(page, &projects).unwrap().ids).collect();
    assert_eq!(taken[0], taken[1]);
    let again = store.classify(instance_id, vec![nameless()], &projects, &Seen::default()).unwrap();
    assert_eq!(again[0].state, RecordState::Unchanged { id: taken[0][0] });
}

#[test]
fn an_incremental_run_does_not_start_from_one_of_some_projects() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, instance_id) = store(folder.path());
    let at = Timestamp::from_micros;
    let mut complete = |whole, started| {
        let run = store.start_run(instance_id, RunMode::Full, whole, 0, &[], started).unwrap();
        store.finish_run(run, RunState::Complete, None, started).unwrap();
        store.last_complete_start(instance_id).unwrap()
    };
    assert_eq!(complete(false, at(1)), None);
    assert_eq!(complete(true, at(2)), Some(at(2)));
    assert_eq!(complete(false, at(3)), Some(at(2)));
}
