"""Every value is described, does something, and is refused by its path where it is wrong."""

import copy
import json

import yaml

from tests.chart import CHART, KUBERNETES, at, check, helm, rendered, template

# What has to be on for the values below it to do anything.
SWITCHES = ("activator.tls.enabled", "activator.tls.redirect", "networkPolicy.enabled",
            "monitoring.dashboard.enabled", "monitoring.rules.enabled", "activator.accessLog.ratio")
# Another valid value for each one whose type alone does not suggest it.
OTHER = {
    "image.registry": "registry.example/team", "image.pullPolicy": "Always", "image.pullSecrets": [{"name": "x"}],
    "domain": "example.com", "hosts.template": "{name}-{namespace}.{domain}",
    "hosts.tagTemplate": "{name}-{tag}", "clusterDomain": "k8s.example", "publicScheme": "https", "activator.holdTimeout": "9s",
    "activator.trustedProxies": ["10.0.0.0/8", "::1"], "activator.beginTraces": "never",
    "activator.service.type": "NodePort", "resources": {"requests": {"cpu": "1"}}, "nodeSelector": {"a": "b"},
    "tolerations": [{"operator": "Exists"}], "affinity": {"nodeAffinity": {}}, "podAnnotations": {"a": "b"},
    "annotations": {"a": "b"}, "scaling.defaults": {"max": 20}, "scaling.limits": {"max": 30},
    "registries.skip": ["a.example"], "registries.plainHttp": ["b.example:5000"], "registries.timeout": "5s",
    "registries.certificateAuthority": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "activator.tls.namespaces": ["shop"], "monitoring.rules.labels": {"release": "x"}, "networkPolicy.adminFrom": [{"namespaceSelector": {}}],
    "networkPolicy.registryPorts": [5000], "networkPolicy.apiServerPorts": [8443],
    "retention.sinceCreated": "1h", "retention.sinceUnrouted": "1h", "digest": "sha256:" + "0" * 64,
}


def check_refusals():
    """A value that is not there, or of a wrong type, is refused by its path."""
    for setting, path in (
        ("operater.replicas=2", "operater"), ("operator.replica=2", "/operator"), ("operator.image.tag=x", "/operator/image"),
        ("activator.replicas=two", "/activator/replicas"), ("activator.replicas=0", "/activator/replicas"),
        ("image.tag=latest", "/image/tag"), ("activator.service.port=80", "/activator/service"),
        ("publicScheme=ftp", "/publicScheme"), ("hosts.template=shop.example", "/hosts/template"), ("hosts.tagTemplate=v1", "/hosts/tagTemplate"),
        ("registries.skip={https://a.example}", "/registries/skip"), ("registries.insecure=true", "/registries"),
        ("registries.certificateAuthority=x", "/registries/certificateAuthority"), ("retention.min=-1", "/retention/min"),
        ("activator.trustedProxies[0]=front", "/activator/trustedProxies/0"), ("activator.beginTraces=always", "/activator/beginTraces"),
        ("activator.holdTimeout=soon", "/activator/holdTimeout"), ("activator.tls.enable=true", "/activator/tls"),
        ("activator.accessLog.ratio=2", "/activator/accessLog/ratio"), ("activator.tls.namespaces={Shop}", "/activator/tls/namespaces"), ("activator.tls.publicPort=0", "/activator/tls/publicPort"),
        ("activator.tls.defaultSecret=a/b/c", "/activator/tls/defaultSecret"), ("networkPolicy.apiServerPorts={}", "/networkPolicy/apiServerPorts"),
        ("networkPolicy.adminFrom[0].ip=1", "/networkPolicy/adminFrom"), ("activator.resources.requests.gpu=1", "/activator/resources/requests"),
    ):
        result = helm("template", "todoapp", str(CHART), *KUBERNETES, "--set", setting)
        check(result.returncode != 0, f"{setting} is accepted")
        said = result.stderr.replace(".", "/")
        check(path in said, f"{setting}: {path} is not in: {result.stderr}")


def leaves(value, path=()):
    """Paths of all settings; a map without keys is one setting."""
    if isinstance(value, dict) and value and path[-1:] != ("resources",):
        for key in value:
            yield from leaves(value[key], (*path, key))
    else:
        yield path


def check_values():
    """Every value is commented, and changes what is rendered."""
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.strip() and not line.lstrip().startswith("#"):
            key = line.split(":")[0].strip()
            documented = number and lines[number - 1].lstrip().startswith("#")
            known = line.endswith(":") or key in ("cpu", "memory")
            check(documented or known, f"values.yaml:{number + 1}: {key} has no comment")
    plain = template()
    switched = copy.deepcopy(values)
    for switch in SWITCHES:
        *path, last = switch.split(".")
        at(switched, path)[last] = 0.5 if last == "ratio" else True
    for path in leaves(values):
        dotted = ".".join(path)
        base = values if dotted in SWITCHES and not dotted.endswith(".redirect") else switched
        before = plain if base is values else rendered(switched)
        old = at(base, path)
        new = OTHER.get(dotted, OTHER.get(path[-1]))
        if new is None:
            new = not old if isinstance(old, bool) else old + 1 if isinstance(old, int) else f"{old}x"
        changed = copy.deepcopy(base)
        at(changed, path[:-1])[path[-1]] = new
        check(rendered(changed) != before, f"{dotted} does nothing")
    schema = json.loads((CHART / "values.schema.json").read_text())
    check_schema(schema, schema, values, "values")


def check_schema(root, schema, values, where):
    """The schema knows the same names as values.yaml, describes each, and lets no other in."""
    if "$ref" in schema:
        schema = at(root, schema["$ref"].removeprefix("#/").split("/"))
    check(schema.get("description"), f"{where}: no description in the schema")
    if schema.get("type") != "object" or "properties" not in schema:
        return
    check(schema.get("additionalProperties") is False, f"{where}: the schema lets any name in")
    known = set(schema["properties"]) - {"global"}
    # A map that is empty, or partly filled, by default.
    if where.split(".")[-1] in ("affinity", "resources", "requests", "limits", "defaults"):
        return
    check(known == set(values), f"{where}: schema and values.yaml differ in {known ^ set(values)}")
    for key in known & set(values):
        check_schema(root, schema["properties"][key], values[key], f"{where}.{key}")


def check_scaling():
    """The cluster may set what an app may set, but for what is one app's alone."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    crd = yaml.safe_load((CHART / "files/crds/todoapps.todoapp.dev.yaml").read_text())
    path = ("schema", "openAPIV3Schema", "properties", "spec", "properties", "scaling", "properties")
    app = set(at(crd["spec"]["versions"][0], path)) - {"schedules"}
    cluster = at(schema, ("properties", "scaling", "properties", "defaults", "properties"))
    check(app == set(cluster), f"scaling.defaults: schema and CRD differ in {app ^ set(cluster)}")
