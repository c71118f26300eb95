//! The figures of `docs/truth.md` are those that its command prints for the measured data.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

#[path = "../examples/truth/data.rs"]
mod data;
#[path = "../examples/truth/report.rs"]
mod report;
#[path = "../examples/truth/tally.rs"]
mod tally;

const DOCUMENT: &str = include_str!("../../../docs/truth.md");

/// The real measurements beside the project are not part of it.
#[test]
fn the_document_has_the_figures_of_the_command() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !shared.is_dir() {
        return eprintln!("skipped: {} is not here", shared.display());
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = shared.join("archive/aberdeen-2017-08-30_2018-08-31.tar.xz");
    let mut unpack = Command::new("python3");
    unpack.args([
        "-c",
        "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2], filter='data')",
    ]);
    let done = unpack.arg(archive).arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let names = ["errol-place", "market-street-2", "wellington-road-2"];
    let references = names.map(|name| shared.join(format!("reference/aberdeen-{name}.csv")));
    let printed = report::of(folder.path(), &references, Some(&shared.join("sofia"))).unwrap();
    let tables = printed.trim().split("\n\n").map(str::trim);
    let missing: Vec<_> = tables.filter(|table| !DOCUMENT.contains(table)).collect();
    assert!(missing.is_empty(), "docs/truth.md lacks:\n\n{}", missing.join("\n\n"));
    assert_eq!(printed.trim().split("\n\n").count(), 5);
}
