#!/bin/sh
# The notices of `airshed licences`: `tools/licences.sh` checks that they are those of the present
# dependencies, `tools/licences.sh write` writes them anew (make licences). They are in the repository,
# so that a build needs no network and `cargo install` has them.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}
tools=$target/tools
crates=daemons/licences/crates.txt page=daemons/licences/page.txt

if [ "${1-}" = write ]; then
	if ! "$tools/bin/cargo-about" --version 2> /dev/null | grep -q " 0.9.3$"; then
		CARGO_TARGET_DIR=$tools/build "$cargo" install --quiet --locked --features cli --root "$tools" cargo-about@0.9.3
		rm -rf "$tools/build"
	fi
	"$tools/bin/cargo-about" generate --locked --all-features --fail --manifest-path daemons/Cargo.toml \
		--config tools/licences/about.toml --output-file "$crates" tools/licences/about.hbs
	node tools/licences/page.mjs > "$page"
	exit
fi

# The crates of the binary with all features, but for this workspace's own.
"$cargo" tree --locked --package airshed --all-features --edges normal --prefix none --no-dedupe --format '{p}' |
	sed -n '/(\//d; s/ (proc-macro)//; s/^\([^ ]*\) v\([^ ]*\).*/\1 \2/p' | sort -u > "$target/crates.txt"
failed=0
while read -r name version; do
	grep -q "^$name $version\( \|$\)" "$crates" || { echo "$crates lacks $name $version"; failed=1; }
done < "$target/crates.txt"
if [ -d daemons/web/node_modules ]; then
	node tools/licences/page.mjs | diff - "$page" > /dev/null || { echo "$page is not that of package-lock.json"; failed=1; }
fi
test $failed = 0 || echo "the notices of third parties have changed: make licences"
exit $failed
