//! `airshed keys`, beside a server that runs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::daemon::{Daemon, airshed};
use super::support::feed_of;

fn keys(folder: &Path, call: &[&str]) -> (i32, String, String) {
    let done = airshed(&[&["keys"], call].concat()).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (done.status.code().unwrap(), text(&done.stdout), text(&done.stderr))
}

fn status(address: &str, key: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let authorization =
        if key.is_empty() { String::new() } else { format!("authorization: Bearer {key}\r\n") };
    write!(
        stream,
        "GET /api/summary HTTP/1.1\r\nhost: {address}\r\n{authorization}connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_server_follows_the_keys_that_are_added_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("data.24h.json"), feed_of(1..4, "2026-02-01 11:00:00")).unwrap();
    let serve = ["serve", "--feed", "file:data.24h.json", "--listen", "127.0.0.1:0", "--keys-only"];
    let refused = airshed(&serve).current_dir(folder).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("airshed keys add"));

    let (code, first, _) =
        keys(folder, &["add", "newsroom", "--until", "2199-12-31", "--result-bytes", "2GiB"]);
    let first = first.trim().to_owned();
    assert!(code == 0 && first.starts_with("airshed_") && first.len() > 40, "{first}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(folder.join("data/keys.json")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let mut command = airshed(&serve);
    command.current_dir(folder);
    let server = Daemon::spawn(command);
    let address = server.base().trim_start_matches("http://").to_owned();
    assert_eq!((status(&address, ""), status(&address, &first)), (401, 200));
    let (_, second, _) = keys(folder, &["add", "school", "--rights", "read", "--rate", "5"]);
    let until = |key: &str, expected: u16| {
        let begun = std::time::Instant::now();
        while status(&address, key) != expected {
            assert!(begun.elapsed() < Duration::from_secs(30), "not {expected}");
        }
    };
    until(second.trim(), 200);
    assert_eq!(keys(folder, &["revoke", "newsroom"]).0, 0);
    until(&first, 401);
    let (_, listed, _) = keys(folder, &["list"]);
    let listed: Vec<_> =
        listed.lines().map(|line| line.split('\t').take(5).collect::<Vec<_>>()).collect();
    assert_eq!(listed[0], ["name", "state", "rights", "rate", "open jobs"]);
    assert!(listed[1][0] == "newsroom" && listed[1][1].starts_with("revoked 20"), "{listed:?}");
    assert_eq!(listed[2], ["school", "valid", "read", "5/s", "-"]);
    for wrong in [
        &["add", "school"][..],
        &["add", "two words"],
        &["revoke", "nobody"],
        &["revoke", "newsroom"],
    ] {
        let (code, out, error) = keys(folder, wrong);
        assert!(
            code == 1 && out.is_empty() && error.starts_with("airshed: "),
            "{wrong:?}: {error}"
        );
    }
    for wrong in [&["add", "x", "--rights", "fly"][..], &["add", "x", "--rate", "0"], &["add"]] {
        assert_eq!(keys(folder, wrong).0, 2, "{wrong:?}");
    }
}
