#!/usr/bin/env bash
# The samples in deploy/monitoring with Prometheus' own tools: what is exposed is well-formed, the rules do what their tests
# say, and a Prometheus that scrapes a coordinator and a worker finds something for every panel of the dashboard.
# Usage: deploy/tests/monitoring.sh BISTABLE
set -euo pipefail
bistable=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

tools=${PROMETHEUS_TOOLS:-$work/usr/bin}
if [ ! -x "$tools/promtool" ]; then
    # Unpacked and not installed: nobody needs its service. apt downloads as a user of its own.
    chmod 755 "$work"
    apt-get update -q && (cd "$work" && apt-get download -q prometheus && dpkg -x prometheus_*.deb .)
fi

"$tools/promtool" check config deploy/monitoring/prometheus.yaml
"$tools/promtool" check rules deploy/monitoring/alerts.yaml
"$tools/promtool" test rules deploy/monitoring/alerts_test.yaml

# wait_for FILE MARK: prints what follows the mark in the line of the file that has it, when there is one.
wait_for() {
    for _ in $(seq 1200); do
        found=$(sed -n "s|.*$2\([^ ]*\).*|\1|p" "$1" | head -n 1)
        [ -n "$found" ] && echo "$found" && return
        sleep 0.1
    done
    cat "$1" >&2
    return 1
}

"$bistable" serve --listen 127.0.0.1:0 --store "$work/store.sqlite" --monitor 127.0.0.1:0 2>"$work/coordinator" &
pids+=($!)
coordinator=$(wait_for "$work/coordinator" "monitor on http://")
url=$(wait_for "$work/coordinator" "coordinator on ")
"$bistable" worker --coordinator "$url" --cache-dir "$work/cache" --monitor 127.0.0.1:0 2>"$work/worker" &
pids+=($!)
worker=$(wait_for "$work/worker" "monitor on http://")

sed -e "s|coordinator:9431|$coordinator|; s|worker:9432|$worker|; s|15s|1s|; s|alerts.yaml|$PWD/deploy/monitoring/alerts.yaml|" \
    deploy/monitoring/prometheus.yaml >"$work/prometheus.yaml"
"$tools/prometheus" --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/tsdb" \
    --web.listen-address=127.0.0.1:0 --log.level=info 2>"$work/prometheus" &
pids+=($!)
prometheus=$(wait_for "$work/prometheus" 'msg="Listening on" address=')
# It listens before it answers.
wait_for "$work/prometheus" 'msg="Server is ready to receive web requests' >/dev/null

"$bistable" submit deploy/examples/quickstart.toml --coordinator "$url"
for monitor in "$coordinator" "$worker"; do
    python3 -c "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen('http://$monitor/metrics').read())" |
        "$tools/promtool" check metrics
done
python3 deploy/tests/monitoring.py "http://$prometheus"
