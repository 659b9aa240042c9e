"""The compose file: what the tools make of it, and what each of its services promises."""

import os
import subprocess
import sys
import tempfile
from copy import deepcopy
from pathlib import Path
from shutil import copy

import compose_spec
import yaml

from . import commands
from .promises import image_problems

FILE = Path(__file__).resolve().parents[2] / "compose.yaml"


def resolved(environment):
    """The file with variables and anchors put in, or why it cannot be."""
    tool = Path(sys.executable).with_name("podman-compose")
    with tempfile.TemporaryDirectory() as folder:
        copy(FILE, folder)
        environment = {**os.environ, **environment}
        done = subprocess.run([tool, "config"], cwd=folder, env=environment, capture_output=True, text=True)
    return (yaml.safe_load(done.stdout), None) if done.returncode == 0 else (None, done.stderr)


def problems(binary):
    """All that is wrong with it, and all ways to break it that are not seen."""
    _, refusal = resolved({})
    if "POSTGRES_PASSWORD" not in (refusal or ""):
        yield "compose.yaml: it is taken without a password"
    project, refusal = resolved({"POSTGRES_PASSWORD": "secret"})
    if refusal:
        yield f"compose.yaml: {refusal}"
        return
    yield from (f"compose.yaml: {problem}" for problem in project_problems(binary, project))
    print(f"-- compose.yaml: {len(project['services'])} services")
    for name, breaks in BREAKS.items():
        broken = deepcopy(project)
        breaks(broken["services"])
        if not any(project_problems(binary, broken)):
            yield f"compose.yaml: nothing is said of {name}"


def project_problems(binary, project):
    try:
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(project))
    except ValueError as error:
        yield str(error)
    for name, service in project["services"].items():
        for problem in (*service_problems(service), *references(project, service)):
            yield f"{name}: {problem}"
        if service["image"].startswith("bistable"):
            for problem in commands.problems(binary, service["command"], service.get("environment", ())):
                yield f"{name}: {problem}"


def service_problems(service):
    if service.get("read_only") is not True:
        yield "its root file system can be written"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add") or service.get("privileged"):
        yield "it keeps capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "it may gain privileges"
    if service.get("user", "0").split(":")[0] in ("0", "root"):
        yield "it may run as root"
    for limit in ("mem_limit", "pids_limit", "stop_grace_period"):
        if limit not in service:
            yield f"it has no {limit}"
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"everybody reaches its port {port}"
    yield from image_problems(service["image"])


def references(project, service):
    for kind in ("secrets", "networks"):
        for name in service.get(kind, []):
            if name not in project[kind]:
                yield f"there is no {name} in {kind}"
    for name in service.get("depends_on", {}):
        if name not in project["services"]:
            yield f"there is no service {name}"


BREAKS = {
    "an unknown key": lambda services: services["worker"].update(read_olny=True),
    "a service that runs as root": lambda services: services["worker"].pop("user"),
    "a capability": lambda services: services["worker"].update(cap_add=["NET_ADMIN"]),
    "a root file system that can be written": lambda services: services["postgres"].pop("read_only"),
    "privileges": lambda services: services["postgres"].pop("security_opt"),
    "no limit": lambda services: services["worker"].pop("mem_limit"),
    "a port for everybody": lambda services: services["coordinator-1"].update(ports=["7431:7431"]),
    "the latest image": lambda services: services["worker"].update(image="bistable:latest"),
    "a secret of nobody": lambda services: services["worker"]["secrets"].append("root"),
    "an unknown option": lambda services: services["worker"]["command"].append("--monitro"),
}
