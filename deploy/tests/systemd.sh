#!/usr/bin/env bash
# systemd.sh BINARY: the units of deploy/systemd as systemd reads them, on a root file system that has the program.
source "$(dirname "$0")/lib.sh"
mkdir -p "$work/root/usr/local/bin" "$work/root/etc/systemd" "$work/root/usr/lib/systemd"
install "$1" "$work/root/usr/local/bin/bistable"
cp -r "$repository/deploy/systemd" "$work/root/etc/systemd/system"
cp -r /usr/lib/systemd/system "$work/root/usr/lib/systemd/"

# It says what it does not know, and goes on.
verified() {
    systemd-analyze verify --man=no --root="$work/root" bistable-coordinator.service bistable-worker@node7.service \
        >"$work/verified" 2>&1 && [ ! -s "$work/verified" ]
}
verified || fail "$(cat "$work/verified")"

for unit in "$repository"/deploy/systemd/*.service; do
    systemd-analyze security --offline=yes --threshold=15 "$unit" >"$work/security" 2>&1 || fail "$(cat "$work/security")"
    say "$(tail -n 1 "$work/security")"
done

sed -i 's/^NoNewPrivileges=/NoNewPrivilege=/' "$work/root/etc/systemd/system/bistable-worker@.service"
! verified || fail "an unknown key was not seen"
