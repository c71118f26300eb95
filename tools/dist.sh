#!/bin/sh
# What is released, in target/dist: the program with its page, the notices of third parties, bills of materials of the
# crates and of the page's packages (CycloneDX), and the hashes of all.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}
tools=$target/tools
dist=$target/dist
if ! "$tools/bin/cargo-cyclonedx" cyclonedx --version 2> /dev/null | grep -q " 0.5.9$"; then
	CARGO_TARGET_DIR=$tools/build "$cargo" install --quiet --locked --debug --root "$tools" cargo-cyclonedx@0.5.9
	rm -rf "$tools/build"
fi
"$cargo" build --locked --release --package airshed
CARGO=$cargo tools/licences.sh "$target/release/airshed"
rm -rf "$dist"
mkdir -p "$dist"
cp "$target/release/airshed" "$dist/"
cp LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md SECURITY.md "$dist/"
"$dist/airshed" licences > "$dist/THIRD-PARTY.txt"
PATH=$tools/bin:$PATH "$cargo" cyclonedx --format json --all-features --manifest-path daemons/Cargo.toml --override-filename airshed.cdx
mv daemons/airshed.cdx.json "$dist/"
find . -path ./target -prune -o -name 'airshed.cdx.json' ! -path "./$dist/*" -exec rm {} +
(cd daemons/web && npm sbom --omit dev --package-lock-only --sbom-format cyclonedx) > "$dist/page.cdx.json"
(cd "$dist" && sha256sum -- * > SHA256SUMS)
