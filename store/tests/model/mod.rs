//! A store walked beside the obvious model.

use std::sync::Arc;

use airshed_store::conformance::{self, Model, all, assert_same};
use airshed_store::{Query, Reading, Store, View};
use jiff::Timestamp;
use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Put(Vec<Reading>),
    Query(Box<Query>),
    DeleteBefore(Timestamp),
    Delete(Box<Query>),
    Snapshot,
    Reopen,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => conformance::readings().prop_map(Step::Put),
        4 => conformance::query().prop_map(|query| Step::Query(Box::new(query))),
        1 => conformance::query().prop_map(|query| Step::DeleteBefore(query.from)),
        1 => conformance::query().prop_map(|query| Step::Delete(Box::new(query))),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..20)
}

pub(crate) async fn walk_beside_the_model<S: Store>(
    mut store: S,
    steps: Vec<Step>,
    reopen: impl Fn(S) -> S,
) {
    let model = Model::default();
    let mut snapshots = Vec::new();
    for step in steps {
        match step {
            Step::Put(batch) => {
                store.put(&batch).await.unwrap();
                model.put(&batch);
            }
            Step::Query(query) => {
                assert_same(&all(&store, &query).await, &model.query(&query));
                let latest = store.latest(&query).await.unwrap();
                let latest: Vec<_> = latest.rows().map(|row| row.reading()).collect();
                assert_same(&latest, &model.latest(&query));
            }
            Step::DeleteBefore(moment) => {
                let deleted = store.delete_before(moment).await.unwrap();
                assert_eq!(deleted, model.delete_before(moment));
            }
            Step::Delete(query) => {
                assert_eq!(store.delete(&query).await.unwrap(), model.delete(&query));
            }
            Step::Snapshot => {
                let kept = model.query(&Query::everything());
                snapshots.push((store.snapshot().await.unwrap(), kept));
            }
            Step::Reopen => {
                check(&mut snapshots).await;
                store = reopen(store);
            }
        }
    }
    check(&mut snapshots).await;
    let kept = model.query(&Query::everything());
    assert_same(&all(&store, &Query::everything()).await, &kept);
    assert_eq!(store.summary().await.unwrap().readings(), kept.len() as u64);
}

/// What was kept when a snapshot was taken is what it shows.
async fn check(snapshots: &mut Vec<(Arc<dyn View>, Vec<Reading>)>) {
    for (snapshot, kept) in snapshots.drain(..) {
        assert_same(&all(&*snapshot, &Query::everything()).await, &kept);
    }
}
