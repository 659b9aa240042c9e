# Shared by the scripts that run containers: an image of the binary under test, and podman as CI's sandbox lets it be.
# shellcheck shell=bash
image=localhost/bistable:ci
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
# What the sandbox needs beside that; there is no network between containers, so they have the machine's.
sandbox=(--ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --network host)

pod() { podman "${storage[@]}" --cgroup-manager cgroupfs --runtime runc "$@"; }

# Builds the image from BINARY, a static one, by the Dockerfile's last stage.
build_image() {
    "$repository/deploy/image/layout.sh" "$1" "$work/image"
    buildah "${storage[@]}" bud --quiet --cni-config-dir "$work/networks" --isolation chroot \
        --file "$repository/deploy/Dockerfile" --build-arg BINARY=prebuilt --tag "$image" "$work/image" >"$work/built"
}

at_end pod rm --all --force --time 5 '>/dev/null' '2>&1'
