#!/usr/bin/env bash
# compose.sh BINARY PYTHON: runs the services of deploy/compose.yaml, each in its container with what the file says of it, and a
# PostgreSQL server of this machine's as its database. CI has no network between containers, so each service has a loopback
# address of its own. The leader is killed in the middle; the other one takes over, and the digest is that of `bistable run`.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/podman.sh"
binary=$1 python=$2
declare -A address=([coordinator-1]=127.0.1.1 [coordinator-2]=127.0.1.2 [postgres]=127.0.1.3)

programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

as_postgres() { (cd / && runuser -u postgres -- "$programs/$1" "${@:2}" >>"$work/postgres.log" 2>&1); }

# A server that the file's URL and password open.
database() {
    mkdir "$work/postgres"
    chmod 711 "$work"
    chown postgres "$work/postgres"
    echo "$POSTGRES_PASSWORD" >"$work/password"
    chmod 644 "$work/password"
    as_postgres initdb --pgdata "$work/postgres/data" --username bistable --pwfile "$work/password" --auth scram-sha-256
    as_postgres pg_ctl --pgdata "$work/postgres/data" --wait --timeout 600 start --options \
        "-c listen_addresses=${address[postgres]} -c unix_socket_directories= -c fsync=on"
    at_end as_postgres pg_ctl --pgdata "$work/postgres/data" --mode immediate stop
    PGPASSWORD=$POSTGRES_PASSWORD psql --quiet --host "${address[postgres]}" --username bistable --dbname postgres \
        --command 'create database bistable'
}

# What podman is told to do WHAT ("run" or "check") with SERVICE.
options() {
    "$python" -B "$repository/deploy/tests/compose_options.py" "$1" "$work/project" "$2" "$image" "${address[$2]:-}"
}

# Starts SERVICE as container NAME.
service() {
    local name=$1 hosts=() told
    for host in "${!address[@]}"; do hosts+=(--add-host "$host:${address[$host]}"); done
    readarray -t told < <(options run "$2")
    pod run --detach --name "$name" "${sandbox[@]}" "${hosts[@]}" "${told[@]}" >/dev/null
}

# Waits until the file's health check finds SERVICE well.
healthy() {
    local check
    readarray -t check < <(options check "$1")
    for _ in {1..600}; do
        pod exec "$1" "${check[@]}" >/dev/null 2>"$work/unhealthy" && return
        sleep 0.2
    done
    fail "$1 is not healthy: $(cat "$work/unhealthy"; pod logs "$1" 2>&1)"
}

mkdir "$work/project"
export POSTGRES_PASSWORD
POSTGRES_PASSWORD=$(openssl rand -hex 32)
cp "$repository/deploy/compose.yaml" "$work/project/"
tokens "$work/project/tokens"
(cd "$work/project" && "$(dirname "$python")/podman-compose" config >resolved.yaml)

sed 's/^m1 = \[200, 500\]/m1 = 200/' "$repository/deploy/examples/quickstart.toml" >"$work/sweep.toml"
"$binary" run "$work/sweep.toml" --store "$work/laptop.sqlite" --no-plots >"$work/laptop" 2>/dev/null
expected=$(grep -o 'digest [0-9a-f]\{64\}' "$work/laptop")

build_image "$binary"
database
service coordinator-1 coordinator-1
healthy coordinator-1
service coordinator-2 coordinator-2
healthy coordinator-2
service worker-1 worker
service worker-2 worker
say "PostgreSQL, two coordinators and two workers run"

export BISTABLE_COORDINATOR=http://${address[coordinator-1]}:7431,http://${address[coordinator-2]}:7431
export BISTABLE_TOKEN_FILE=$work/project/tokens/submit
id=$("$binary" submit "$work/sweep.toml" | cut -d' ' -f1)
grep -q -m1 '"units_done":[1-9]' < <("$binary" watch "$id" --json 2>/dev/null)
pod kill --signal KILL coordinator-1 >/dev/null
say "the leader is killed in the middle"
"$binary" watch "$id" >/dev/null 2>&1
found=$("$binary" results "$id" | grep -o 'digest [0-9a-f]\{64\}')
[ "$found" = "$expected" ] || fail "the $found is not the laptop's $expected"
say "the other one leads, and the digest is that of the laptop"
