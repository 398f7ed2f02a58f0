#!/usr/bin/env bash
# pyOpenSSL 26.4.0 with cryptography 50.0.2 (it brings OpenSSL 4.0): a server that shuts TLS down in both
# directions, as the manual of SSL_shutdown describes (call it, and once more for the answer of the other side), with data of its
# client unread.
#
# - One record unread: the second call reads it, finds that it is no close_notify, throws it away and reports
#   "application data after close notify". Nothing is left in the kernel, so close() ends with FIN. The client sees close_notify
#   and end of file, exactly as when everything was read.
# - Two records unread: the second one stays in the kernel, and close() sends RST behind the FIN.
#
# So over TLS an end in good order does not tell that the last record was read; over plain TCP it does.
# Needs python3 with venv, and the network to fetch the packages. Exits 0 while it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" -q install pyOpenSSL==26.4.0 cryptography==50.0.2
uname -sr
cd "$dir"
"$dir/venv/bin/python" - <<'P'
import datetime, socket, ssl, time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
now = datetime.datetime.now(datetime.timezone.utc)
builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
certificate = builder.add_extension(names, False).sign(key, hashes.SHA256())
with open("cert.pem", "wb") as file:
    file.write(certificate.public_bytes(serialization.Encoding.PEM))

server_side = SSL.Context(SSL.TLS_SERVER_METHOD)
server_side.use_certificate(certificate)
server_side.use_privatekey(key)
client_side = ssl.create_default_context(cafile="cert.pem")
CLOSE = 7


def end(records):
    """What a client sees of the end when so many of its records were unread; and what the server's call says."""
    listener = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listener.getsockname())
    theirs, _ = listener.accept()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(incoming, outgoing, server_hostname="localhost")
    server = SSL.Connection(server_side, theirs)
    server.set_accept_state()
    theirs.setblocking(False)
    ours.settimeout(5)
    connected = accepted = False
    while not (connected and accepted):
        try:
            client.do_handshake()
            connected = True
        except ssl.SSLWantReadError:
            pass
        ours.sendall(outgoing.read())
        time.sleep(0.05)
        try:
            server.do_handshake()
            accepted = True
        except SSL.WantReadError:
            pass
        time.sleep(0.05)
        try:
            incoming.write(ours.recv(65536, socket.MSG_DONTWAIT))
        except BlockingIOError:
            pass
    for _ in range(records):
        client.write(b"a line\n")
        ours.sendall(outgoing.read())
    time.sleep(0.1)
    server.shutdown()
    try:
        said = "closed both ways" if server.shutdown() else "waits for the other side"
    except SSL.WantReadError:
        said = "waits for the other side"
    except SSL.Error as error:
        said = error.args[0][0][2] if error.args[0] else "error"
    theirs.close()
    time.sleep(0.2)
    reset = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == CLOSE
    try:
        while data := ours.recv(65536):
            incoming.write(data)
    except ConnectionResetError:
        reset = True
    try:
        heard = client.read(10) or "close_notify"
    except ssl.SSLZeroReturnError:
        heard = "close_notify"
    return said, heard, "RST" if reset else "FIN"


seen = {records: end(records) for records in (0, 1, 2)}
print(SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode())
for records, (said, heard, how) in seen.items():
    print(f"{records} records unread: the server's shutdown: {said}; the client hears {heard}, then {how}")
alike = seen[0][1:] == seen[1][1:] == ("close_notify", "FIN")
raise SystemExit(0 if alike and seen[2][2] == "RST" else 1)
P
