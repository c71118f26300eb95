#!/bin/sh
# rustdoc of the pinned toolchain, with the output that only nightly ones admit to.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
