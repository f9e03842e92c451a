"""Dashboard and alert rules beside the metrics that there are."""

import json
import re
import subprocess

import yaml

from tests.chart import CHART, CHARTS, called, check, objects, template


def metrics_of_the_programs():
    """The metrics that our programs register, by the literals in their sources."""
    sources = [file for place in ("activator", "operator", "queue-proxy", "crates/runtime")
               for file in (CHARTS.parent / place / "src").rglob("*.rs") if "tests" not in file.relative_to(CHARTS.parent).parts]
    names = set()
    for file in sources:
        text = file.read_text().split("#[cfg(test)]\nmod tests {")[0]
        names |= set(re.findall(r'"((?:todoapp|http_server)_[a-z_]+)",', text))
    return names


def metrics_in(expressions):
    """The metrics that expressions ask for, the parts of histograms by the histogram's name."""
    names = set()
    for expression in expressions:
        expression = re.sub(r'"[^"]*"', '""', expression)
        names |= set(re.findall(r"(?<![:\w])(?:todoapp|http_server)_[a-z_]+(?![:\w])", expression))
    return names


def promtool(*arguments):
    result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, cwd=CHARTS)
    check(result.returncode == 0, f"promtool {' '.join(arguments)}: {result.stdout}{result.stderr}")


def check_monitoring():
    """Dashboard and rules ask for metrics that there are, every alert is tested, and the docs know every metric."""
    folder = CHART / "files/monitoring"
    rules, dashboard = yaml.safe_load((folder / "rules.yaml").read_text()), json.loads((folder / "dashboard.json").read_text())
    items = {called(i): i for i in objects(template("--set", "monitoring.dashboard.enabled=true,monitoring.rules.enabled=true"))}
    check(items["PrometheusRule/todoapp"]["spec"] == rules, "the PrometheusRule is not what rules.yaml says")
    check(json.loads(items["ConfigMap/todoapp-dashboard"]["data"]["todoapp.json"]) == dashboard, "the dashboard is not what its file says")
    promtool("check", "rules", "todoapp/files/monitoring/rules.yaml")
    promtool("test", "rules", "rules.test.yaml")
    tests = yaml.safe_load((CHARTS / "rules.test.yaml").read_text())["tests"]
    fire = {case["alertname"] for test in tests for case in test.get("alert_rule_test", []) if case["exp_alerts"]}
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    check(fire == alerts, f"alerts without a test in which they fire: {alerts ^ fire}")

    known = metrics_of_the_programs()
    check(len(known) > 40, f"only {len(known)} metrics found in the sources")
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    expressions += [target["expr"] for panel in panels for target in panel["targets"]]
    expressions += [variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    for name in metrics_in(expressions):
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        check(name in known or (base in known and base.endswith("_seconds")), f"no program has the metric {name}")
    ids = [panel["id"] for panel in dashboard["panels"]]
    check(len(ids) == len(set(ids)), "two panels of the dashboard have one id")

    documented = set(re.findall(r"^\| `([a-z_]+)", (CHARTS.parent / "docs/observability.md").read_text(), re.M))
    check(known == documented, f"docs/observability.md and the programs differ in {known ^ documented}")
