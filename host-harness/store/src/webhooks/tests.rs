use super::{DeliveryState, DueDelivery, Tried, Webhook};
use crate::{
    fixture::{TestContext, at, project},
    mapping::ScanFields,
    runs::{FetchTask, RunExtent, RunMode, RunState},
};
use appsec_grant::SecretSource;
use appsec_model::{Kind, ProjectScope, Scope};

/// A context whose instance tells the ends of its runs.
fn context() -> TestContext {
    let context = TestContext::new();
    let webhook = Webhook {
        url: "https://receiver.example/hook".to_owned(),
        egress: Default::default(),
        secret: SecretSource::Variable { name: "HOOK".to_owned() },
        set_at: at(1),
    };
    context.store.with(|store| store.set_webhook(context.instance_id, &webhook)).unwrap();
    context
}

fn end_a_run(context: &TestContext, now: i64) -> i64 {
    context.store.with(|store| {
        let run = store.start_run(context.instance_id, RunMode::Full, RunExtent::Whole, 0, &[], at(now)).unwrap();
        store.finish_run(run, RunState::Complete, None, at(now + 1)).unwrap();
        run
    })
}

#[test]
fn a_run_that_ends_is_to_be_told_whoever_ends_it() {
    let context = context();
    let run = end_a_run(&context, 10);
    let failed = context
        .store
        .with(|store| {
            store.log_failed_run(
                context.instance_id,
                RunMode::Full,
                &crate::Cause::new(appsec_grant::Code::Unavailable, "no"),
                at(20),
            )
        })
        .unwrap();
    let deliveries = context.store.with(|store| store.deliveries(Some(context.instance_id), 9)).unwrap();
    let told: Vec<_> = deliveries.iter().map(|it| (it.run, it.state, it.next_at)).collect();
    let pending = DeliveryState::Pending;
    assert_eq!(told, [(Some(failed), pending, Some(at(20))), (Some(run), pending, Some(at(11)))]);
    assert_ne!(deliveries[0].event_id, deliveries[1].event_id);
}

#[test]
fn nothing_is_written_down_without_a_webhook_or_before_the_end() {
    let silent = TestContext::new();
    end_a_run(&silent, 10);
    assert!(silent.store.with(|store| store.deliveries(None, 9)).unwrap().is_empty());
    let context = context();
    context
        .store
        .with(|store| store.start_run(context.instance_id, RunMode::Full, RunExtent::Whole, 0, &[], at(1)))
        .unwrap();
    assert!(context.store.with(|store| store.deliveries(None, 9)).unwrap().is_empty());
}

#[test]
fn one_process_tries_at_a_time_and_another_takes_over_from_the_dead() {
    let context = context();
    let run = end_a_run(&context, 10);
    context.store.with(|store| {
        assert!(store.claim_delivery(DueDelivery::By(at(10)), at(10), at(60)).unwrap().is_none(), "not due yet");
        let claimed = store.claim_delivery(DueDelivery::By(at(11)), at(11), at(60)).unwrap().unwrap();
        assert_eq!((claimed.delivery.run.unwrap(), claimed.delivery.tries), (run, 1));
        assert!(store.claim_delivery(DueDelivery::By(at(59)), at(59), at(99)).unwrap().is_none(), "taken");
        let again = store.claim_delivery(DueDelivery::By(at(60)), at(60), at(99)).unwrap().unwrap();
        assert_eq!((again.delivery.event_id, again.delivery.tries), (claimed.delivery.event_id, 2));
    });
}

#[test]
fn a_delivery_at_its_end_can_be_made_pending_again_and_is_forgotten_in_time() {
    let context = context();
    end_a_run(&context, 10);
    let failed = Tried {
        state: DeliveryState::Failed,
        next_at: None,
        status: Some(404),
        answer: None,
        problem: Some("no".into()),
    };
    context.store.with(|store| {
        let first = store.claim_delivery(DueDelivery::By(at(11)), at(11), at(60)).unwrap().unwrap().delivery;
        store.note_delivery(&first, &failed, at(12)).unwrap();
        assert_eq!(store.next_delivery_at().unwrap(), None);
        assert!(store.renew_delivery(first.id, at(13)).unwrap() && !store.renew_delivery(99, at(13)).unwrap());
        assert_eq!(store.next_delivery_at().unwrap(), Some(at(13)));
        let second = store.claim_delivery(DueDelivery::Id(first.id), at(13), at(60)).unwrap().unwrap().delivery;
        store.note_delivery(&second, &failed, at(14)).unwrap();
        store.note_delivery(&second, &failed, at(super::KEPT + 13)).unwrap();
        assert_eq!(store.deliveries(None, 9).unwrap().len(), 1);
        store.note_delivery(&second, &failed, at(super::KEPT + 14)).unwrap();
        assert!(store.deliveries(None, 9).unwrap().is_empty());
    });
}

