"""Strict validation: a field that the API does not know is an error. Objects of cert-manager and KEDA have small schemas of
our own, in `schemas/`, of the fields that we use."""

import json
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate

SCHEMAS = Path(__file__).with_name("schemas")
# The oldest that we support, and the newest that the validator knows.
VERSIONS = ("1.30", "1.37")


def problems(thing):
    """What the API would refuse of an object."""
    return refusals(json.dumps(thing))


@cache
def refusals(text):
    """The same of its JSON: most objects are in many overlays."""
    thing = json.loads(text)
    group = thing["apiVersion"].split("/")[0]
    if group in ("cert-manager.io", "keda.sh"):
        return custom(thing, group)
    found = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"Kubernetes {version} refuses {'/'.join(map(str, error.path))}: {error.message}")
    return found


def custom(thing, group):
    schema = json.loads((SCHEMAS / f"{group}_{thing['kind'].lower()}.json").read_text())
    errors = jsonschema.Draft202012Validator(schema).iter_errors(thing)
    return [f"{group} refuses {'/'.join(map(str, error.path))}: {error.message}" for error in errors]
