"""Renders overlays with whichever kustomize is there: kubectl's or its own."""

import os
import shutil
import subprocess
import tempfile
from itertools import product
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2] / "kubernetes"
STORES = ("sqlite", "postgres")
EXTRAS = ("mtls", "autoscale")
# What every overlay of ours says.
OVERLAY = {
    "namespace": "bistable",
    "resources": ["base"],
    "images": [{"name": "bistable", "newName": "registry.example/bistable", "newTag": "0.1.0"}],
}


def kustomize(folder):
    """The objects that `folder` renders to."""
    if shutil.which("kubectl"):
        command = ["kubectl", "kustomize", str(folder)]
    elif shutil.which("kustomize"):
        command = ["kustomize", "build", str(folder)]
    else:
        raise SystemExit("error: neither kubectl (1.27 or later) nor kustomize (5 or later) is there to render manifests")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"error: {' '.join(command)}: {done.stderr}")
    if done.stderr:
        # Deprecated fields are named here.
        raise SystemExit(f"error: {' '.join(command)} warns: {done.stderr}")
    return [each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each]


def composed(kustomization):
    """What an overlay renders to that is not in a file; its paths are relative to deploy/kubernetes."""
    kustomization = {**OVERLAY, **kustomization}
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".check-") as folder:
        relative = lambda paths: [os.path.join("..", path) for path in paths]
        for key in ("resources", "components"):
            if key in kustomization:
                kustomization = {**kustomization, key: relative(kustomization[key])}
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return kustomize(folder)


def everything():
    """Name and objects of each overlay that we ship, with the job, and of each combination of components."""
    for overlay in sorted(path.name for path in (ROOT / "overlays").iterdir()):
        yield overlay, kustomize(ROOT / "overlays" / overlay) + kustomize(ROOT / "job")
    for store, *chosen in product(STORES, *((None, extra) for extra in EXTRAS)):
        parts = [store, *filter(None, chosen)]
        yield "+".join(parts), composed({"components": [f"components/{part}" for part in parts]})
