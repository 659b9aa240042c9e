# Shared by the scripts beside it. Each runs in a folder of its own, $work, and leaves nothing behind.
# shellcheck shell=bash
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/bistable-deploy.XXXXXX")
tidy=(rm -rf "$work")

# Runs COMMAND at the end, whatever the end; the last that was registered comes first.
at_end() {
    tidy=("$* || true;" "${tidy[@]}")
}
trap 'eval "${tidy[*]}"' EXIT

say() { printf -- '-- %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Ports that nobody listens on, COUNT of them.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))
PYTHON
}

# The digest that deploy/README.md promises for the quickstart.
quickstart_digest() {
    grep -om1 'digest [0-9a-f]\{64\}' "$repository/deploy/README.md" | cut -d' ' -f2
}

# Fails unless the sweep's digest, as `results --json` printed it to stdin, is the quickstart's.
same_digest() {
    local expected found
    expected=$(quickstart_digest)
    found=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
    [ "$found" = "$expected" ] || fail "the digest is $found, that of the laptop $expected"
    say "digest $found, as on the laptop"
}

# An authority in $work/ca.crt, by the commands of deploy/README.md.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=bistable \
        -keyout "$work/ca.key" -out "$work/ca.crt" 2>/dev/null
}

# Puts tls.crt and tls.key for NAME, with ca.crt, into FOLDER, for the image's user.
certificate() {
    local name=$1 folder=$2
    mkdir -p "$folder"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
        -keyout "$folder/tls.key" -out "$work/tls.csr" 2>/dev/null
    echo "subjectAltName=DNS:$name" >"$work/tls.ext"
    openssl x509 -req -in "$work/tls.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -days 365 -extfile "$work/tls.ext" \
        -out "$folder/tls.crt" 2>/dev/null
    cp "$work/ca.crt" "$folder/"
    chown -R 65532:65532 "$folder"
}

# A token for each role in FOLDER, for the image's user.
tokens() {
    mkdir -m 700 "$1"
    for role in worker submit read; do openssl rand -hex 32 >"$1/$role"; done
    chown -R 65532:65532 "$1"
}
