#!/usr/bin/env bash
# container.sh BINARY: builds the image from BINARY, a static one, by the Dockerfile's last stage, and runs the quickstart with a
# coordinator and two workers in containers that may do nothing: not root, a read-only root file system, no capability,
# no new privileges. They show one another certificates and tokens. The digest is the laptop's; names are resolved inside;
# SIGTERM drains.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/podman.sh"
binary=$1
read -r port health first second <<<"$(free_ports 4)"

# What a cluster demands.
nothing=(--read-only --read-only-tmpfs=false --cap-drop=ALL --security-opt=no-new-privileges)
# A cluster's resolver: a name with fewer than five dots is looked up in every search domain first.
cluster=(--no-hosts --dns 127.0.0.77 --dns-search bistable.svc.cluster.local --dns-search svc.cluster.local
    --dns-option ndots:5)

run() { pod run "${sandbox[@]}" "${nothing[@]}" "$@"; }

# A DNS server that knows one name, the coordinator's in its cluster.
serve_names() {
    local name=coordinator.bistable.svc.cluster.local
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-hosts --no-resolv --listen-address=127.0.0.77 --bind-interfaces \
        "--local=/cluster.local/" "--host-record=$name,127.0.0.1" --log-queries --log-facility="$work/dns.log" &
    at_end "kill $! && wait $!"
}

# Whether the program in a container says on its port for monitors that it is well.
is_well() {
    curl --silent --fail --max-time 30 "http://127.0.0.1:$1/livez" >/dev/null &&
        curl --silent --fail --max-time 30 "http://127.0.0.1:$1/readyz" >/dev/null || fail "port $1 says that it is not well"
}

# Waits until container NAME has said MARK.
said() {
    timeout 600 grep -q -m1 "$2" < <(pod logs --follow "$1" 2>&1) || fail "$1 does not say '$2': $(pod logs "$1" 2>&1)"
}

# Tells container NAME to end; it must do so by itself, and well.
leaves() {
    pod stop --time 60 "$1" >/dev/null
    local code
    code=$(pod inspect --format '{{.State.ExitCode}}' "$1")
    [ "$code" = 0 ] || fail "$1 ended with $code after SIGTERM: $(pod logs "$1" 2>&1)"
    say "$1 left after SIGTERM with 0"
}

# What the caller of a coordinator has: files, mounted as a cluster does, and variables that name them.
caller() {
    local name=$1
    certificate "$name" "$work/$name"
    printf '%s\n' --volume "$work/$name:/etc/bistable/tls:ro" --volume "$work/tokens/$2:/etc/bistable/token:ro" \
        --env "BISTABLE_COORDINATOR=https://coordinator:$port" --env BISTABLE_TLS_CA=/etc/bistable/tls/ca.crt \
        --env BISTABLE_TLS_CERT=/etc/bistable/tls/tls.crt --env BISTABLE_TLS_KEY=/etc/bistable/tls/tls.key \
        --env BISTABLE_TOKEN_FILE=/etc/bistable/token
}

worker() {
    local name=$1 monitor=$2
    shift 2
    run --detach --name "$name" --tmpfs /var/cache/bistable:size=64m "${as_worker[@]}" "$@" "$image" \
        worker --monitor "127.0.0.1:$monitor" >/dev/null
}

client() {
    run --rm --interactive --add-host coordinator:127.0.0.1 "${as_client[@]}" "$image" "$@"
}

build_image "$binary"
say "image: $(pod inspect --format '{{.Size}} bytes, user {{.Config.User}}' "$image")"
serve_names
authority
tokens "$work/tokens"
certificate coordinator "$work/coordinator"
readarray -t as_worker < <(caller worker worker)
readarray -t as_client < <(caller client submit)

mkdir "$work/store"
chown 65532:65532 "$work/store"
run --detach --name coordinator --volume "$work/store:/var/lib/bistable" --volume "$work/tokens:/etc/bistable/tokens:ro" \
    --volume "$work/coordinator:/etc/bistable/tls:ro" "$image" \
    serve --listen "0.0.0.0:$port" --advertise "https://coordinator:$port" --store /var/lib/bistable/store.sqlite \
    --tokens /etc/bistable/tokens --tls-cert /etc/bistable/tls/tls.crt --tls-key /etc/bistable/tls/tls.key \
    --tls-client-ca /etc/bistable/tls/ca.crt --monitor "127.0.0.1:$health" >/dev/null
said coordinator "coordinator on"
is_well "$health"
# What workers are scaled on, in a form that KEDA's parser knows.
curl --silent "http://127.0.0.1:$health/metrics" >"$work/metrics"
grep -q '^bistable_remaining_work_seconds 0' "$work/metrics" || fail "no work is left to scale on: $(cat "$work/metrics")"
! grep '^# TYPE' "$work/metrics" | grep -vE ' (counter|gauge|histogram|summary|untyped)$' || fail "KEDA does not know this type"

! run --rm --no-hosts --dns 127.0.0.78 "${as_client[@]}" "$image" list 2>"$work/refusal" ||
    fail "a name was resolved that nobody knows"
grep -q "lookup address" "$work/refusal" || fail "$(cat "$work/refusal")"
say "who knows no name finds no coordinator"

worker worker-by-dns "$first" "${cluster[@]}"
worker worker-by-hosts "$second" --dns 127.0.0.78 --add-host coordinator:127.0.0.1
id=$(client submit - <"$repository/deploy/examples/quickstart.toml" | cut -d' ' -f1)
say "sweep $id is under way"
said worker-by-dns "working for"
said worker-by-hosts "working for"
is_well "$first"
grep -q "query\[A\] coordinator.bistable.svc.cluster.local" "$work/dns.log" || fail "DNS was not asked: $(cat "$work/dns.log")"
say "names are resolved by /etc/hosts and by DNS"

# One of them leaves in the middle, with what it is at in its hands.
leaves worker-by-hosts
client watch "$id" >/dev/null 2>&1
client results "$id" --json | same_digest
leaves worker-by-dns
leaves coordinator
