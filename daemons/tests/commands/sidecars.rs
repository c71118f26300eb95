//! The description beside an exported file, alone and through the process that holds the store.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::daemon::{Daemon, airshed};
use super::support::feed_of;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = airshed(arguments);
    let done = command.current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    done
}

fn sidecar(folder: &Path, file: &str) -> Option<Value> {
    let path = folder.join(format!("{file}-metadata.json"));
    let text = fs::read_to_string(&path).ok()?;
    fs::remove_file(path).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn a_text_file_has_its_description_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("data.24h.json"), feed_of(1..4, "2026-02-01 11:00:00")).unwrap();
    run(folder, &["collect", "--once", "--feed", "file:data.24h.json"]);
    let mut described = Vec::new();
    for held in [false, true] {
        let serve = ["serve", "--feed", "file:data.24h.json", "--listen", "127.0.0.1:0"];
        let server = held.then(|| {
            let mut command = airshed(&serve);
            command.current_dir(folder);
            let server = Daemon::spawn(command);
            server.wait_for("feed collected");
            server
        });
        run(folder, &["export", "--output", "a b.csv", "--sensor", "2,3"]);
        let table = sidecar(folder, "a b.csv").expect("beside the file");
        assert_eq!(table["@context"][0], "http://www.w3.org/ns/csvw");
        assert_eq!(table["url"], "a%20b.csv");
        assert_eq!(table["notes"][0]["rows"], 2);
        assert_eq!(table["notes"][0]["doubtfulRows"], 0);
        assert_eq!(table["notes"][0].get("leftOutRows"), None, "nothing was to be left out");
        assert_eq!(table["notes"][0]["query"]["sensor"], "2,3");
        assert_eq!(table["dc:license"][0]["@id"], store::LICENCE);
        let key = json!(["network", "sensor_id", "window", "timestamp"]);
        assert_eq!(table["tableSchema"]["primaryKey"], key);
        described.push(table);

        // Of three, one whose values are zero.
        run(folder, &["export", "--output", "some.csv", "--quality", "plausible"]);
        let some = &sidecar(folder, "some.csv").expect("beside the file")["notes"][0];
        assert_eq!((&some["rows"], &some["leftOutRows"]), (&json!(3), &json!(0)));

        for name in ["all.json", "all.ndjson"] {
            run(folder, &["export", "--output", name]);
            let facts = sidecar(folder, name).expect("beside the file");
            assert_eq!((&facts["rows"], &facts["software"]), (&json!(3), &json!(store::SOFTWARE)));
        }
        // They say it themselves, or there is nothing to stand beside.
        for name in ["all.geojson", "all.parquet", "all.arrow"] {
            run(folder, &["export", "--output", name]);
            assert_eq!(sidecar(folder, name), None, "{name}");
        }
        run(folder, &["export", "--metadata", "--output", "all.json"]);
        assert_eq!(sidecar(folder, "all.json"), None);
        let file = fs::read(folder.join("all.json")).unwrap();
        let file: Value = serde_json::from_slice(&file).unwrap();
        assert_eq!((&file["rows"], file["readings"].as_array().unwrap().len()), (&json!(3), 3));
        run(folder, &["export", "--no-sidecar", "--output", "all.csv"]);
        assert_eq!(sidecar(folder, "all.csv"), None);
        run(folder, &["export", "--output", "/dev/null"]);
        assert!(!Path::new("/dev/null-metadata.json").exists());
        let printed = run(folder, &["export", "--metadata"]).stdout;
        let printed = String::from_utf8(printed).unwrap();
        assert!(printed.starts_with("# Air-quality readings"), "{printed}");
        assert!(printed.ends_with("\n# Rows: 3\n# Doubtful rows: 0\n"), "{printed}");
        fs::write(folder.join("comments.csv"), &printed).unwrap();
        let imported = run(folder, &["import", "--data", "copy", "comments.csv"]);
        let message = String::from_utf8_lossy(&imported.stderr).into_owned();
        assert!(message.contains("3 rows read: 3 stored, 0 refused"), "{message}");
        drop(server);
    }
    assert_eq!(described[0], described[1], "whoever has the store open");
}
