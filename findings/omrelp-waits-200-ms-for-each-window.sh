#!/usr/bin/env bash
# rsyslogd's omrelp, seen with 8.2302.0 and librelp 1.11.0 over loopback: it holds a batch back with TCP_CORK until its end, also
# where it has to wait for answers in the middle of the batch.
#
# By default at most 128 messages are unanswered (windowSize). Where those are less than one segment, as short lines are on
# loopback (65,483 bytes), none of them leaves: the kernel sends what is corked after 200 ms, the answers come, and the next 128
# wait as long. Of a file of short lines 736 a second arrive; with a window that takes a whole batch, some 300,000.
# So whoever compares with omrelp on loopback sets windowSize first, and a relay on the same host wants it too.
# Needs python3, and the packages of Debian 12 on amd64. Takes 10 s. Exits 0 while it is so, 1 when it has changed, 2 when it cannot run.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# Debian's packages, unpacked and not installed.
cd "$dir"
apt-get -qq download rsyslog=8.2302.0-1+deb12u2 rsyslog-relp=8.2302.0-1+deb12u2 librelp0=1.11.0-1 \
  libestr0=0.1.11-1 libfastjson4=1.2304.0-1 || { echo "the packages cannot be had"; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu" PATH="$dir/root/usr/sbin:$PATH"
modules="$LD_LIBRARY_PATH/rsyslog"
rsyslogd -v | head -1
python3 - "$dir" "$modules" <<'P'
import re, socket, subprocess, sys, time

dir, modules = sys.argv[1:]
with open(f"{dir}/log", "w") as log:
    log.writelines(f"line {number} of many that are short\n" for number in range(2_000_000))


def answered(parameters, seconds=4):
    """How many messages come within so many seconds of the first, each answered as soon as it is read."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    work = f"{dir}/{port}"
    subprocess.run(["mkdir", work], check=True)
    with open(f"{work}/conf", "w") as conf:
        conf.write(f"""global(workDirectory="{work}")
module(load="imfile")
module(load="omrelp")
input(type="imfile" file="{dir}/log" tag="log" ruleset="ship" freshStartTail="off")
ruleset(name="ship" queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="1024") {{
  action(type="omrelp" target="127.0.0.1" port="{port}" {parameters})
}}
""")
    command = ["rsyslogd", "-n", "-f", f"{work}/conf", "-i", f"{work}/pid"]
    rsyslogd = subprocess.Popen([*command, "-M", modules], stderr=subprocess.DEVNULL)
    try:
        listener.settimeout(20)
        relp, _ = listener.accept()
        relp.settimeout(5)
        held, count, first = b"", 0, None
        while first is None or time.monotonic() < first + seconds:
            piece = relp.recv(1 << 20)
            assert piece, "rsyslogd has ended the connection"
            held, answers, at = held + piece, b"", 0
            while frame := re.compile(rb"(\d+) (\w+) (\d+)").match(held, at):
                end = frame.end() + int(frame[3]) + 2
                if end > len(held):
                    break
                offers = b"200 OK\nrelp_version=0\nrelp_software=finding\ncommands=syslog"
                text = offers if frame[2] == b"open" else b"200 OK"
                answers += b"%s rsp %d %s\n" % (frame[1], len(text), text)
                count += frame[2] == b"syslog"
                at = end
            held = held[at:]
            if count and first is None:
                first = time.monotonic()
            relp.sendall(answers)
        return count / seconds
    finally:
        rsyslogd.kill()
        rsyslogd.wait()


few, many = answered(""), answered('windowSize="16384"')
print(f"messages a second: {few:,.0f} with the window of 128, {many:,.0f} with one of 16,384")
raise SystemExit(0 if few < 2_000 and many > 10 * few else 1)
P
