"""What each of our pods promises: it is nobody, may do nothing, takes no more than it says, and can be watched."""

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")


def workloads(objects):
    """The objects that make pods."""
    return [each for each in objects if each["kind"] in WORKLOADS]


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def problems(workload):
    """Promises that a workload breaks."""
    pod = pod_of(workload)
    yield from pod_problems(pod)
    for container in pod.get("initContainers", []) + pod["containers"]:
        for problem in container_problems(pod, container):
            yield f"container {container['name']}: {problem}"
    if workload["kind"] != "Job":
        yield from service_problems(pod)


def pod_problems(pod):
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "the pod may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "the pod has no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield "the pod gets a service account's token"
    if pod.get("enableServiceLinks") is not False:
        yield "the pod's environment is filled with services"
    for key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if pod.get(key):
            yield f"the pod has {key}"
    for volume in pod.get("volumes", []):
        if "hostPath" in volume:
            yield f"volume {volume['name']} is a path of the host"
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            yield f"volume {volume['name']} may grow without limit"


def container_problems(pod, container):
    context = container.get("securityContext", {})
    capabilities = context.get("capabilities", {})
    if context.get("readOnlyRootFilesystem") is not True:
        yield "its root file system can be written"
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "it may gain privileges"
    if capabilities.get("drop") != ["ALL"]:
        yield "it keeps capabilities"
    if capabilities.get("add"):
        yield "it adds capabilities"
    for key in ("runAsUser", "runAsNonRoot", "seccompProfile"):
        if key in context:
            yield f"it overrides the pod's {key}"
    yield from image_problems(container["image"])
    for kind in ("requests", "limits"):
        for resource in ("cpu", "memory", "ephemeral-storage"):
            if resource not in container.get("resources", {}).get(kind, {}):
                yield f"it has no {resource} in {kind}"


def image_problems(image):
    name, _, tag = image.rpartition(":")
    if not name or "/" in tag or tag == "latest":
        yield f"its image `{image}` is no version"


def service_problems(pod):
    """What a pod that runs for ever must say besides."""
    if not pod.get("topologySpreadConstraints"):
        yield "its pods may all be on one node"
    for container in pod["containers"]:
        yield from probe_problems(container)
    grace = seconds(flag(pod["containers"][0]["args"], "--grace"))
    patience = pod.get("terminationGracePeriodSeconds", 30)
    if grace is not None and grace + 10 > patience:
        yield f"it is killed after {patience} s, while --grace is {grace} s"


def probe_problems(container):
    paths = {}
    for kind in ("startup", "liveness", "readiness"):
        probe = container.get(f"{kind}Probe")
        if not probe:
            yield f"it has no {kind} probe"
            continue
        paths[kind] = probe["httpGet"]["path"]
        if probe["httpGet"]["port"] not in {port["name"] for port in container["ports"]}:
            yield f"its {kind} probe asks a port that it does not have"
    if paths.get("liveness") != "/livez" or paths.get("readiness") != "/readyz":
        yield "its probes do not mean what they say: /livez is liveness, /readyz readiness"


def flag(args, name):
    """The value of `--name=value` or `--name value`."""
    for index, arg in enumerate(args):
        if arg.startswith(name + "="):
            return arg.split("=", 1)[1]
        if arg == name:
            return args[index + 1]
    return None


def seconds(duration):
    return int(duration.removesuffix("s")) if duration else None
