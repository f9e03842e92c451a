"""The NetworkPolicies, read as a network plugin reads them."""

import re

from tests.chart import CHARTS, check, objects, template


def selects(selector, labels):
    """A label selector as Kubernetes reads it; of expressions, those that are in use here."""
    expressions = selector.get("matchExpressions", [])
    check(all(e["operator"] == "Exists" for e in expressions), f"an operator that the test does not know: {selector}")
    return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(e["key"] in labels for e in expressions)


def lets(policies, direction, pod, other, protocol, port):
    """Whether the policies let a pod have this connection with another one (None: somebody who is no pod)."""
    own = [p for p in policies if p["metadata"]["namespace"] == pod["namespace"] and selects(p["spec"]["podSelector"], pod["labels"])
           and direction in p["spec"]["policyTypes"]]
    rules = [rule for policy in own for rule in policy["spec"].get(direction.lower(), [])]

    def peer(rule, spec):
        if other is None or "ipBlock" in rule:
            return False
        namespace = rule.get("namespaceSelector")
        here = other["namespace"] == spec if namespace is None else selects(namespace, {"kubernetes.io/metadata.name": other["namespace"]})
        return here and selects(rule.get("podSelector", {}), other["labels"])

    def allows(rule):
        peers = rule.get("from" if direction == "Ingress" else "to")
        ports = [p for p in rule["ports"] if p["protocol"] == protocol and p["port"] <= port <= p.get("endPort", p["port"])]
        return ports and (not peers or any(peer(entry, pod["namespace"]) for entry in peers))

    return not own or any(allows(rule) for rule in rules)


def check_network():
    """Everything works under default deny, and nothing that the table of docs/network.md does not have."""
    settings = "networkPolicy.enabled=true,activator.tls.enabled=true,networkPolicy.adminFrom[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=monitoring"
    items = objects(template("--set", settings))
    policies = [i for i in items if i["kind"] == "NetworkPolicy"]
    pods = {i["metadata"]["name"].removeprefix("todoapp-"): {"namespace": "todoapp-system", "labels": i["spec"]["template"]["metadata"]["labels"]}
            for i in items if i["kind"] == "Deployment"}
    check({p["metadata"]["name"] for p in policies} == {"todoapp-" + name for name in pods}, "a component without its policy")
    [sample] = re.findall(r"```yaml\n(.*?)```", (CHARTS.parent / "docs/network.md").read_text(), re.S)
    policies += objects(sample)
    operator, activator = pods["operator"], pods["activator"]
    app = {"namespace": "shop", "labels": {"todoapp.dev/revision": "web-00001"}}
    other = {"namespace": "shop", "labels": {"app": "database"}}
    stranger = {"namespace": "elsewhere", "labels": {}}
    prometheus = {"namespace": "monitoring", "labels": {}}
    flows = [
        (None, activator, 8080), (None, activator, 8443), (stranger, activator, 10000), (stranger, activator, 32767), (app, activator, 20000),
        (activator, app, 8012), (operator, app, 8012), (activator, operator, 9000), (app, operator, 9000),
        (operator, None, 443), (operator, None, 6443), (activator, None, 6443), (prometheus, operator, 9090), (prometheus, activator, 9090),
    ]
    denied = [
        (stranger, app, 8012), (stranger, operator, 9000), (other, operator, 9000), (stranger, operator, 9090), (stranger, activator, 9090),
        (None, operator, 9000), (activator, other, 8012), (app, None, 443), (activator, operator, 9090), (app, other, 8012), (activator, None, 80),
    ]

    def passes(source, target, port):
        return ((source is None or lets(policies, "Egress", source, target, "TCP", port))
                and (target is None or lets(policies, "Ingress", target, source, "TCP", port)))

    for flow in flows:
        check(passes(*flow), f"network: {flow} is denied")
    for flow in denied:
        check(not passes(*flow), f"network: {flow} is let through")
    for pod in (operator, activator, app):
        check(lets(policies, "Egress", pod, stranger, "UDP", 53), f"network: no DNS for {pod}")
