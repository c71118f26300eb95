//! The end of a job, told to a URL that its client named.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airshed::callbacks::Webhooks;
use airshed::jobs::{Jobs, State};
use airshed::sweeper::Sweeper;
use airshed::webhooks::{Range, WebhookSender};
use async_trait::async_trait;
use jiff::SignedDuration;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use serde_json::Value;

use super::support::{Options, RawServer, Rig, answer, clock, json, location, readings};

const ALL: &str = "/api/query?startDate=2026-01-01&endDate=2026-01-31";

/// Takes messages, unless it is out of order.
#[derive(Default)]
struct Taking {
    taken: Mutex<Vec<(String, Value)>>,
    is_out_of_order: Mutex<bool>,
    refused: Mutex<usize>,
}

#[async_trait]
impl Webhooks for Taking {
    fn check(&self, url: &str) -> Result<(), String> {
        if url.contains("private") { Err("not allowed".to_owned()) } else { Ok(()) }
    }

    async fn post(&self, url: &str, message: &Value) -> Result<(), String> {
        if *self.is_out_of_order.lock().unwrap() {
            *self.refused.lock().unwrap() += 1;
            return Err("out of order".to_owned());
        }
        self.taken.lock().unwrap().push((url.to_owned(), message.clone()));
        Ok(())
    }
}

