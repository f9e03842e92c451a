"""What each way to install has to keep: Pod Security, narrow rights, images with tags, budgets."""

from tests.chart import CHART, KUBERNETES, called, check, helm, images, objects, pod_of, template

VARIANTS = {
    "default": [],
    "ha": ["-f", str(CHART / "values-ha.yaml")],
    "minimal": ["-f", str(CHART / "values-minimal.yaml")],
    "without CRDs": ["--set", "crds.enabled=false"],
    "without aggregation": ["--set", "rbac.aggregate=false"],
    "without resolving": ["--set", "registries.resolve=false"],
    "TLS": ["--set", "activator.tls.enabled=true"],
    "network policies": ["--set", "networkPolicy.enabled=true"],
    "monitoring": ["--set", "monitoring.dashboard.enabled=true,monitoring.rules.enabled=true"],
}
CLUSTER_KINDS = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Namespace"}


def check_pod(where, pod):
    """Pod Security Standards, profile restricted, and a root file system that cannot be written."""
    security = pod.get("securityContext", {})
    check(security.get("runAsNonRoot") is True, f"{where}: runAsNonRoot")
    check(security.get("runAsUser") == 65532, f"{where}: runAsUser")
    check(security.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{where}: seccompProfile")
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        check(not pod.get(field), f"{where}: {field}")
    for volume in pod.get("volumes", []):
        check(set(volume) <= {"name", "projected", "configMap", "emptyDir", "secret"}, f"{where}: volume {volume['name']}")
    for container in pod["containers"]:
        security = container.get("securityContext", {})
        check(security.get("allowPrivilegeEscalation") is False, f"{where}: allowPrivilegeEscalation")
        check(security.get("readOnlyRootFilesystem") is True, f"{where}: readOnlyRootFilesystem")
        check(security.get("capabilities") == {"drop": ["ALL"]}, f"{where}: capabilities")
        check(container.get("resources", {}).get("requests"), f"{where}: no requests")


def check_rights(items, resolves):
    read = []
    for role in (i for i in items if i["kind"] in ("Role", "ClusterRole")):
        for rule in role["rules"]:
            where = f"{called(role)}: {rule['resources']}"
            check("*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], f"{where}: a wildcard")
            if "secrets" in rule["resources"]:
                if called(role) == "Role/todoapp-activator-tls":
                    check(rule["verbs"] == ["list", "watch"], f"{where}: {rule['verbs']}")
                    continue
                # Those of other namespaces one by one, by name, and only where tags are resolved.
                allowed = {"get"} if rule.get("resourceNames") or "get" in rule["verbs"] else {"create", "patch"}
                check(set(rule["verbs"]) <= allowed, f"{where}: {rule['verbs']}")
                if "get" in rule["verbs"] and not rule.get("resourceNames"):
                    read.append(called(role))
    check(read == (["ClusterRole/todoapp-operator"] if resolves else []), f"Secrets of every namespace are read by {read}")


def check_variant(variant, arguments):
    lint = helm("lint", "--strict", str(CHART), *KUBERNETES, *arguments)
    check(lint.returncode == 0, f"{variant}: lint: {lint.stdout}{lint.stderr}")
    text = template(*arguments)
    check(text == template(*arguments), f"{variant}: two renderings differ")
    items = objects(text)
    names = [(called(i), i["metadata"].get("namespace")) for i in items]
    check(len(names) == len(set(names)), f"{variant}: an object twice")
    for item in items:
        where = f"{variant}: {called(item)}"
        namespace = None if item["kind"] in CLUSTER_KINDS else "todoapp-system"
        check(item["metadata"].get("namespace") == namespace, f"{where}: namespace")
        if (pod := pod_of(item)) is not None:
            check_pod(where, pod)
    for image in images(items):
        name = image.rsplit("/", 1)[1]
        check(":" in name or "@" in name, f"{variant}: {image} has no tag")
        check(not name.endswith(":latest"), f"{variant}: {image}")
    check_rights(items, variant != "without resolving")
    replicas = {i["metadata"]["name"]: i["spec"]["replicas"] for i in items if i["kind"] == "Deployment"}
    budgets = {i["metadata"]["name"] for i in items if i["kind"] == "PodDisruptionBudget"}
    check(budgets == {name for name, count in replicas.items() if count > 1}, f"{variant}: budgets {budgets}")
    crds = [i for i in items if i["kind"] == "CustomResourceDefinition"]
    check(len(crds) == (0 if variant == "without CRDs" else 2), f"{variant}: {len(crds)} CRDs")
    roles = [i for i in items if called(i) in ("ClusterRole/todoapp-view", "ClusterRole/todoapp-edit")]
    check(len(roles) == (0 if variant == "without aggregation" else 2), f"{variant}: {len(roles)} aggregated roles")
