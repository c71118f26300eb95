//! The description of the dataset, as catalogues read it: with rdflib, against shapes in SHACL.

use std::io::Write;
use std::process::{Command, Stdio};

use super::emulator;
use super::support::{Options, Rig, readings};

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_finds_what_a_high_value_dataset_has() {
    let rig = Rig::start(Options::default()).await;
    for with_readings in [false, true] {
        if with_readings {
            rig.store.put(&readings(30)).await.unwrap();
        }
        let jsonld = rig.get("/dataset.jsonld").await.bytes().await.unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/dataset.py");
        let mut check = Command::new(emulator::python("python"));
        check.arg(script).arg(format!("{}/dataset", rig.base));
        check.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut check = check.spawn().unwrap();
        check.stdin.take().unwrap().write_all(&jsonld).unwrap();
        let done = check.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
        let formats = said.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(formats, ["arrow", "csv", "geojson", "json", "ndjson", "parquet"]);
    }
}
