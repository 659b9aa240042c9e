"""Command lines in sample files, put to the binary itself: it must know every command, option and value, and every
variable of its own."""

import re
import subprocess
from functools import cache

REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
FIELDS = {"status.podIP": "10.0.0.7", "metadata.name": "coordinator-0", "metadata.namespace": "bistable"}


def problems(binary, argv, variables=()):
    """What the binary says of a command line, and of the names of variables."""
    refusal = refused(binary, tuple(argv))
    if refusal:
        yield f"`bistable {' '.join(argv)}` is wrong: {refusal}"
        return
    ours = {name for name in variables if name.startswith("BISTABLE_")}
    for name in sorted(ours - known(binary)):
        yield f"no command knows the variable {name}"


@cache
def refused(binary, argv):
    """Why a command line is refused. It is read from the left, so that all of it is before help is shown."""
    done = subprocess.run([binary, *argv, "--help"], capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else None


@cache
def known(binary):
    """Every variable that some command reads."""
    ask = lambda *command: subprocess.run([binary, *command, "--help"], capture_output=True, text=True).stdout
    return {name for command in ("serve", "worker", "submit") for name in re.findall(r"\[env: (\w+)", ask(command))}


def container_problems(binary, container):
    """The same of a container, whose variables are put in as Kubernetes does."""
    variables = {}
    for variable in container.get("env", []):
        value = value_of(variable, variables)
        if REFERENCE.search(value):
            yield f"the variable {variable['name']} refers to one that comes later or never: {value}"
        variables[variable["name"]] = value
    argv = [expand(arg, variables) for arg in container["args"]]
    for arg in argv:
        if REFERENCE.search(arg):
            yield f"there is no variable for {arg}"
    yield from problems(binary, argv, variables)


def value_of(variable, earlier):
    source = variable.get("valueFrom", {})
    if "fieldRef" in source:
        return FIELDS[source["fieldRef"]["fieldPath"]]
    if "resourceFieldRef" in source:
        return "2"
    if "secretKeyRef" in source:
        return "secret"
    return expand(variable["value"], earlier)


def expand(text, variables):
    return REFERENCE.sub(lambda match: variables.get(match[1], match[0]), text)
