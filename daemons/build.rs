//! Collects the terms of the crates in the program from their sources, for `airshed licences`: each
//! text once, below the crates that come with it.
#![allow(clippy::print_stdout, reason = "how cargo is told")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let lock = Path::new("../Cargo.lock");
    if lock.is_file() {
        println!("cargo::rerun-if-changed={}", lock.display());
    }
    let notices = notices().unwrap_or_else(|error| {
        println!("cargo::warning=`airshed licences` will lack the terms of crates: {error}");
        "(They could not be collected when this program was built.)\n".to_owned()
    });
    let out = env::var_os("OUT_DIR").ok_or("no OUT_DIR")?;
    fs::write(PathBuf::from(out).join("crates.txt"), notices)?;
    Ok(())
}

/// The terms of all crates that the program can contain, with any features.
fn notices() -> Result<String, Box<dyn Error>> {
    let (cargo, target) = (env::var("CARGO")?, env::var("TARGET")?);
    let metadata = ["metadata", "--format-version", "1", "--locked", "--all-features"];
    let metadata =
        Command::new(cargo).args(metadata).args(["--filter-platform", &target]).output()?;
    if !metadata.status.success() {
        return Err(String::from_utf8_lossy(&metadata.stderr).replace('\n', " ").into());
    }
    let metadata: Value = serde_json::from_slice(&metadata.stdout)?;
    let mut texts: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for package in contained(&metadata).ok_or("the metadata are not as expected")? {
        let text = |field: &str| package[field].as_str().unwrap_or_default();
        let crate_name = format!("{} {} ({})", text("name"), text("version"), text("license"));
        for terms in terms_in(Path::new(text("manifest_path")))? {
            let words: Vec<_> = terms.split_whitespace().collect();
            let entry = texts.entry(words.join(" ")).or_insert_with(|| (terms, BTreeSet::new()));
            entry.1.insert(crate_name.clone());
        }
    }
    let mut texts: Vec<_> = texts.into_values().collect();
    texts.sort_by(|one, other| one.1.cmp(&other.1));
    let section = |(terms, crates): &(String, BTreeSet<String>)| {
        let crates = crates.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        format!("{}\n{crates}\n\n{terms}\n\n", "-".repeat(80))
    };
    Ok(texts.iter().map(section).collect())
}

/// The packages that the root package depends on to run, but for those of this workspace.
fn contained(metadata: &Value) -> Option<Vec<&Value>> {
    let by_id = |list: &'static str, from: &'static str| {
        let entries = metadata.pointer(list)?.as_array()?.iter();
        Some(
            entries
                .filter_map(|entry| Some((entry[from].as_str()?, entry)))
                .collect::<HashMap<_, _>>(),
        )
    };
    let (packages, nodes) = (by_id("/packages", "id")?, by_id("/resolve/nodes", "id")?);
    let mut found = BTreeSet::new();
    let mut open = vec![metadata.pointer("/resolve/root")?.as_str()?];
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        for dependency in nodes.get(id)?["deps"].as_array()? {
            let kinds = dependency["dep_kinds"].as_array()?;
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                open.push(dependency["pkg"].as_str()?);
            }
        }
    }
    let foreign = found.into_iter().filter_map(|id| packages.get(id).copied());
    Some(foreign.filter(|package| !package["source"].is_null()).collect())
}

/// The terms beside a crate's manifest.
fn terms_in(manifest: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let folder = manifest.parent().ok_or("a manifest without a folder")?;
    let mut files: Vec<_> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let is_of_terms = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let names = ["license", "licence", "copying", "notice", "unlicense"];
        path.is_file() && names.iter().any(|begin| name.starts_with(begin))
    };
    let mut terms = Vec::new();
    for file in files.iter().filter(|path| is_of_terms(path)) {
        terms.push(String::from_utf8_lossy(&fs::read(file)?).trim().to_owned());
    }
    if terms.is_empty() {
        terms.push("(The crate comes without a text: see the licences that it names.)".to_owned());
    }
    Ok(terms)
}
