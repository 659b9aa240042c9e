"""Whether objects find one another: selectors, ports, Secrets, volumes, policies and budgets."""

from .promises import pod_of, workloads

# What the reader makes, as deploy/README.md says.
OF_THE_USER = {
    ("Secret", "bistable-tokens"): {"worker", "submit", "read"},
    ("Secret", "bistable-postgres"): {"url", "password", "ca.crt"},
    ("ConfigMap", "sweep"): {"sweep.toml"},
}
# What cert-manager puts into the Secret of a certificate.
OF_A_CERTIFICATE = {"tls.crt", "tls.key", "ca.crt"}


def problems(objects):
    """References of `objects` that lead nowhere."""
    given = provided(objects)
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    pods = workloads(objects)
    for pod in pods:
        for problem in pod_problems(pod, given, names):
            yield f"{pod['kind']}/{pod['metadata']['name']}: {problem}"
    for each in objects:
        if each["kind"] != "Namespace" and ("Namespace", each["metadata"].get("namespace")) not in names:
            yield f"{each['kind']}/{each['metadata']['name']}: it is in no namespace of ours"
            return
        check = CHECKS.get(each["kind"])
        for problem in check(each, pods, names) if check else ():
            yield f"{each['kind']}/{each['metadata']['name']}: {problem}"
    yield from policy_problems(objects, pods)
    yield from budget_problems(objects, pods)


def provided(objects):
    """The keys of every Secret and ConfigMap that there is or will be."""
    given = dict(OF_THE_USER)
    for each in objects:
        if each["kind"] == "Certificate":
            given["Secret", each["spec"]["secretName"]] = OF_A_CERTIFICATE
        if each["kind"] in ("Secret", "ConfigMap"):
            given[each["kind"], each["metadata"]["name"]] = {*each.get("data", {}), *each.get("stringData", {})}
    return given


def pod_problems(workload, given, names):
    spec, pod = workload["spec"], pod_of(workload)
    labels = spec["template"]["metadata"]["labels"]
    if workload["kind"] != "Job" and not matches(spec["selector"], labels):
        yield "its selector does not match its pods"
    account = pod.get("serviceAccountName")
    if account and ("ServiceAccount", account) not in names:
        yield f"there is no service account {account}"
    service = spec.get("serviceName")
    if service and ("Service", service) not in names:
        yield f"there is no service {service} that names its pods"
    for kind, name, keys in wanted(pod):
        missing = keys - given.get((kind, name), set())
        if (kind, name) not in given or missing:
            yield f"{kind} {name} is nobody's, or lacks {sorted(missing)}"
    yield from mount_problems(spec, pod)


def wanted(pod):
    """Kind, name and keys of what a pod takes from Secrets and ConfigMaps."""
    for volume in pod.get("volumes", []):
        for kind, field, name in (("Secret", "secret", "secretName"), ("ConfigMap", "configMap", "name")):
            if field in volume:
                source = volume[field]
                yield kind, source[name], {item["key"] for item in source.get("items", [])}
    for container in pod["containers"]:
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                yield "Secret", reference["name"], {reference["key"]}


def mount_problems(spec, pod):
    """Mounts without a volume, volumes without a mount, and paths on the command line that nothing is mounted at."""
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
    for container in pod["containers"]:
        mounts = container.get("volumeMounts", [])
        for name in {mount["name"] for mount in mounts} ^ volumes:
            yield f"volume {name} is not mounted, or there is no such volume"
        places = [mount["mountPath"] for mount in mounts]
        values = [arg.partition("=")[2] or arg for arg in container["args"]]
        values += [variable.get("value", "") for variable in container.get("env", [])]
        for value in values:
            if value.startswith("/") and not any((value + "/").startswith(place + "/") for place in places):
                yield f"{value} is in none of its volumes"


def service_problems(service, pods, _):
    selected = [pod for pod in pods if matches({"matchLabels": service["spec"]["selector"]}, labels_of(pod))]
    if not selected:
        yield "it selects no pod"
    for pod in selected:
        ports = {port["name"] for port in pod_of(pod)["containers"][0].get("ports", [])}
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"{pod['metadata']['name']} has no port {port['targetPort']}"


def scaled_problems(scaled, _, names):
    target = scaled["spec"]["scaleTargetRef"]
    if (target["kind"], target["name"]) not in names:
        yield f"there is no {target['kind']} {target['name']} to scale"
    for trigger in scaled["spec"]["triggers"]:
        host = trigger["metadata"]["url"].split("/")[2].split(":")[0].split(".")
        if ("Service", host[0]) not in names or host[1] != scaled["metadata"]["namespace"]:
            yield f"there is no service {'.'.join(host)} to ask"


def certificate_problems(certificate, _, names):
    issuer = certificate["spec"]["issuerRef"]
    if (issuer["kind"], issuer["name"]) not in names:
        yield f"there is no issuer {issuer['name']}"
    namespace = certificate["metadata"]["namespace"]
    for name in certificate["spec"].get("dnsNames", []):
        parts = name.removeprefix("*.").split(".")
        if parts[0].startswith("coordinator") and ("Service", parts[0]) not in names:
            yield f"there is no service {parts[0]}"
        if parts[1:2] not in ([], [namespace]):
            yield f"{name} is of another namespace than {namespace}"


CHECKS = {
    "Service": service_problems,
    "ScaledObject": scaled_problems,
    "Certificate": certificate_problems,
}


def policy_problems(objects, pods):
    """Every pod is denied everything first, and every policy is about some pod."""
    policies = [each for each in objects if each["kind"] == "NetworkPolicy"]
    denied = [each for each in policies if not (each["spec"].get("ingress") or each["spec"].get("egress"))]
    closed = [each for each in denied if set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"}]
    for pod in pods:
        if not any(matches(each["spec"]["podSelector"], labels_of(pod)) for each in closed):
            yield f"{pod['kind']}/{pod['metadata']['name']}: no policy denies its pods what is not allowed"
        allowed = [each for each in policies if matches(each["spec"]["podSelector"], labels_of(pod))]
        if not any(port["port"] == 7431 for each in allowed for rule in rules(each) for port in rule["ports"]):
            yield f"{pod['kind']}/{pod['metadata']['name']}: it can talk to nobody"
    known = {port["containerPort"] for pod in pods for port in pod_of(pod)["containers"][0].get("ports", [])}
    for each in policies:
        for port in (port["port"] for rule in rules(each) for port in rule["ports"]):
            if port not in known | {53, 5432}:
                yield f"NetworkPolicy/{each['metadata']['name']}: nobody has port {port}"


def rules(policy):
    return policy["spec"].get("ingress", []) + policy["spec"].get("egress", [])


def budget_problems(objects, pods):
    """Every pod that runs for ever has one budget."""
    budgets = [each for each in objects if each["kind"] == "PodDisruptionBudget"]
    for pod in pods:
        mine = [each for each in budgets if matches(each["spec"]["selector"], labels_of(pod))]
        if pod["kind"] != "Job" and len(mine) != 1:
            yield f"{pod['kind']}/{pod['metadata']['name']}: {len(mine)} disruption budgets are about its pods"


def labels_of(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def matches(selector, labels):
    """Whether a selector of labels matches."""
    same = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    chosen = all(
        labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", [])
        if each["operator"] == "In"
    )
    return same and chosen
