//! What a process with a five-minute feed reads when it starts, in rows.

use std::sync::atomic::AtomicU64;

use airshed::means::Settled;

use super::*;

/// Counts the samples that are read of it.
#[derive(Clone)]
struct Counting {
    view: Arc<dyn View>,
    store: Arc<dyn Store>,
    samples: Arc<AtomicU64>,
}

impl Counting {
    fn of(store: &Arc<dyn Store>) -> (Arc<dyn Store>, Arc<AtomicU64>) {
        let samples = Arc::default();
        let (view, store) = (Arc::clone(store) as Arc<dyn View>, Arc::clone(store));
        (Arc::new(Self { view, store, samples: Arc::clone(&samples) }), samples)
    }
}

#[async_trait]
impl View for Counting {
    async fn query(&self, query: &Query, after: Option<Position>) -> Result<Page, Error> {
        let page = self.view.query(query, after).await?;
        let samples = page.rows().filter(|row| row.window() == Window::FiveMinutes).count();
        self.samples.fetch_add(samples as u64, Relaxed);
        Ok(page)
    }

    async fn summary(&self) -> Result<Summary, Error> {
        self.view.summary().await
    }

    async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.view.networks().await
    }

    async fn readings_in_days(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<u64>, Error> {
        self.view.readings_in_days(from, until).await
    }
}

#[async_trait]
impl Store for Counting {
    async fn put(&self, batch: &[Reading]) -> Result<(), Error> {
        self.store.put(batch).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<u64, Error> {
        self.store.delete_before(moment).await
    }

    async fn delete(&self, query: &Query) -> Result<u64, Error> {
        self.store.delete(query).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn View>, Error> {
        Ok(Arc::new(Self { view: self.store.snapshot().await?, ..self.clone() }))
    }
}

const SAMPLES_A_DAY: u64 = 576;

#[tokio::test]
async fn a_start_reads_two_days_and_settled_days_are_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let stored: Arc<dyn Store> = Arc::new(Memory::new());
    let start_with = |flagging: &Flagging| {
        let (store, samples) = Counting::of(&stored);
        let settled = Settled::at(folder.path().join("settled.json"), flagging);
        let means = LiveMeans::new(Arc::clone(&store), Network::default(), 31);
        (means.with_flagging(flagging.clone()).but_for(settled), store, samples)
    };
    let start = || start_with(&Flagging::default());
    let mut all = Vec::new();
    let days = (1..=20).map(|day| date(2018, 7, day));
    days.for_each(|day| all.extend(hours(day, 0..24, 20 + i64::from(day.day()))));
    let readings: Vec<_> = all.iter().map(Sample::reading).collect();
    stored.put(&readings).await.unwrap();
    let now = at("2018-07-20T23:00:10Z");
    let expected_at = |until| expected(&all, at(until).as_second());

    // Means of today are made at once, of what today and yesterday have.
    let (means, _, samples) = start();
    means.begin().await.finish(&[], now).await.unwrap();
    assert_eq!(samples.load(Relaxed), 2 * SAMPLES_A_DAY);
    let today = stored_means(&stored).await;
    assert!(today.iter().all(|mean| mean.timestamp > at("2018-07-20T00:00:00Z")));
    assert_eq!(today.len(), 2 * 23 + 1 - 1, "an hour and 24 hours each hour");
    // Those of the other days come one day at a time, the latest first.
    for day in (1..=19).rev() {
        assert!(means.look_back(now).await.unwrap().unwrap().means > 0, "{day}");
        assert!(stored_means(&stored).await.iter().any(|mean| {
            mean.window == Window::Day
                && mean.timestamp == at(&format!("2018-07-{:02}T00:00:00Z", day + 1))
        }));
    }
    assert_eq!(means.look_back(now).await.unwrap(), None);
    same(stored_means(&stored).await, expected_at("2018-07-20T23:00:00Z"));

    // The next process finds that nothing is missing; the one after it need not look.
    let read_by_a_process = async || {
        let (means, _, samples) = start();
        means.begin().await.finish(&[], now).await.unwrap();
        let at_start = samples.load(Relaxed);
        let made: u64 = look_back(&means, now).await.unwrap().iter().map(|made| made.means).sum();
        (at_start / SAMPLES_A_DAY, made, (samples.load(Relaxed) - at_start) / SAMPLES_A_DAY)
    };
    let (at_start, made, _) = read_by_a_process().await;
    assert_eq!((at_start, made), (2, 0));
    assert_eq!(read_by_a_process().await, (2, 0, 0));

    // Nor if the day has left the memory of a process that goes on.
    let (means, _, samples) = start();
    for moment in ["2018-07-20T23:00:10Z", "2018-07-21T00:00:10Z", "2018-07-21T01:00:10Z"] {
        means.begin().await.finish(&[], at(moment)).await.unwrap();
        look_back(&means, at(moment)).await.unwrap();
    }
    same(stored_means(&stored).await, expected_at("2018-07-21T00:00:00Z"));
    assert_eq!(samples.load(Relaxed), 3 * SAMPLES_A_DAY, "two days at start, one to settle it");
    let (means, _, samples) = start();
    means.begin().await.finish(&[], at("2018-07-22T00:00:10Z")).await.unwrap();
    look_back(&means, at("2018-07-22T00:00:10Z")).await.unwrap();
    assert_eq!(samples.load(Relaxed), 0, "the last two days have no samples");

    // Samples that another process put are noticed, and the 24 hours of the next day follow.
    let mut late = hours(date(2018, 7, 9), 5..6, 300);
    late.iter_mut().for_each(|sample| sample.second += 31);
    let late_readings: Vec<_> = late.iter().map(Sample::reading).collect();
    stored.put(&late_readings).await.unwrap();
    let (means, _, samples) = start();
    let later = at("2018-07-21T02:00:10Z");
    means.begin().await.finish(&[], later).await.unwrap();
    let at_start = samples.load(Relaxed);
    assert_eq!(look_back(&means, later).await.unwrap().len(), 2, "that day and the next");
    assert!(samples.load(Relaxed) - at_start < 5 * SAMPLES_A_DAY);
    all.extend(late);
    same(stored_means(&stored).await, expected(&all, at("2018-07-21T02:00:00Z").as_second()));

    // With other flags all days are looked at.
    let none = Flagging { computed: Flags::NONE, ..Flagging::default() };
    let (means, _, _) = start_with(&none);
    means.begin().await.finish(&[], later).await.unwrap();
    look_back(&means, later).await.unwrap();
    assert!(stored_means(&stored).await.iter().all(|mean| mean.stored_flags.is_empty()));
}

async fn stored_means(store: &Arc<dyn Store>) -> Vec<Reading> {
    stored(&**store, &MEANS).await
}
