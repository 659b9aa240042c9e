#!/usr/bin/env bash
# container.sh BINARY: builds the image from BINARY, a static one, by the Dockerfile's last stage, and runs the quickstart with a
# coordinator and two workers in containers that may do nothing: not root, a read-only root file system, no capability,
# no new privileges. The digest is the laptop's; names are resolved inside; SIGTERM drains.
source "$(dirname "$0")/lib.sh"
binary=$1
image=localhost/bistable:ci

read -r port monitor <<<"$(free_ports 2)"
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)

pod() { podman "${storage[@]}" --cgroup-manager cgroupfs --runtime runc "$@"; }

# What the sandbox of CI needs, and then what a cluster demands.
limits=(--ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --network host)
nothing=(--read-only --read-only-tmpfs=false --cap-drop=ALL --security-opt=no-new-privileges)
# A cluster's resolver: a name with fewer than five dots is looked up in every search domain first.
cluster=(--no-hosts --dns 127.0.0.77 --dns-search bistable.svc.cluster.local --dns-search svc.cluster.local --dns-option ndots:5)

run() { pod run "${limits[@]}" "${nothing[@]}" "$@"; }

build() {
    "$repository/deploy/image/layout.sh" "$binary" "$work/image"
    buildah "${storage[@]}" bud --quiet --isolation chroot --file "$repository/deploy/Dockerfile" \
        --build-arg BINARY=prebuilt --tag "$image" "$work/image" >"$work/built"
    say "image: $(pod inspect --format '{{.Size}}' "$image") bytes, user $(pod inspect --format '{{.Config.User}}' "$image")"
}

# A DNS server that knows one name, the coordinator's in its cluster.
serve_names() {
    local name=coordinator.bistable.svc.cluster.local
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-hosts --no-resolv --listen-address=127.0.0.77 --bind-interfaces \
        "--local=/cluster.local/" "--host-record=$name,127.0.0.1" --log-queries --log-facility="$work/dns.log" &
    at_end kill $!
}

# Waits until container NAME has said MARK.
said() {
    grep -q -m1 "$2" < <(pod logs --follow "$1" 2>&1) || fail "$1 ended without saying '$2': $(pod logs "$1" 2>&1)"
}

# Tells container NAME to end; it must do so by itself, and well.
leaves() {
    pod stop --time 60 "$1" >/dev/null
    local code
    code=$(pod inspect --format '{{.State.ExitCode}}' "$1")
    [ "$code" = 0 ] || fail "$1 ended with $code after SIGTERM: $(pod logs "$1" 2>&1)"
    say "$1 left after SIGTERM with 0"
}

worker() {
    local name=$1
    shift
    run --detach --name "$name" --tmpfs /var/cache/bistable:size=64m "$@" "$image" worker --coordinator "http://coordinator:$port"
}

client() {
    run --rm --interactive --add-host coordinator:127.0.0.1 --env "BISTABLE_COORDINATOR=http://coordinator:$port" "$image" "$@"
}

build
serve_names

at_end pod rm --all --force --time 5 '>/dev/null' '2>&1'
mkdir "$work/store"
chown 65532:65532 "$work/store"
run --detach --name coordinator --volume "$work/store:/var/lib/bistable" "$image" \
    serve --listen "0.0.0.0:$port" --store /var/lib/bistable/store.sqlite >/dev/null
said coordinator "coordinator on"

say "no name, no coordinator"
! run --rm --no-hosts --dns 127.0.0.78 "$image" list --coordinator "http://coordinator:$port" 2>"$work/refusal" ||
    fail "a name was resolved that nobody knows"
grep -q "lookup address" "$work/refusal" || fail "$(cat "$work/refusal")"

worker worker-by-dns "${cluster[@]}" >/dev/null
worker worker-by-hosts --dns 127.0.0.78 --add-host coordinator:127.0.0.1 >/dev/null
id=$(client submit - --json <"$repository/deploy/examples/quickstart.toml" | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
say "sweep $id is under way"
said worker-by-dns "working for"
said worker-by-hosts "working for"
grep -q "query\[A\] coordinator.bistable.svc.cluster.local" "$work/dns.log" || fail "DNS was not asked: $(cat "$work/dns.log")"

# One of them leaves in the middle, with what it is at in its hands.
leaves worker-by-hosts
client watch "$id" >/dev/null
client results "$id" --json | same_digest
leaves worker-by-dns
leaves coordinator
