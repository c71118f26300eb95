"""The licences of the crates of the binary, with all features: each text once, below the crates that come with it."""

import json, re, subprocess, sys
from pathlib import Path

cargo = sys.argv[1]
wanted = {tuple(line.split()) for line in Path(sys.argv[2]).read_text().splitlines()}
metadata = json.loads(subprocess.check_output([cargo, "metadata", "--locked", "--all-features", "--format-version", "1"]))
texts = {}
for package in metadata["packages"]:
    if (package["name"], package["version"]) not in wanted:
        continue
    files = [f for f in sorted(Path(package["manifest_path"]).parent.iterdir())
             if f.is_file() and re.match(r"(?i)(licen[sc]e|copying|notice|unlicense)", f.name)]
    found = [f.read_text(errors="replace").strip() for f in files] or [f"(no text comes with it: {package['license']})"]
    for text in found:
        texts.setdefault(re.sub(r"\s+", " ", text), (text, []))[1].append(
            f"{package['name']} {package['version']} ({package['license']})")
for text, crates in sorted(texts.values(), key=lambda entry: entry[1]):
    print("-" * 80, *sorted(set(crates)), "", text, "", sep="\n")
