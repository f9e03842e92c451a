"""The rights and ports of TLS."""

import json

from tests.chart import called, check, objects, pod_of, template


def check_tls():
    """Secrets may be read in the namespaces that are listed and nowhere else, and only while TLS is on."""
    for item in objects(template()):
        text = json.dumps(item)
        check("8443" not in text and '"https"' not in text, f"{called(item)}: TLS while it is off")
        check(item["metadata"]["name"] != "todoapp-activator-tls", f"{called(item)} while TLS is off")
    items = objects(template("--set", "activator.tls.enabled=true,activator.tls.namespaces={shop,todoapp-system}"))
    roles = sorted((called(i), i["metadata"]["namespace"]) for i in items if i["metadata"]["name"] == "todoapp-activator-tls")
    kinds = ("Role/todoapp-activator-tls", "RoleBinding/todoapp-activator-tls")
    check(roles == [(kind, where) for kind in kinds for where in ("shop", "todoapp-system")], f"rights for TLS: {roles}")
    for item in items:
        if called(item) == "RoleBinding/todoapp-activator-tls":
            check(item["subjects"][0]["namespace"] == "todoapp-system", "rights for TLS are given to another namespace's account")
        if called(item) == "ClusterRole/todoapp-activator":
            check(all("secrets" not in rule["resources"] for rule in item["rules"]), "the activator may read every Secret")
        if called(item) == "Service/todoapp-activator":
            ports = {port["port"]: port["targetPort"] for port in item["spec"]["ports"]}
            check(ports == {80: "http", 443: "https"}, f"ports of the Service: {ports}")
        if called(item) == "Deployment/todoapp-activator":
            [container] = pod_of(item)["containers"]
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            check(ports.get("https") == 8443, f"ports of the activator: {ports}")
            check("--tls-namespaces=shop,todoapp-system" in container["args"], f"{container['args']}")
