"""compose_options.py run|check FOLDER SERVICE IMAGE ADDRESS: what podman is told, a line each, to run a service of the compose
file that is resolved in FOLDER, or to check its health. The service listens on ADDRESS."""

import sys
from pathlib import Path

import yaml


def run(folder, project, service, image, address):
    """Options, image and command."""
    yield f"--user={service['user']}"
    if service["read_only"]:
        yield from ("--read-only", "--read-only-tmpfs=false")
    yield from (f"--cap-drop={capability}" for capability in service["cap_drop"])
    yield from (f"--security-opt={option.removesuffix(':true')}" for option in service["security_opt"])
    yield from (f"--env={key}={value}" for key, value in service.get("environment", {}).items())
    for secret in service.get("secrets", []):
        yield f"--volume={folder}/{project['secrets'][secret]['file']}:/run/secrets/{secret}:ro"
    # podman gives a tmpfs no owner, as Docker does: everybody may write there.
    for place in service.get("tmpfs", []):
        yield f"--tmpfs={place.partition(':')[0]}:mode=1777"
    yield image
    yield from (word.replace("0.0.0.0", address) for word in service["command"])


def check(folder, project, service, image, address):
    """The command of the health check, which asks the service at home."""
    yield from (word.replace("127.0.0.1", address) for word in service["healthcheck"]["test"][1:])


what, folder, name, image, address = sys.argv[1:]
project = yaml.safe_load(Path(folder, "resolved.yaml").read_text())
words = {"run": run, "check": check}[what](folder, project, project["services"][name], image, address)
print(*words, sep="\n")
