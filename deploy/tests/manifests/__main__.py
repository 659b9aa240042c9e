"""python -m manifests BINARY: checks every sample file, and that the checks find what is broken."""

import re
import sys
from pathlib import Path

import yaml

from . import commands, compose, promises, references, render, samples, schema

BROKEN = Path(__file__).with_name("broken.yaml")


def problems(binary, objects):
    """All that is wrong with the objects of an overlay."""
    for each in objects:
        place = f"{each['kind']}/{each['metadata']['name']}"
        yield from (f"{place}: {problem}" for problem in schema.problems(each))
    for each in promises.workloads(objects):
        place = f"{each['kind']}/{each['metadata']['name']}"
        yield from (f"{place}: {problem}" for problem in promises.problems(each))
        for container in promises.pod_of(each)["containers"]:
            yield from (f"{place}: {problem}" for problem in commands.container_problems(binary, container))
    yield from references.problems(objects)


def overlays(binary):
    """Problems of what we ship."""
    for name, objects in render.everything():
        found = [f"{name}: {problem}" for problem in problems(binary, objects)]
        print(f"-- {name}: {len(objects)} objects, {len(found)} problems")
        yield from found


def broken(binary):
    """Ways to break an overlay in which nothing was found, or something else."""
    for case in yaml.safe_load(BROKEN.read_text()):
        name, expect = case.pop("name"), case.pop("expect")
        overlay = {"components": ["components/sqlite"], **case}
        found = list(problems(binary, render.composed(overlay)))
        if any(re.search(expect, problem) for problem in found):
            print(f"-- broken: {name}: found")
        else:
            yield f"broken: {name}: expected `{expect}`, found {found}"


def main():
    binary = sys.argv[1]
    failures = [*overlays(binary), *broken(binary), *compose.problems(binary), *samples.problems(binary)]
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    sys.exit(bool(failures))


main()
