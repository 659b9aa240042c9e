"""The command lines in files that are not manifests: units, batch scripts and the pages that a reader follows."""

import re
import shlex
from pathlib import Path

from . import commands

DEPLOY = Path(__file__).resolve().parents[2]
# What stands in a command line for what is only known when it runs.
SPECIFIERS = {"%d": "/run/credentials", "%i": "node7", "%H": "node7", "%S": "/var/lib", "%C": "/var/cache"}
SHELL = {
    "BISTABLE_STORE": "bistable.sqlite",
    "SLURM_CPUS_PER_TASK": "4",
    "1": "https://node7:7431",
    "host": "node7",
    "id": "0123456789abcdef",
    "left": "600",
    "port": "7431",
    "url": "https://node7:7431",
}
WORDS = {"ID": "0123456789abcdef"}
# From the program's name, where a command may begin, to what ends a command in a shell.
COMMAND = re.compile(
    r"""(?:^|\$\(|&&|[|;]|--[ ]/)[ ]*(?:"\$)?bistable"?[ ]"""
    r"""((?:"[^"]*"|'[^']*'|\$\{[^}]*\}|\$\([^)]*\)|[^|<>&;)\n])+)""",
    re.MULTILINE,
)


def problems(binary):
    """All that is wrong in them."""
    found = 0
    for path, text in files():
        for argv in argvs(text):
            found += 1
            for problem in commands.problems(binary, argv):
                yield f"{path}: {problem}"
        for name in sorted(set(re.findall(r"\bBISTABLE_\w+\b", text)) - commands.known(binary) - OURS):
            yield f"{path}: no command knows the variable {name}"
    print(f"-- {found} command lines in units, scripts and pages")


# Variables of the samples themselves.
OURS = {"BISTABLE_PORT", "BISTABLE_SPARE", "BISTABLE_IMAGE", "BISTABLE_FUZZ_SECONDS"}


def files():
    """Path and commands of each."""
    for unit in sorted(DEPLOY.glob("systemd/*.service")):
        text = unit.read_text()
        for specifier, value in SPECIFIERS.items():
            text = text.replace(specifier, value)
        yield unit, "\n".join(re.findall(r"^(?:ExecStart|Environment)=(?:/usr/local/bin/)?(.*)$", text, re.MULTILINE))
    for script in sorted(DEPLOY.glob("slurm/*.sbatch")):
        yield script, re.sub(r"^ *#.*$", "", script.read_text(), flags=re.MULTILINE)
    for page in (DEPLOY / "README.md", DEPLOY / "runbook.md", DEPLOY.parent / "README.md"):
        blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        yield page, "\n".join(re.sub(r"\s#\s.*$", "", block, flags=re.MULTILINE) for block in blocks)


def argvs(text):
    """The command lines of a text, as the shell would take them apart."""
    text = re.sub(r"\d?>>?\s*\S+", "", text.replace("\\\n", " "))
    for match in COMMAND.finditer(text):
        yield [WORDS.get(word, word) for word in shlex.split(filled(match[1]))]


def filled(line):
    """A command line whose variables have values."""
    line = re.sub(r"\$\(id -u\)", "65532", line)
    line = re.sub(r"\$\{(\w+):-(?:[^{}]|\$\{[^}]*\})*\}", lambda match: SHELL.get(match[1], "x"), line)
    line = re.sub(r"\$\{(\w+)\}", lambda match: SHELL[match[1]], line)
    return re.sub(r"\$(\w+)", lambda match: SHELL.get(match[1], "x"), line)
