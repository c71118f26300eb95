//! Sensors that push to the program, which is killed between acknowledged measurements.

use std::collections::BTreeSet;
use std::fs;

use reqwest::StatusCode;

use super::daemon::{Daemon, airshed, text};

const TOKEN: &str = "a-token-of-some-length";

/// The status of a push of one board.
async fn push(base: &str, board: u32) -> Option<StatusCode> {
    let body = format!(
        r#"{{"esp8266id":"{board}","sensordatavalues":[{{"value_type":"SDS_P1","value":"21.30"}}]}}"#
    );
    let request = reqwest::Client::new().post(format!("{base}/api/push"));
    let answer = request.basic_auth("any", Some(TOKEN)).body(body).send().await.ok()?;
    Some(answer.status())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_measurement_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, tokens, feed) = (path("data"), path("tokens.txt"), path("none.json"));
    fs::write(&tokens, format!("{TOKEN}\n")).unwrap();
    fs::write(&feed, "[]").unwrap();
    let feed = format!("24h=file:{feed}");
    let mut acknowledged = BTreeSet::new();
    let mut board = 0;
    for life in 0..6 {
        let mut serve = vec!["serve", "--feed", &feed, "--data", &data, "--listen", "127.0.0.1:0"];
        serve.extend(["--push-tokens", &tokens]);
        let mut daemon = Daemon::start(&serve);
        let base = daemon.base();
        // Some are acknowledged one by one, others are on their way when it is killed.
        for _ in 0..5 {
            board += 1;
            assert_eq!(push(&base, board).await, Some(StatusCode::OK));
            acknowledged.insert(board);
        }
        let mut pushing = tokio::task::JoinSet::new();
        for board in board + 1..=board + 40 {
            let base = base.clone();
            pushing.spawn(async move { (board, push(&base, board).await) });
        }
        board += 40;
        let mut count = 0;
        while count < life * 5
            && let Some(done) = pushing.join_next().await
        {
            acknowledged.insert(done.unwrap().0);
            count += 1;
        }
        daemon.child.kill().unwrap();
        daemon.child.wait().unwrap();
        while let Some(done) = pushing.join_next().await {
            let (board, status) = done.unwrap();
            if status == Some(StatusCode::OK) {
                acknowledged.insert(board);
            }
        }
        let export =
            airshed(&["export", "--data", &data, "--columns", "sensor_id"]).output().unwrap();
        assert!(export.status.success(), "{}", text(&export.stderr));
        let stored: BTreeSet<u32> = text(&export.stdout)
            .lines()
            .skip(1)
            .map(|id| id.parse::<u32>().unwrap() / 16)
            .collect();
        let lost: Vec<_> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "life {life}: {lost:?}");
    }
    assert!(acknowledged.len() > 6 * 5 + 50, "{}", acknowledged.len());
}

#[test]
fn what_is_wrong_in_the_files_is_said_before_anything_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, places) = (folder.path().join("tokens.txt"), folder.path().join("places.csv"));
    let (tokens, places) = (tokens.to_str().unwrap(), places.to_str().unwrap());
    let refused = |flags: &[&str], words: &str| {
        let mut serve = airshed(&["serve", "--feed", "24h=file:none.json"]);
        let done = serve.args(flags).current_dir(folder.path()).output().unwrap();
        let message = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{message}");
        assert!(message.contains(words), "{words}: {message}");
        assert!(!folder.path().join("data").exists());
    };
    refused(&["--push-tokens", tokens], "--push-tokens <FILE>': cannot read it");
    fs::write(tokens, "short\n").unwrap();
    refused(&["--push-tokens", tokens], "line 1: a token has at least 16 characters");
    fs::write(tokens, format!("{TOKEN}\n")).unwrap();
    let network = ["--push-tokens", tokens, "--push-network", "sensor.community"];
    refused(&network, "choose another --push-network");
    fs::write(places, "board,latitude\nesp8266-7,50\n").unwrap();
    let alone = ["--push-places", places];
    refused(&alone, "latitude and longitude go together");
    fs::write(places, "board\n").unwrap();
    refused(&alone, "--push-tokens <FILE>");
    fs::write(places, "board,latitude\nesp8266-7,50\n").unwrap();
    let both = ["--push-tokens", tokens, "--push-places", places];
    refused(&both, "latitude and longitude go together");
}
