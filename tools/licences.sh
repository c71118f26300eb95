#!/bin/sh
# The notices of `airshed licences`: `tools/licences.sh` checks that they are those of the present
# dependencies, `tools/licences.sh write` writes them anew (make licences). They are in the repository,
# so that a build needs no network and `cargo install` has them.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}
crates=daemons/licences/crates.txt page=daemons/licences/page.txt

# The crates of the binary with all features, but for this workspace's own.
"$cargo" tree --locked --package airshed --all-features --edges normal --prefix none --no-dedupe --format '{p}' |
	sed -n '/(\//d; s/ (proc-macro)//; s/^\([^ ]*\) v\([^ ]*\).*/\1 \2/p' | sort -u > "$target/crates.txt"

if [ "${1-}" = write ]; then
	# (cargo-about, which compares texts, takes a quarter of an hour.)
	python3 tools/licences/crates.py "$cargo" "$target/crates.txt" > "$crates"
	node tools/licences/page.mjs > "$page"
	exit
fi

failed=0
while read -r name version; do
	grep -q "^$name $version\( \|$\)" "$crates" || { echo "$crates lacks $name $version"; failed=1; }
done < "$target/crates.txt"
if [ -d daemons/web/node_modules ]; then
	node tools/licences/page.mjs | diff - "$page" > /dev/null || { echo "$page is not that of package-lock.json"; failed=1; }
fi
test $failed = 0 || echo "the notices of third parties have changed: make licences"
exit $failed
