use super::{DeliveryState, DueDelivery, Tried, Webhook};
use crate::{
    secrets::SecretSource,
    store::{
        RunMode, RunState,
        fixture::{Desk, at},
    },
};

/// A desk whose instance tells the ends of its runs.
fn desk() -> Desk {
    let desk = Desk::new();
    let webhook = Webhook {
        url: "https://receiver.example/hook".to_owned(),
        egress: Default::default(),
        secret: SecretSource::Variable { name: "HOOK".to_owned() },
        set_at: at(1),
    };
    desk.store.with(|store| store.set_webhook(desk.instance_id, &webhook)).unwrap();
    desk
}

fn end_a_run(desk: &Desk, now: i64) -> i64 {
    desk.store.with(|store| {
        let run = store.start_run(desk.instance_id, RunMode::Full, true, 0, &[], at(now)).unwrap();
        store.finish_run(run, RunState::Complete, None, at(now + 1)).unwrap();
        run
    })
}

#[test]
fn a_run_that_ends_is_to_be_told_whoever_ends_it() {
    let desk = desk();
    let run = end_a_run(&desk, 10);
    let failed = desk.store.with(|store| store.log_failed_run(desk.instance_id, RunMode::Full, "no", at(20))).unwrap();
    let deliveries = desk.store.with(|store| store.deliveries(Some(desk.instance_id), 9)).unwrap();
    let told: Vec<_> = deliveries.iter().map(|it| (it.run, it.state, it.next_at)).collect();
    let pending = DeliveryState::Pending;
    assert_eq!(told, [(Some(failed), pending, Some(at(20))), (Some(run), pending, Some(at(11)))]);
    assert_ne!(deliveries[0].event_id, deliveries[1].event_id);
}

#[test]
fn nothing_is_written_down_without_a_webhook_or_before_the_end() {
    let silent = Desk::new();
    end_a_run(&silent, 10);
    assert!(silent.store.with(|store| store.deliveries(None, 9)).unwrap().is_empty());
    let desk = desk();
    desk.store.with(|store| store.start_run(desk.instance_id, RunMode::Full, true, 0, &[], at(1))).unwrap();
    assert!(desk.store.with(|store| store.deliveries(None, 9)).unwrap().is_empty());
}

#[test]
fn one_process_tries_at_a_time_and_another_takes_over_from_the_dead() {
    let desk = desk();
    let run = end_a_run(&desk, 10);
    desk.store.with(|store| {
        assert!(store.claim_delivery(DueDelivery::By(at(10)), at(10), at(60)).unwrap().is_none(), "not due yet");
        let claimed = store.claim_delivery(DueDelivery::By(at(11)), at(11), at(60)).unwrap().unwrap();
        assert_eq!((claimed.run.unwrap().id, claimed.delivery.tries), (run, 1));
        assert!(store.claim_delivery(DueDelivery::By(at(59)), at(59), at(99)).unwrap().is_none(), "taken");
        let again = store.claim_delivery(DueDelivery::By(at(60)), at(60), at(99)).unwrap().unwrap();
        assert_eq!((again.delivery.event_id, again.delivery.tries), (claimed.delivery.event_id, 2));
    });
}

#[test]
fn a_delivery_at_its_end_can_be_made_pending_again_and_is_forgotten_in_time() {
    let desk = desk();
    end_a_run(&desk, 10);
    let failed = Tried {
        state: DeliveryState::Failed,
        next_at: None,
        status: Some(404),
        answer: None,
        problem: Some("no".into()),
    };
    desk.store.with(|store| {
        let id = store.claim_delivery(DueDelivery::By(at(11)), at(11), at(60)).unwrap().unwrap().delivery.id;
        store.note_delivery(id, &failed, at(12)).unwrap();
        assert_eq!(store.next_delivery_at().unwrap(), None);
        assert!(store.renew_delivery(id, at(13)).unwrap() && !store.renew_delivery(99, at(13)).unwrap());
        assert_eq!(store.next_delivery_at().unwrap(), Some(at(13)));
        store.note_delivery(id, &failed, at(14)).unwrap();
        store.note_delivery(id, &failed, at(super::KEPT + 12)).unwrap();
        assert!(store.deliveries(None, 9).unwrap().is_empty());
    });
}

#[test]
fn a_removed_webhook_takes_what_waits_with_it() {
    let desk = desk();
    end_a_run(&desk, 10);
    desk.store.with(|store| {
        assert!(store.remove_webhook(desk.instance_id).unwrap() && !store.remove_webhook(desk.instance_id).unwrap());
        let delivery = store.deliveries(None, 9).unwrap().remove(0);
        assert_eq!((delivery.state, delivery.next_at), (DeliveryState::Failed, None));
        assert!(!store.renew_delivery(delivery.id, at(20)).unwrap());
        assert!(store.claim_delivery(DueDelivery::Id(delivery.id), at(20), at(30)).unwrap().is_none());
    });
}
