#!/usr/bin/env bash
# rsyslogd's imrelp, seen with 8.2302.0 and librelp 1.11.0: the answer 200 does not say that a message is stored.
#
# - Of a message that is longer than maxMessageSize (8,096 bytes by default) the rest is thrown away: 200.
# - While its queue is full, it waits for a second and queue.timeoutEnqueue, then throws the message away: 200.
#
# So 200 means "taken", and a sender must keep to the length by itself. A direct queue
# (main_queue(queue.type="Direct")) makes it mean "written".
# Needs python3, and the packages of Debian 12 on amd64. Exits 0 while it is so, 1 when it has changed, 2 when it cannot run.
set -euo pipefail
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$dir"' EXIT
# Debian's packages, unpacked and not installed.
cd "$dir"
apt-get -qq download rsyslog=8.2302.0-1+deb12u2 rsyslog-relp=8.2302.0-1+deb12u2 librelp0=1.11.0-1 \
  libestr0=0.1.11-1 libfastjson4=1.2304.0-1 || { echo "the packages cannot be had"; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu" PATH="$dir/root/usr/sbin:$PATH"
modules="$LD_LIBRARY_PATH/rsyslog"
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$dir/conf" <<C
main_queue(queue.type="FixedArray" queue.size="4" queue.workerThreads="1" queue.timeoutEnqueue="20"
  queue.dequeueBatchSize="1" queue.dequeueSlowdown="2500000")
module(load="imrelp")
input(type="imrelp" address="127.0.0.1" port="$port" ruleset="keep")
template(name="raw" type="string" string="%rawmsg%\n")
ruleset(name="keep") { action(type="omfile" file="$dir/stored" template="raw") }
C
rsyslogd -v | head -1
rsyslogd -n -f "$dir/conf" -i "$dir/pid" -M "$modules" 2>"$dir/log" &
pid=$!
python3 - "$port" "$dir/stored" <<'P'
import re, socket, sys, time

for _ in range(100):
    try:
        relp = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
else:
    sys.exit(2)
relp.settimeout(30)
said = b""


def answers(count):
    global said
    while len(re.findall(rb"(?m)^\d+ rsp \d+ 200 OK", said)) < count:
        piece = relp.recv(65536)
        assert piece, said
        said += piece


def send(number, command, data):
    relp.sendall(b"%d %s %d %s\n" % (number, command, len(data), data))


send(1, b"open", b"commands=syslog")
answers(1)
send(2, b"syslog", b"<13>1 - h a - - - " + b"x" * 9000)
answers(2)
for number in range(3, 17):
    send(number, b"syslog", b"<13>1 - h a - - - line %d" % number)
answers(16)
time.sleep(15)
stored = open(sys.argv[2], "rb").read().splitlines()
length, lines = len(stored[0]), len(stored) - 1
print(f"of 9,018 bytes {length} are stored, of 14 messages {lines}; 15 times 200")
sys.exit(0 if length < 9018 and lines < 14 else 1)
P
