#!/usr/bin/env bash
# logrotate, seen with 3.21.0: a log that its writer makes before "create" does is moved away under a name of its own.
#
# logrotate renames the log and then makes a new one (create), which must not be there. A writer that opens the log for each
# line (">>", rsyslog's omfile after a HUP, many scripts) makes it in between: then the file that it has just begun is
# renamed to NAME-YYYYMMDDHH.backup, whatever dateformat says, and the writer may begin a third one. The second time in an
# hour that name is taken: logrotate gives up with "error creating output file", and ends with 1. What is in the .backup
# belongs between the log and its .1; no later rotation renames, compresses or removes it. Whoever looks for rotated
# files by their names has to know this one as well.
#
# Needs the package of Debian 12 on amd64. Exits 0 while it is so, 1 when it has changed, 2 when it cannot run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -qq download logrotate=3.21.0-1 || { echo "the package cannot be had"; exit 2; }
dpkg -x logrotate_*.deb root
logrotate=root/usr/sbin/logrotate
$logrotate --version 2>&1 | head -n 1
mkdir log
printf '%s\n' "$dir/log/app.log {" 'rotate 3' create missingok nodelaycompress '}' >conf
chmod 755 . log
echo line >log/app.log
# Opens it for each line, for half a minute at most.
timeout 30 bash -c 'while :; do echo line >>"$1"; done' writer "$dir/log/app.log" &
writer=$!
for attempt in $(seq 2000); do
    kill -0 $writer 2>/dev/null || break
    $logrotate --force --state state conf >said 2>&1 && code=0 || code=$?
    [ ! -e "$(echo log/app.log-*.backup)" ] || break
done
kill $writer 2>/dev/null || true
wait $writer 2>/dev/null || true
echo "after $attempt rotations, exit code $code:"
sed "s#$dir/##g" said
ls log
moved=$(basename log/app.log-*.backup)
case $moved in
    app.log-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].backup) ;;
    *) echo "nothing was moved"; exit 1 ;;
esac
grep -q "already exists, renaming to" said && grep -q . "log/$moved" || exit 1
# Nobody cares for it from here on.
for _ in 1 2 3 4 5; do $logrotate --force --state state conf >/dev/null 2>&1 || true; done
[ -e "log/$moved" ] && [ ! -e log/app.log.4 ] || exit 1
echo "$moved is still there after five more rotations, of which three are kept"
