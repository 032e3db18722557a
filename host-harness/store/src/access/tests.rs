use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn store() -> (tempfile::TempDir, AccessStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = AccessStore::open(&folder.path().join("access.sqlite3")).unwrap();
    (folder, store)
}

#[tokio::test]
async fn a_link_is_used_once_and_in_time_and_the_oldest_sessions_make_place() {
    let (_folder, store) = store();
    let [link, late, other] = [[1; 32], [2; 32], [3; 32]];
    store.put_link(link, at(0), at(10)).await.unwrap();
    assert!(store.has_link(at(9)).await.unwrap() && !store.has_link(at(10)).await.unwrap());
    assert!(!store.enter(other, [8; 32], at(1), at(100), 2).await.unwrap());
    assert!(store.enter(link, [9; 32], at(1), at(100), 2).await.unwrap());
    assert!(!store.enter(link, [10; 32], at(1), at(100), 2).await.unwrap(), "it was used");
    assert!(store.use_session([10; 32], at(2)).await.unwrap().is_none(), "nobody came in with a used link");
    store.put_link(late, at(0), at(10)).await.unwrap();
    assert!(!store.enter(late, [11; 32], at(10), at(100), 2).await.unwrap(), "it was too old");
    for session in [12_u8, 13] {
        store.put_link([session; 32], at(0), at(50)).await.unwrap();
        assert!(store.enter([session; 32], [session; 32], at(session.into()), at(100), 2).await.unwrap());
    }
    let goes_on = async |session: u8, now| store.use_session([session; 32], at(now)).await.unwrap().is_some();
    assert!(!goes_on(9, 20).await && goes_on(12, 20).await && goes_on(13, 20).await);
    assert!(!goes_on(13, 100).await, "it has expired");
    store.end_session([13; 32]).await.unwrap();
    assert!(!goes_on(13, 20).await);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all_but_one() {
    let (_folder, store) = store();
    for key in 1..=3_u8 {
        store.put_link([key; 32], at(0), at(10)).await.unwrap();
        assert!(store.enter([key; 32], [key; 32], at(key.into()), at(100), 9).await.unwrap());
    }
    assert!(store.use_session([2; 32], at(50)).await.unwrap().is_some());
    assert!(store.use_session([2; 32], at(60)).await.unwrap().is_some(), "noted to the minute");
    let row = |key: u8, used_at| SessionRow {
        id: format!("{key:02x}").repeat(8),
        created_at: at(key.into()),
        expires_at: at(100),
        used_at,
    };
    let listed = store.sessions(at(61)).await.unwrap();
    assert_eq!(listed, [row(3, None), row(2, Some(at(50))), row(1, None)]);
    assert_eq!(store.sessions(at(100)).await.unwrap(), [], "they have expired");
    assert_eq!(store.end_sessions(Sessions::One("03".to_owned())).await.unwrap(), 0, "a part of an id is none");
    assert_eq!(store.end_sessions(Sessions::One(row(3, None).id)).await.unwrap(), 1);
    assert!(store.use_session([3; 32], at(61)).await.unwrap().is_none());
    assert_eq!(store.end_sessions(Sessions::Others(row(2, None).id)).await.unwrap(), 1);
    let left: Vec<String> = store.sessions(at(61)).await.unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(left, [row(2, None).id]);
}

#[tokio::test]
async fn a_token_works_until_it_expires_or_is_revoked_and_is_of_one_tenant() {
    let (_folder, store) = store();
    let [acme, other] = ["acme", "other"].map(|it| it.parse::<TenantId>().unwrap());
    let new = |id: &str, hash: u8| NewTokenRow {
        id: id.to_owned(),
        hash: [hash; 32],
        name: "pipeline".to_owned(),
        tenant: acme.clone(),
        role: Role::Viewer,
        expires_at: at(1_000),
    };
    store.add_token(new("one", 1), at(1)).await.unwrap();
    store.add_token(new("two", 2), at(2)).await.unwrap();
    assert!(store.use_token([9; 32], at(5)).await.unwrap().is_none());
    assert_eq!(store.use_token([1; 32], at(5)).await.unwrap().unwrap().used_at, None);
    assert_eq!(store.use_token([1; 32], at(64)).await.unwrap().unwrap().used_at, Some(at(5)));
    assert_eq!(store.use_token([1; 32], at(65)).await.unwrap().unwrap().used_at, Some(at(5)));
    assert_eq!(store.use_token([1; 32], at(66)).await.unwrap().unwrap().used_at, Some(at(65)), "to the minute");
    assert!(store.use_token([1; 32], at(1_000)).await.unwrap().is_none(), "it has expired");
    assert!(store.revoke_token(other.clone(), "one".to_owned(), at(7)).await.unwrap().is_none());
    assert!(store.use_token([1; 32], at(8)).await.unwrap().is_some(), "another tenant revokes nothing");
    let revoked = store.revoke_token(acme.clone(), "one".to_owned(), at(9)).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(at(9)));
    assert!(store.use_token([1; 32], at(10)).await.unwrap().is_none(), "it was revoked");
    assert_eq!(store.tokens(acme.clone()).await.unwrap().len(), 2);
    assert!(store.tokens(other).await.unwrap().is_empty());
    assert_eq!(store.forget_tokens(acme.clone()).await.unwrap(), 2);
    assert!(store.tokens(acme).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_entry_of_the_audit_log_that_is_changed_or_taken_out_is_noticed() {
    let (folder, store) = store();
    for target in ["a", "b", "c"] {
        let entry = AuditEntry {
            who: "browser".to_owned(),
            action: "sync",
            tenant: Some("acme".to_owned()),
            target: Some(target.to_owned()),
            outcome: AuditOutcome::Done,
            code: None,
        };
        store.record(entry, at(7)).await.unwrap();
    }
    assert_eq!(store.check_audit().await.unwrap(), AuditCheck { entries: 3, broken_at: None });
    let all = AuditFilter { limit: 9, ..AuditFilter::default() };
    let asked =
        async |filter: AuditFilter| store.audit(filter).await.unwrap().iter().map(|it| it.number).collect::<Vec<_>>();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(asked(AuditFilter { limit: 2, ..all.clone() }).await, [3, 2]);
    assert_eq!(asked(AuditFilter { before: Some(2), ..all.clone() }).await, [1]);
    assert_eq!(asked(AuditFilter { action: text("sync"), who: text("browser"), ..all.clone() }).await, [3, 2, 1]);
    assert_eq!(asked(AuditFilter { since: Some(at(7)), ..all.clone() }).await, [3, 2, 1]);
    for none in [
        AuditFilter { tenant: Some("other".parse().unwrap()), ..all.clone() },
        AuditFilter { action: text("import"), ..all.clone() },
        AuditFilter { who: text("brow"), ..all.clone() },
        AuditFilter { since: Some(at(8)), ..all.clone() },
    ] {
        assert!(asked(none.clone()).await.is_empty(), "{none:?}");
    }

    let hand = Connection::open(folder.path().join("access.sqlite3")).unwrap();
    for change in ["UPDATE audit SET target = 'z' WHERE number = 2", "DELETE FROM audit WHERE number = 1"] {
        assert!(hand.execute(change, []).unwrap_err().to_string().contains("append-only"), "{change}");
    }
    hand.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted").unwrap();
    hand.execute("UPDATE audit SET target = 'z' WHERE number = 2", []).unwrap();
    assert_eq!(store.check_audit().await.unwrap().broken_at, Some(2));
    hand.execute("UPDATE audit SET target = 'b' WHERE number = 2", []).unwrap();
    assert_eq!(store.check_audit().await.unwrap().broken_at, None);
    hand.execute("DELETE FROM audit WHERE number = 2", []).unwrap();
    assert_eq!(store.check_audit().await.unwrap().broken_at, Some(3));
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_left_alone_and_ours_is_private() {
    let (folder, store) = store();
    let path = folder.path().join("access.sqlite3");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    drop(store);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(AccessStore::open(&path), Err(StoreError::TooNew { found: 99, known: VERSION })));
}

#[tokio::test]
async fn a_file_of_an_earlier_version_is_brought_up_to_date_with_all_that_it_holds() {
    let (folder, fresh) = store();
    let schema = |path: &Path| {
        let file = Connection::open(path).unwrap();
        let mut all = file.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<rusqlite::Result<Vec<(String, Option<String>)>>>().unwrap()
    };
    let wanted = schema(&folder.path().join("access.sqlite3"));
    drop(fresh);
    // The first ones had no views and answers, later ones of the same version had.
    for (name, steps) in [("first", 1), ("later", 2)] {
        let path = folder.path().join(name);
        let old = Connection::open(&path).unwrap();
        STEPS.iter().take(steps).for_each(|step| old.execute_batch(step).unwrap());
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute("INSERT INTO sessions VALUES (?1, 1, 9000000)", [[7_u8; 32]]).unwrap();
        drop(old);
        let store = AccessStore::open(&path).unwrap();
        assert!(store.use_session([7; 32], at(2)).await.unwrap().is_some(), "{name}");
        assert!(store.views("acme".parse().unwrap()).await.unwrap().is_empty(), "{name}");
        assert_eq!(schema(&path), wanted, "{name}");
    }
}

#[tokio::test]
async fn a_tenant_is_forgotten_as_a_whole_or_not_at_all() {
    let (folder, store) = store();
    let acme: TenantId = "acme".parse().unwrap();
    let view = NewView {
        name: "mine".to_owned(),
        page: "findings".to_owned(),
        filter: String::new(),
        author: "ada".to_owned(),
    };
    store.save_view(acme.clone(), view, at(1)).await.unwrap();
    let hand = Connection::open(folder.path().join("access.sqlite3")).unwrap();
    hand.execute("INSERT INTO tokens VALUES ('a', x'00', 'a', 'acme', 'viewer', 1, 2, NULL, NULL)", []).unwrap();
    hand.execute_batch("CREATE TRIGGER no BEFORE DELETE ON tokens BEGIN SELECT RAISE(ABORT, 'no'); END").unwrap();
    store.forget_tokens(acme.clone()).await.unwrap_err();
    assert_eq!(store.views(acme).await.unwrap().len(), 1);
}
