#!/usr/bin/env bash
# shred of GNU coreutils, seen with 9.1: a third of the patterns that it overwrites a file with do not repeat.
#
# A pass is told of by -v with three bytes ("36db6d"), and those are not what fills the file: the first bit of every
# 512 bytes is turned around (36 db 6d b6 db 6d b6 …). That is so in about a third of the passes that are no random
# ones, so that whoever wants to tell what is left of a file from text by its period must not ask for
# an exact one. None of them holds a newline, and several consist of printable characters alone ("UUU…", "fff…").
# logrotate's "shred" leaves a rotated log like this while it is still open elsewhere; "shredcycles" says how often.
#
# Needs python3, and the packages of Debian 12 on amd64. Exits 0 while it is so, 1 when it has changed, 2 when it cannot run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -qq download coreutils=9.1-1 || { echo "the package cannot be had"; exit 2; }
dpkg -x coreutils_*.deb root
root/usr/bin/shred --version | head -n 1
python3 - root/usr/bin/shred <<'P'
import re, subprocess, sys

# Large enough for its beginning to be looked at several times in each pass.
with open("log", "wb") as log:
    log.truncate(64 << 20)
passes = subprocess.Popen([sys.argv[1], "-v", "-n", "40", "log"], stderr=subprocess.PIPE)
seen = set()
with open("log", "rb") as log:
    while passes.poll() is None:
        seen.add(log.read(4096))
        log.seek(0)
told = re.findall(r"\((\w{6})\)", passes.stderr.read().decode())


def period(bytes):
    return all(byte == before for byte, before in zip(bytes[3:], bytes))


def unmarked(bytes):
    return b"".join(bytes[at:at + 1] if at % 512 else (bytes[at] ^ 0x80).to_bytes(1, "big") for at in range(len(bytes)))


# What changed while it was read, and random bytes, are neither.
exact = {it for it in seen if period(it)}
marked = {it for it in seen if not period(it) and period(unmarked(it))}
for kind, those in [("exact", exact), ("marked", marked)]:
    print(kind, sorted(f"{it[:3].hex()} then {it[3:6].hex()}" for it in those))
names = {it[:3].hex() for it in marked}
print("told of as", sorted(names & set(told)))
newlines = sum(b"\n" in it for it in exact | marked)
sys.exit(0 if len(marked) > 3 and names <= set(told) and newlines == 0 else 1)
P