impl Taking {
    async fn wait_for(&self, messages: usize) -> Vec<(String, Value)> {
        let all_there = async {
            while self.taken.lock().unwrap().len() < messages {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all_there).await.expect("messages");
        self.taken.lock().unwrap().clone()
    }
}

async fn start(taking: &Arc<Taking>, workers: usize) -> Rig {
    let webhooks = Arc::clone(taking) as Arc<dyn Webhooks>;
    let fresh_for = SignedDuration::from_hours(1);
    let rig = Options { webhooks: Some(webhooks), workers, fresh_for, ..Options::default() };
    let rig = Rig::start(rig).await;
    rig.store.put(&readings(30)).await.unwrap();
    rig
}

#[tokio::test]
async fn each_client_of_shared_work_is_told_its_own_end() {
    let taking = Arc::new(Taking::default());
    let rig = start(&taking, 0).await;
    let mut expected = BTreeSet::new();
    for number in 0..3 {
        let url = format!("https://example.org/{number}");
        // Without `Prefer`: who is to be told wants a job.
        let accepted = rig.get(&format!("{ALL}&callback={url}")).await;
        assert_eq!(accepted.status(), 202);
        expected.insert((url, location(&accepted)));
    }
    let silent = location(&rig.get_as_job(ALL).await);
    let (cancelled_url, cancelled) = expected.first().unwrap().clone();
    rig.http.delete(format!("{}{cancelled}", rig.base)).send().await.unwrap();
    let told = taking.wait_for(1).await;
    assert_eq!((&told[0].0, &told[0].1["state"]), (&cancelled_url, &Value::from("cancelled")));
    let worker = airshed::worker::Worker {
        store: Arc::clone(&rig.store),
        queues: rig.queues.clone(),
        jobs: rig.jobs.clone(),
        concurrency: 1,
        heartbeat_timeout: airshed::worker::HEARTBEAT_TIMEOUT,
        networks: Arc::default(),
    };
    tokio::spawn(airshed::worker::run(worker, rig.stop.clone()));
    let file = rig.get(&format!("{silent}?wait=30")).await;
    let tag = file.headers()["etag"].to_str().unwrap().trim_matches('"').to_owned();
    let told = taking.wait_for(3).await;
    let heard: BTreeSet<_> = told
        .iter()
        .map(|(url, message)| {
            let location = message["location"].as_str().unwrap();
            (url.clone(), location.strip_prefix(&rig.base).unwrap().to_owned())
        })
        .collect();
    assert_eq!(heard, expected);
    for (_, message) in &told[1..] {
        assert_eq!(
            (message["state"].as_str(), message["sha256"].as_str()),
            (Some("done"), Some(&*tag))
        );
    }
    // A client that joins later is notified at once, and nobody twice.
    rig.get(&format!("{ALL}&callback=https://example.org/late")).await;
    assert_eq!(taking.wait_for(4).await[3].0, "https://example.org/late");
    let mut sweeper = Sweeper::new(rig.jobs.clone(), Arc::clone(&rig.queues.requests));
    sweeper.sweep().await.unwrap();
    assert_eq!(taking.taken.lock().unwrap().len(), 4);
    let status = json(rig.get(&format!("{cancelled}/status")).await).await;
    assert!(status["callback"]["notified"].is_string(), "{status}");
}

/// Whether it could not be sent, or the process ended before.
#[tokio::test]
async fn what_could_not_be_told_is_told_by_a_later_sweep_or_given_up() {
    let objects = Arc::new(InMemory::new());
    let at = |minutes: i64, taking: &Arc<Taking>| {
        let objects = airshed::objects::Objects::new(Arc::clone(&objects) as Arc<dyn ObjectStore>);
        let now = clock()() + SignedDuration::from_mins(minutes);
        let jobs = Jobs::new(objects, Arc::new(move || now), SignedDuration::from_hours(24));
        jobs.with_webhooks(Arc::clone(taking) as Arc<dyn Webhooks>)
    };
    let taking = Arc::new(Taking::default());
    *taking.is_out_of_order.lock().unwrap() = true;
    let first = at(0, &taking);
    let ask = |url: &str| airshed::jobs::JobRequest {
        callback: Some(airshed::jobs::Callback {
            url: url.to_owned(),
            base: String::new(),
            notified: None,
        }),
        ..airshed::jobs::JobRequest::default()
    };
    let failed = async |url| {
        let job = first.request(ask(url)).await.unwrap();
        first
            .update(
                &job,
                State::Failed {
                    reason: "for a test".to_owned(),
                    retryable: true,
                    expires: first.expiry(),
                },
            )
            .await
            .unwrap()
    };
    let job = failed("https://example.org/1").await;
    let queues = queue::open("channel:", 10, 1).await.unwrap();
    let sweep = async |minutes| {
        let mut sweeper = Sweeper::new(at(minutes, &taking), Arc::clone(&queues.requests));
        sweeper.sweep().await.unwrap();
    };
    let told = async |id| first.get(id).await.unwrap().unwrap().callback.unwrap().notified;
    let until_told = async |id| {
        let told = async {
            while told(id).await.is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), told).await.expect("told, or given up");
    };
    sweep(10).await;
    while *taking.refused.lock().unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(told(job.id).await, None);
    *taking.is_out_of_order.lock().unwrap() = false;
    sweep(20).await;
    let messages = taking.wait_for(1).await;
    assert_eq!(messages[0].1["reason"], "for a test");
    until_told(job.id).await;
    *taking.is_out_of_order.lock().unwrap() = true;
    let job = failed("https://example.org/2").await;
    sweep(70).await;
    until_told(job.id).await; // given up
    assert_eq!(taking.taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn only_urls_that_may_be_called_are_taken() {
    let taking = Arc::new(Taking::default());
    let rig = start(&taking, 1).await;
    let refused = rig.get(&format!("{ALL}&callback=https://private.example.org/")).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(json(refused).await["field"], "callback");
    for path in
        ["/api/latest?callback=https://example.org/", "/api/summary?callback=https://example.org/"]
    {
        assert_eq!(rig.get(path).await.status(), 400, "{path}");
    }
    let twice = "callback=https://example.org/&callback=https://example.org/";
    assert_eq!(rig.get(&format!("{ALL}&{twice}")).await.status(), 400);
    let silent = Rig::start(Options::default()).await;
    assert_eq!(silent.get(&format!("{ALL}&callback=https://example.org/")).await.status(), 400);
}

#[tokio::test]
async fn a_message_is_posted_as_json_and_redirects_are_not_followed() {
    let target = RawServer::start(vec![
        answer("204 No Content", "", ""),
        answer("302 Found", "location: http://127.0.0.1:9/\r\n", ""),
        answer("500 Internal Server Error", "", ""),
    ])
    .await;
    let sender = WebhookSender::new(Range::Any).unwrap();
    let message = serde_json::json!({ "state": "done" });
    sender.post(&target.url, &message).await.unwrap();
    assert!(sender.post(&target.url, &message).await.unwrap_err().contains("302"));
    assert!(sender.post(&target.url, &message).await.unwrap_err().contains("500"));
    let requests = target.requests.lock().unwrap().clone();
    assert!(
        requests[0].starts_with("POST /static/v2/data.24h.json HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    assert!(requests[0].to_ascii_lowercase().contains("content-type: application/json"));
    assert_eq!(requests.len(), 3);
    let private = WebhookSender::new(Range::Public).unwrap();
    assert!(private.post(&target.url, &message).await.is_err());
}
