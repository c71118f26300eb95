#!/bin/sh
# Whether one of some programs is there.
for program; do
	command -v "$program" > /dev/null && exit 0
done
exit 1
