"""compose_options.py FILE SERVICE FOLDER IMAGE ADDRESS: what podman is told, a line each, to run a service of a compose file that
has been resolved. FOLDER is the file's; the service listens on ADDRESS."""

import sys

import yaml

file, name, folder, image, address = sys.argv[1:]
with open(file) as text:
    project = yaml.safe_load(text)
service = project["services"][name]

options = [f"--user={service['user']}"]
options += ["--read-only", "--read-only-tmpfs=false"] if service["read_only"] else []
options += [f"--cap-drop={capability}" for capability in service["cap_drop"]]
options += [f"--security-opt={option.removesuffix(':true')}" for option in service["security_opt"]]
options += [f"--env={key}={value}" for key, value in service.get("environment", {}).items()]
for secret in service.get("secrets", []):
    options.append(f"--volume={folder}/{project['secrets'][secret]['file']}:/run/secrets/{secret}:ro")
for place in service.get("tmpfs", []):
    path, _, settings = place.partition(":")
    kept = [setting for setting in settings.split(",") if setting.split("=")[0] in ("size", "mode")]
    # The owner is Docker's to set; podman takes none.
    options.append(f"--tmpfs={path}:" + ",".join(kept).replace("mode=0700", "mode=1777"))
command = [word.replace("0.0.0.0", address) for word in service["command"]]
print(*options, image, *command, sep="\n")
