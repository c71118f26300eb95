#!/bin/sh
# Counts the files that an addition touched (docs/seams): by its commit where the history has it,
# else by the patch that was recorded.
set -eu
cd "$(dirname "$0")/.."
status=0
count() {
    patch=docs/seams/$1.patch most=$2 subject=$3
    commit=
    [ -z "$subject" ] || commit=$(git log --format=%H --grep "^$subject" | tail -n 1)
    if [ -n "$commit" ]; then
        files=$(git show --format= --name-only "$commit")
    else
        files=$(sed -n 's/^diff --git a\/.* b\///p' "$patch")
    fi
    number=$(printf '%s\n' "$files" | wc -l)
    echo "$1: $number files (at most $most)${commit:+, commit $commit}"
    printf '%s\n' "$files" | sed 's/^/    /'
    [ "$number" -le "$most" ] || status=1
}
count derived-column 6 "The column dominant"
count stored-column 10 "The column samples"
count standard 5 ""
exit $status
