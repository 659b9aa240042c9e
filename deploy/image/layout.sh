#!/bin/sh
# layout.sh BINARY FOLDER: lays out what the image holds. FOLDER/root is its root file system, FOLDER/data the empty folder
# that belongs to its user. The Dockerfile's build stage calls it, and so does who builds the image from a binary of their own.
set -eu
binary=$1 folder=$2

mkdir -p "$folder/root/etc/ssl/certs" "$folder/root/tmp" "$folder/data"
# Without its symbols, which are most of its size.
strip -o "$folder/root/bistable" "$binary"
chmod 755 "$folder/root/bistable"
chmod 1777 "$folder/root/tmp"

# Whom https trusts if nothing else is said.
cp /etc/ssl/certs/ca-certificates.crt "$folder/root/etc/ssl/certs/"
# Names are looked up in /etc/hosts, then by DNS. Both are inside a static glibc; other services (LDAP, mDNS) would be
# libraries that this image lacks.
echo 'hosts: files dns' > "$folder/root/etc/nsswitch.conf"
echo 'bistable:x:65532:65532::/var/lib/bistable:/sbin/nologin' > "$folder/root/etc/passwd"
echo 'bistable:x:65532:' > "$folder/root/etc/group"
