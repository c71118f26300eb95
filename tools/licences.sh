#!/bin/sh
# Whether `airshed licences` names every crate of the binary with all features.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}
airshed=${1:-$target/debug/airshed}

"$airshed" licences > "$target/licences.txt"
"$cargo" tree --locked --package airshed --all-features --edges normal --prefix none --no-dedupe --format '{p}' |
	sed -n '/(\//d; s/ (proc-macro)//; s/^\([^ ]*\) v\([^ ]*\).*/\1 \2/p' | sort -u > "$target/crates.txt"
failed=0
while read -r name version; do
	grep -q "^$name $version\( \|$\)" "$target/licences.txt" || { echo "airshed licences lacks $name $version"; failed=1; }
done < "$target/crates.txt"
exit $failed
