#!/usr/bin/env bash
# Linux TCP, seen on 6.18 over loopback: a peer calls shutdown() and then close() with data unread. Its kernel
# sends FIN, then RST, and the data is lost.
#
# - Where we have not sent FIN, the RST shows: the state goes to CLOSE (7) and SO_ERROR is EPIPE (32), though
#   recv() says "end of file" like after a good end.
# - Where we have sent FIN before, nothing shows: recv() says "end of file", the state is CLOSE, SO_ERROR is 0, just
#   as when the peer had read everything. Only a peer that calls close() alone gives ECONNRESET.
#
# So after one's own FIN an end of file is no receipt from a peer that may use shutdown().
# Needs python3. Exits 0 while it is so, 1 when it has changed.
set -euo pipefail
uname -sr
python3 - <<'P'
import socket, time

CLOSE = 7


def end(own_fin, shut, read):
    listener = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listener.getsockname())
    theirs, _ = listener.accept()
    ours.settimeout(5)
    ours.sendall(b"x" * 1000)
    time.sleep(0.1)
    if read:
        theirs.recv(4000)
    if own_fin:
        ours.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
    if shut:
        theirs.shutdown(socket.SHUT_WR)
    theirs.close()
    time.sleep(0.1)
    try:
        received = ours.recv(10)
    except ConnectionResetError:
        received = "reset"
    state = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    error = ours.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return received, state, error


seen = {
    "no FIN of ours, shutdown, unread": end(False, True, False),
    "our FIN, shutdown, unread": end(True, True, False),
    "our FIN, shutdown, all read": end(True, True, True),
    "our FIN, close alone, unread": end(True, False, False),
}
for what, (received, state, error) in seen.items():
    print(f"{what}: recv {received}, state {state}, SO_ERROR {error}")
shows = seen["no FIN of ours, shutdown, unread"][1:] == (CLOSE, 32)
hides = seen["our FIN, shutdown, unread"] == seen["our FIN, shutdown, all read"]
resets = seen["our FIN, close alone, unread"][0] == "reset"
raise SystemExit(0 if shows and hides and resets else 1)
P
