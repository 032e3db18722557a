//! Which instance is next: fair between tenants.

use std::collections::HashSet;

use appsec_model::Timestamp;

use appsec_grant::TenantId;
use appsec_store::Due;

/// An instance with a schedule.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub tenant: TenantId,
    pub instance_id: i64,
    pub due: Due,
}

/// The place of the instance whose turn it is. Tenants with the fewest syncs
/// under way come first, then the tenant after the `last` one in their order;
/// within a tenant, whatever is due for the longest time.
pub(super) fn pick(
    waiting: &[Candidate],
    now: Timestamp,
    at_work: &HashSet<(TenantId, i64)>,
    last: Option<&TenantId>,
) -> Option<usize> {
    let under_way = |tenant: &TenantId| at_work.iter().filter(|(it, _)| it == tenant).count();
    let due = waiting.iter().enumerate().filter(|(_, it)| it.due.at <= now);
    let turn = due.min_by_key(|(_, it)| {
        let after_last = last.is_none_or(|last| it.tenant > *last);
        (under_way(&it.tenant), !after_last, &it.tenant, it.due.at, it.instance_id)
    });
    turn.map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::{Candidate, Due, HashSet, TenantId, Timestamp, pick};

    fn candidate(tenant: &str, instance_id: i64, at: i64) -> Candidate {
        let due = Due { at: Timestamp::from_micros(at), full: false };
        Candidate { tenant: tenant.parse().unwrap(), instance_id, due }
    }

    /// The order in which instances are started, with so many at one time;
    /// those under way end one after the other.
    fn order(mut waiting: Vec<Candidate>, parallel: usize) -> Vec<String> {
        let (mut at_work, mut started, mut told) = (HashSet::new(), Vec::new(), Vec::new());
        let mut last: Option<TenantId> = None;
        loop {
            while at_work.len() < parallel {
                let Some(place) = pick(&waiting, Timestamp::from_micros(1000), &at_work, last.as_ref()) else { break };
                let chosen = waiting.swap_remove(place);
                told.push(format!("{}{}", chosen.tenant, chosen.instance_id));
                last = Some(chosen.tenant.clone());
                at_work.insert((chosen.tenant.clone(), chosen.instance_id));
                started.push((chosen.tenant, chosen.instance_id));
            }
            if started.is_empty() {
                return told;
            }
            at_work.remove(&started.remove(0));
        }
    }

    #[test]
    fn a_tenant_with_many_due_instances_starves_no_other() {
        let many = (0..100).map(|number| candidate("a", number, number));
        let waiting: Vec<_> = many.chain([candidate("b", 0, 500), candidate("c", 0, 900)]).collect();
        for parallel in [1, 2, 4] {
            let order = order(waiting.clone(), parallel);
            assert_eq!(order.len(), 102);
            assert!(
                order[..3].contains(&"b0".to_owned()) && order[..3].contains(&"c0".to_owned()),
                "{:?}",
                &order[..5]
            );
        }
    }

    #[test]
    fn tenants_take_turns_and_within_one_the_longest_due_is_first() {
        let waiting = vec![
            candidate("a", 1, 30),
            candidate("a", 2, 10),
            candidate("b", 1, 5),
            candidate("b", 2, 20),
            candidate("b", 3, 2000),
        ];
        assert_eq!(order(waiting, 1), ["a2", "b1", "a1", "b2"], "what is not due yet waits");
    }
}
