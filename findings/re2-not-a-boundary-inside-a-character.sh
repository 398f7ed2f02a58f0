#!/usr/bin/env bash
# google-re2 1.1.20251105 (the C++ library RE2, from PyPI): `\B`, "not at a word boundary", matches between
# the bytes of one character. The text is UTF-8, and so is the pattern; `.` never matches half a character.
# Go's regexp, which reads the same syntax, matches between characters only: whoever takes RE2 for a model of
# Go finds one match more in "KÉB" than Go does (Go 1.19 finds none, for each place there is a boundary).
#
# Seen: matches at [2, 2]: byte 2 is the middle of "É", which is the bytes 1 and 2.
# Needs python3 with pip. Exits 0 while it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m pip -q install --root-user-action=ignore --disable-pip-version-check --target "$dir" google-re2==1.1.20251105
PYTHONPATH="$dir" python3 - <<'P'
import re2
text = "KÉB".encode()
found = [match.start() for match in re2.finditer(rb"\B", text)]
print("matches of \\B in", text, "at", found)
raise SystemExit(0 if 2 in found else 1)
P
