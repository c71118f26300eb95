//! The memory of cached responses.

use std::process::Stdio;

use super::daemon::{Daemon, airshed};
use super::support::feed_of;

/// A cached response costs more than its text: many short ones take no more than the limit.
#[tokio::test]
async fn many_short_answers_are_not_all_cached() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.24h.json"), feed_of(1..4, "2026-02-01 11:00:00"))
        .unwrap();
    let mut serve = airshed(&["serve", "--feed", "file:data.24h.json", "--listen", "127.0.0.1:0"]);
    serve.args(["--answers-mib", "1"]).current_dir(folder.path()).stdin(Stdio::null());
    let server = Daemon::spawn(serve);
    let base = server.base();
    server.wait_for("feed collected");
    let http = reqwest::Client::new();
    let get = async |path: String| {
        let answer = http.get(format!("{base}{path}")).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.unwrap()
    };
    let hits = async || {
        let metrics = get("/metrics".to_owned()).await;
        let name = "airshed_cache_total{cache=\"answers\",outcome=\"hit\"} ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |count| count.parse::<usize>().unwrap())
    };
    let mut kept = Vec::new();
    for _ in 0..2 {
        let before = hits().await;
        for limit in 1..=1000 {
            let dates = "startDate=2026-02-01&endDate=2026-02-02";
            get(format!("/api/query?{dates}&columns=AQI&limit={limit}")).await;
        }
        kept.push(hits().await - before);
    }
    assert!(kept[0] == 0 && kept[1] <= 512, "{kept:?} answers of some 2 KiB each in 1 MiB");
    // The newest are there.
    let before = hits().await;
    get("/api/query?startDate=2026-02-01&endDate=2026-02-02&columns=AQI&limit=1000".to_owned())
        .await;
    assert_eq!(hits().await, before + 1);
}
