#!/bin/sh
# What the house promises of its parts: the licences and sources of what others wrote, the
# libraries with the Rust version that they declare and with each feature alone, and their public
# API as `*/api.txt` has it. `tools/house.sh api` writes those files anew.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}
tools=$target/tools

install() {
	test -x "$tools/bin/$1" && grep -q "\"$1 $2 " "$tools/.crates.toml" && return
	echo "installing $1 $2 below $tools"
	CARGO_TARGET_DIR=$tools/build "$cargo" install --quiet --locked --debug --root "$tools" "$1@$2"
	rm -rf "$tools/build"
}

# The features of each library that its public API is listed with: all that say what they add.
features() {
	case $1 in
	airshed-aqi) echo serde std ;;
	airshed-store) echo columnar conformance dynamodb import ;;
	airshed-queue) echo conformance sqs ;;
	esac
}

api() {
	package=$1
	RUSTDOC=tools/rustdoc-json.sh "$cargo" rustdoc --quiet --locked --package "$package" --lib \
		--features "$(features "$package")" -- -Z unstable-options --output-format json --cap-lints allow
	"$tools/bin/cargo-public-api" --rustdoc-json "$target/doc/$(echo "$package" | tr - _).json" -sss
}

install cargo-public-api 0.52.0
failed=0
for folder in aqi store queue; do
	api "airshed-$folder" > "$target/$folder-api.txt"
	if [ "${1-}" = api ]; then
		cp "$target/$folder-api.txt" "$folder/api.txt"
	elif ! diff -u "$folder/api.txt" "$target/$folder-api.txt"; then
		echo "the public API of airshed-$folder has changed: say so in CHANGELOG.md, then make api"
		failed=1
	fi
done
[ "${1-}" != api ] || exit 0

install cargo-deny 0.20.2
"$tools/bin/cargo-deny" check --hide-inclusion-graph bans licenses sources

# The pinned toolchain is the declared one, so that whatever is built here is built with it.
declared=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
if ! grep -q "^channel = \"$declared\"" rust-toolchain.toml; then
	echo "Cargo.toml declares Rust $declared, rust-toolchain.toml pins another version"
	failed=1
fi
for package in airshed-aqi airshed-queue airshed-store; do
	for feature in "" $(features "$package"); do
		echo "$package with ${feature:-no feature}"
		"$cargo" check --quiet --locked --package "$package" --no-default-features --features "$feature"
	done
done
exit $failed
