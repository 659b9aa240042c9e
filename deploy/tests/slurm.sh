#!/usr/bin/env bash
# slurm.sh BINARY: a SLURM of one node, in a folder, and on it the quickstart by the scripts of deploy/slurm: a coordinator and
# an array of two workers that reach their time limit in the middle of it. They leave, hand back what they hold, are queued
# again, and the digest is the laptop's.
source "$(dirname "$0")/lib.sh"
binary=$1
export PATH="$PATH:/usr/sbin:/sbin"

read -r controller node <<<"$(free_ports 2)"
export SLURM_CONF=$work/slurm.conf

# Keys, sockets, states and logs are all in the folder. A requeued job waits as long as a credential lives: 120 s elsewhere.
configure() {
    mkdir -p "$work/munge" "$work/state" "$work/spool" "$work/job/tokens"
    # munged insists that nobody else can write where its socket is.
    chmod 755 "$work" "$work/munge"
    dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 status=none
    chmod 600 "$work/munge/key"
    cat >"$SLURM_CONF" <<CONF
ClusterName=ci
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$controller
SlurmUser=root
AuthInfo=socket=$work/munge/socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=5,bf_interval=5
ReturnToService=2
NodeName=node NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$node CPUs=8 RealMemory=64000 State=UNKNOWN
PartitionName=main Nodes=node Default=YES MaxTime=INFINITE State=UP
CONF
}

start() {
    munged --foreground --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
        --log-file="$work/munge/log" --seed-file="$work/munge/seed" 2>"$work/munge/stderr" &
    at_end "kill $! && wait $!"
    until [ -S "$work/munge/socket" ]; do sleep 0.1; done
    slurmctld -D -i 2>"$work/slurmctld.stderr" &
    at_end "kill $! && wait $!"
    slurmd -D -N node 2>"$work/slurmd.stderr" &
    at_end "kill $! && wait $!"
    for _ in {1..600}; do
        [ "$(sinfo --noheader --format %T 2>/dev/null)" = idle ] && return
        sleep 0.2
    done
    fail "SLURM does not start: $(sinfo 2>&1; tail -n 20 "$work"/slurm*.log "$work"/*.stderr)"
}

# Whatever happens, no job outlives its SLURM.
end_jobs() {
    scancel --partition main
    for _ in {1..200}; do
        [ -n "$(squeue --noheader)" ] || return
        sleep 0.1
    done
}

# The README's commands, in a folder of a user's.
work_on_it() {
    cd "$work/job" || return
    cp "$repository"/deploy/slurm/*.sbatch "$repository/deploy/examples/quickstart.toml" .
    export BISTABLE=$binary
    umask 077
    for role in worker submit read; do openssl rand -hex 32 >tokens/$role; done
    sbatch --parsable coordinator.sbatch >coordinator.job
    for _ in {1..1500}; do
        [ ! -s coordinator.url ] || break
        sleep 0.2
    done
    [ -s coordinator.url ] || fail "the coordinator does not start: $(cat coordinator.log)"
    export BISTABLE_COORDINATOR BISTABLE_TLS_CA=coordinator.crt BISTABLE_TOKEN_FILE=tokens/submit
    BISTABLE_COORDINATOR=$(cat coordinator.url)
    local id
    id=$("$binary" submit quickstart.toml | cut -d' ' -f1)
    # A minute is the shortest limit there is; they take 20 s to leave, and are to have left 10 s before.
    BISTABLE_SPARE=10 sbatch --parsable --array=0-1 --cpus-per-task=1 --time=1 workers.sbatch "$id" >workers.job
    say "coordinator $BISTABLE_COORDINATOR, sweep $id"
    hold_until_queued_again "$id"
    timeout 1800 "$binary" watch "$id" >/dev/null 2>&1 || fail "the sweep does not end: $(cat worker-*.log)"
    "$binary" results "$id" --json | same_digest
}

# However fast the machine is, sweep ID is not over when the workers reach their limit: once it has begun, a more urgent one
# that would take hours holds it up, until both workers have been queued again.
hold_until_queued_again() {
    local urgent
    grep -qm1 '"units_done":[1-9]' <(timeout 600 "$binary" watch "$1" --json) || fail "nothing is done: $(cat worker-*.log)"
    sed 's/^name = .*/name = "urgent"/; s/^replicates = [0-9]*/replicates = 1000/' quickstart.toml >urgent.toml
    urgent=$("$binary" submit urgent.toml --priority 1 | cut -d' ' -f1)
    for _ in {1..1200}; do
        tasks >jobs.txt
        [ "$(grep -c 'Restarts=[1-9]' jobs.txt)" != 2 ] || break
        sleep 0.5
    done
    [ "$(grep -c 'Restarts=[1-9]' jobs.txt)" = 2 ] || fail "the workers were not queued again: $(cat jobs.txt worker-*.log)"
    say "the workers were queued again: $(grep -o 'Restarts=[0-9]*' jobs.txt | tr '\n' ' ')"
    "$binary" list --json >held.json
    ! grep -q '"state": "complete"' held.json || fail "the sweep was over before: $(cat held.json)"
    local log
    for log in worker-0.log worker-1.log; do
        grep -q 'time for this worker is up' "$log" || fail "$log does not say why the worker left: $(cat "$log")"
    done
    ! grep -q 'left before everything was acknowledged' worker-*.log || fail "something was not handed back: $(cat worker-*.log)"
    "$binary" cancel "$urgent" >cancel.log
}

tasks() { scontrol show job "$(cat workers.job)"; }

# The array ends by itself when the sweep is over.
judge() {
    for _ in {1..1500}; do
        [ -n "$(squeue --noheader --job "$(cat workers.job)" --states all --format %T 2>/dev/null | grep -v COMPLETED)" ] || break
        sleep 0.2
    done
    tasks >jobs.txt
    [ "$(grep -c 'JobState=COMPLETED' jobs.txt)" = 2 ] || fail "the workers did not end: $(cat jobs.txt worker-*.log)"
    scancel "$(cat coordinator.job)"
    for _ in {1..1500}; do
        grep -q leaving coordinator.log && return
        sleep 0.1
    done
    fail "the coordinator did not leave: $(cat coordinator.log)"
}

configure
start
at_end end_jobs
work_on_it
judge
