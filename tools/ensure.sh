#!/bin/sh
# Sees to it that something is there that the tests need: by the system's package manager
# where whoever runs this may use it (as root, or by sudo without a password), else by saying
# which command does it.
#
#   ensure.sh WHY PACKAGES CHECK...
#
# CHECK is a command that succeeds when it is there; PACKAGES are Debian's names.
set -u
why=$1 packages=$2
shift 2
"$@" > /dev/null 2>&1 && exit 0

if [ "$(id -u)" = 0 ]; then
	as_root=""
elif sudo -n true > /dev/null 2>&1; then
	as_root="sudo -n"
else
	as_root="no"
fi
if [ "$as_root" != "no" ] && command -v apt-get > /dev/null; then
	echo "$why: installing $packages"
	export DEBIAN_FRONTEND=noninteractive
	# A list of packages that is old or missing is the usual reason for a failure.
	# shellcheck disable=SC2086
	$as_root apt-get install -y -qq $packages > /dev/null 2>&1 ||
		{ $as_root apt-get update -qq && $as_root apt-get install -y -qq $packages > /dev/null; }
	"$@" > /dev/null 2>&1 && exit 0
fi
echo "$why: install it with your system's package manager (Debian: sudo apt-get install $packages)" >&2
exit 1
