#!/usr/bin/env bash
# rsyslogd's driver gtls, seen with 8.2302.0 and GnuTLS 3.7.9: it speaks TLS 1.2 at most, in both directions, though its library
# speaks TLS 1.3. The driver ossl of the same release speaks 1.3.
#
# omfwd offers no supported_versions at all, so a receiver that wants TLS 1.3 ends the handshake. imtcp ends a client's that offers
# TLS 1.3 alone, without an alert: the client sees the end of the stream, and nothing says why but rsyslogd's own log ("No
# supported cipher suites have been found"). With gnutlsPriorityString="NORMAL", which is what GnuTLS does by itself, both
# speak TLS 1.3.
# So whoever raises the least version on one side to 1.3 sets that on the other, or takes the driver ossl.
# Needs openssl, and the packages of Debian 12 on amd64. Takes a minute. Exits 0 while it is so, 1 when it has changed, 2 when it cannot run.
set -euo pipefail
dir=$(mktemp -d)
pids=()
trap '[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
# Debian's packages, unpacked and not installed.
apt-get -qq download rsyslog=8.2302.0-1+deb12u2 rsyslog-gnutls=8.2302.0-1+deb12u2 rsyslog-openssl=8.2302.0-1+deb12u2 \
  libestr0=0.1.11-1 libfastjson4=1.2304.0-1 || { echo "the packages cannot be had"; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
modules="$dir/root/usr/lib/x86_64-linux-gnu/rsyslog"
rsyslogd=(env LD_LIBRARY_PATH="${modules%/rsyslog}" "$dir/root/usr/sbin/rsyslogd")
"${rsyslogd[@]}" -v | head -1
openssl version
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 30 \
  -subj /CN=localhost 2>/dev/null
echo "a line" >log

# run NAME DRIVER CONFIGURATION: a rsyslogd of its own, whose pid is left in $pid.
run() {
  mkdir "$1"
  cat >"$1/conf" <<C
global(workDirectory="$dir/$1" defaultNetstreamDriver="$2" defaultNetstreamDriverCAFile="$dir/cert.pem"
       defaultNetstreamDriverCertFile="$dir/cert.pem" defaultNetstreamDriverKeyFile="$dir/key.pem")
$3
C
  "${rsyslogd[@]}" -n -f "$dir/$1/conf" -i "$dir/$1/pid" -M "$modules" >"$1/said" 2>&1 &
  pid=$!
  pids+=("$pid")
}

port=$((20000 + $$ % 20000))

# sends NAME DRIVER PARAMETERS: whether omfwd offers TLS 1.3.
sends() {
  port=$((port + 1))
  openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -quiet -trace >"hello-$1" 2>&1 </dev/null &
  local server=$!
  pids+=("$server")
  sleep 1
  run "$1" "$2" "module(load=\"imfile\")
input(type=\"imfile\" file=\"$dir/log\" tag=\"log\" freshStartTail=\"off\")
action(type=\"omfwd\" target=\"127.0.0.1\" port=\"$port\" protocol=\"tcp\" StreamDriver=\"$2\" StreamDriverMode=\"1\"
       StreamDriverAuthMode=\"anon\" $3)"
  for _ in $(seq 100); do grep -q ServerHello "hello-$1" && break; sleep 0.1; done
  grep -q ServerHello "hello-$1" || { echo "$1: no handshake was seen"; exit 2; }
  kill "$server" "$pid" 2>/dev/null || true
  # The hello of the client ends where that of the server begins.
  sed '/ServerHello/q' "hello-$1" | grep -q "TLS 1.3 (772)" && answer=yes || answer=no
}

# takes NAME DRIVER PARAMETERS: whether imtcp completes a handshake of TLS 1.3, and what it says where not.
takes() {
  port=$((port + 1))
  run "$1" "$2" "module(load=\"imtcp\" StreamDriver.Name=\"$2\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\" $3)
input(type=\"imtcp\" port=\"$port\" address=\"127.0.0.1\")
action(type=\"omfile\" file=\"$dir/$1/out\")"
  for _ in $(seq 200); do (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
  sleep 1
  local said
  said=$(echo | timeout 10 openssl s_client -connect "127.0.0.1:$port" -tls1_3 2>&1 || true)
  sleep 1
  kill "$pid" 2>/dev/null || true
  if grep -q "^New, TLSv1.3" <<<"$said"; then answer=yes
  elif grep -q "unexpected eof" <<<"$said" && grep -q "No supported cipher suites" "$1/said"; then answer="no, and no alert"
  else answer=no; fi
}

normal='gnutlsPriorityString="NORMAL"'
# row WHAT FUNCTION NAME DRIVER PARAMETERS
row() {
  "${@:2}"
  printf '%-38s %s\n' "$1" "$answer" | tee -a seen
}
row "gtls, offers TLS 1.3" sends a gtls ''
row "gtls, NORMAL, offers TLS 1.3" sends b gtls "$normal"
row "ossl, offers TLS 1.3" sends c ossl ''
row "gtls, takes TLS 1.3" takes d gtls ''
row "gtls, NORMAL, takes TLS 1.3" takes e gtls "$normal"
row "ossl, takes TLS 1.3" takes f ossl ''
cat >expected <<'S'
gtls, offers TLS 1.3                   no
gtls, NORMAL, offers TLS 1.3           yes
ossl, offers TLS 1.3                   yes
gtls, takes TLS 1.3                    no, and no alert
gtls, NORMAL, takes TLS 1.3            yes
ossl, takes TLS 1.3                    yes
S
diff expected seen && echo "as described"