#[test]
fn what_another_process_took_over_is_its_to_tell_of() {
    let context = context();
    end_a_run(&context, 10);
    let taken =
        Tried { state: DeliveryState::Delivered, next_at: None, status: Some(200), answer: None, problem: None };
    context.store.with(|store| {
        let slow = store.claim_delivery(DueDelivery::By(at(11)), at(11), at(60)).unwrap().unwrap().delivery;
        let next = store.claim_delivery(DueDelivery::By(at(60)), at(60), at(99)).unwrap().unwrap().delivery;
        store.note_delivery(&slow, &taken, at(61)).unwrap();
        assert_eq!(store.delivery(next.id).unwrap().unwrap().state, DeliveryState::Pending);
        store.note_delivery(&next, &taken, at(62)).unwrap();
        assert_eq!(store.delivery(next.id).unwrap().unwrap().state, DeliveryState::Delivered);
    });
}

#[test]
fn what_is_no_news_any_more_is_given_up_until_the_operator_asks_for_it() {
    let context = context();
    end_a_run(&context, 10);
    // The schema and the program say the same of how long that is.
    let (before, after) = (at(10 + super::NEWS), at(11 + super::NEWS));
    context.store.with(|store| {
        assert!(store.claim_delivery(DueDelivery::By(at(9)), before, before).unwrap().is_none());
        assert_eq!(store.next_delivery_at().unwrap(), Some(at(11)));
        assert!(store.claim_delivery(DueDelivery::By(after), after, after).unwrap().is_none());
        let delivery = store.deliveries(None, 9).unwrap().remove(0);
        let told = (delivery.state, delivery.tries, delivery.problem.as_deref());
        assert_eq!(told, (DeliveryState::Failed, 0, Some("it could not be told while it was news")));
        assert!(store.renew_delivery(delivery.id, after).unwrap());
        assert!(store.claim_delivery(DueDelivery::By(after), after, after).unwrap().is_some());
    });
}

#[test]
fn what_waits_in_a_store_that_was_brought_back_is_given_up() {
    let context = context();
    end_a_run(&context, 10);
    context.store.with(|store| {
        super::give_up(&store.connection).unwrap();
        assert_eq!(store.next_delivery_at().unwrap(), None);
        assert_eq!(store.deliveries(None, 9).unwrap()[0].state, DeliveryState::Failed);
    });
}

#[test]
fn a_removed_webhook_takes_what_waits_with_it() {
    let context = context();
    end_a_run(&context, 10);
    context.store.with(|store| {
        assert!(
            store.remove_webhook(context.instance_id).unwrap() && !store.remove_webhook(context.instance_id).unwrap()
        );
        let delivery = store.deliveries(None, 9).unwrap().remove(0);
        assert_eq!((delivery.state, delivery.next_at), (DeliveryState::Failed, None));
        assert!(!store.renew_delivery(delivery.id, at(20)).unwrap());
        assert!(store.claim_delivery(DueDelivery::Id(delivery.id), at(20), at(30)).unwrap().is_none());
    });
}

#[test]
fn a_run_that_read_nothing_but_projects_that_are_not_notified_of_is_not_told() {
    let context = context();
    context.list(&[project("7", "acme/app", "main"), project("8", "acme/other", "main")], 1);
    let quiet = ScanFields { notify: false, ..ScanFields::default() };
    let scope = |ids: &[&str]| {
        let named = |id: &&str| ProjectScope { id: (*id).to_owned(), name: String::new(), primary_branch: None };
        Scope::Projects(ids.iter().map(named).collect())
    };
    let told = |scopes: Vec<Scope>| {
        context.store.with(|store| {
            let before = store.deliveries(None, 99).unwrap().len();
            let reads: Vec<_> = scopes.into_iter().map(|scope| FetchTask { kind: Kind::Sast, scope }).collect();
            let mode = RunMode::Full;
            let run = store.start_run(context.instance_id, mode, RunExtent::Selection, 0, &reads, at(2)).unwrap();
            store.finish_run(run, RunState::Complete, None, at(3)).unwrap();
            store.deliveries(None, 99).unwrap().len() > before
        })
    };
    assert!(told(vec![scope(&["7"])]), "all are told of where nobody says otherwise");
    let row = context.store.with(|store| store.projects_named(None, "acme/app")).unwrap()[0].row;
    context.store.with(|store| store.set_scan_fields(row, &quiet, at(4))).unwrap();
    assert!(!told(vec![scope(&["7"]), scope(&["7"])]));
    assert!(told(vec![scope(&["7"]), scope(&["7", "8"])]) && told(vec![Scope::Deployment]));
    assert!(told(vec![scope(&["7"]), scope(&["9"])]), "of one that is not known yet");
    assert!(told(vec![]), "it failed before it read anything");
}
