//! `retention`: shown first, then deleted; and never by a clock alone.

use std::fs;
use std::process::{Output, Stdio};

use super::daemon::{Daemon, airshed};
use super::support::feed_of;

fn run(home: &tempfile::TempDir, arguments: &[&str]) -> Output {
    airshed(arguments).current_dir(home.path()).stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn what_is_too_old_is_shown_and_deleted_once_confirmed() {
    let home = tempfile::tempdir().unwrap();
    let feed = home.path().join("data.24h.json");
    let collect = ["collect", "--once", "--feed", "file:data.24h.json", "--keep-readings", "30"];
    fs::write(&feed, feed_of(1..4, "2026-02-01 11:00:00")).unwrap();
    assert!(run(&home, &collect).status.success());
    let show = ["retention", "show", "--keep-readings", "30"];
    let apply = ["retention", "apply", "--keep-readings", "30"];
    let rows = || text(&run(&home, &["export", "--columns", "sensor_id"]));

    // The feed has ended in February: its readings are as old as their feed, and stay.
    assert_eq!(rows(), "sensor_id\n1\n2\n3\n");
    let shown = text(&run(&home, &show));
    assert!(
        shown.starts_with("stored: 3 readings, 2026-02-01T11:00:00Z to 2026-02-01T11:00:00Z\n")
    );
    assert!(shown.ends_with(": 3 readings\n"), "{shown}");
    let unconfirmed = run(&home, &apply);
    assert_eq!(unconfirmed.status.code(), Some(2));
    assert!(text(&unconfirmed).ends_with(": 3 readings\n"), "shown first");
    assert_eq!(rows(), "sensor_id\n1\n2\n3\n");

    // Through the process that has the store open.
    let mut command = airshed(&["server", "--listen", "127.0.0.1:0"]);
    command.current_dir(home.path());
    let server = Daemon::spawn(command);
    server.wait_for("listening");
    assert_eq!(text(&run(&home, &show)).lines().next(), shown.lines().next());
    let applied = run(&home, &[&apply[..], &["--yes"]].concat());
    assert!(applied.status.success(), "{applied:?}");
    assert!(text(&applied).ends_with("deleted: 3 readings\n"), "{applied:?}");
    assert_eq!(rows(), "sensor_id\n");
    drop(server);

    // Directly: only what is too old.
    assert!(run(&home, &collect).status.success());
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
    fs::write(&feed, feed_of(6..8, &now)).unwrap();
    assert!(run(&home, &collect[..4]).status.success());
    assert_eq!(rows(), "sensor_id\n1\n2\n3\n6\n7\n");
    let applied = text(&run(&home, &[&apply[..], &["--yes"]].concat()));
    assert!(applied.ends_with("deleted: 3 readings\n"), "{applied}");
    assert_eq!(rows(), "sensor_id\n6\n7\n");
    let again = text(&run(&home, &apply));
    assert!(again.ends_with(": 0 readings\n"), "nothing to confirm: {again}");
}
