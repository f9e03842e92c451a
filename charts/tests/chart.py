"""What all checks use: the chart rendered by Helm, its objects, and what was found to be wrong."""

import functools
import json
import pathlib
import subprocess
import tempfile

import yaml

CHARTS = pathlib.Path(__file__).resolve().parents[1]
CHART = CHARTS / "todoapp"
# Each build of Helm has a Kubernetes version of its own in mind.
KUBERNETES = ["--kube-version", "1.34.0"]

failures = []


def check(good, text):
    if not good:
        failures.append(text)


def helm(*arguments):
    return subprocess.run([str(CHARTS / "helm"), *arguments], capture_output=True, text=True)


def template(*arguments, chart=CHART):
    result = helm("template", "todoapp", str(chart), "--namespace", "todoapp-system", *KUBERNETES, *arguments)
    if result.returncode:
        raise SystemExit(f"helm template {' '.join(arguments)}: {result.stderr}")
    return result.stdout


@functools.cache
def rendered_json(values):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(values)
        file.flush()
        return template("-f", file.name)


def rendered(values):
    """The chart with exactly these values."""
    return rendered_json(json.dumps(values))


def objects(text):
    return [item for item in yaml.safe_load_all(text) if item]


def called(item):
    return f"{item['kind']}/{item['metadata']['name']}"


def pod_of(item):
    """The pod's spec in an object that makes pods, or None."""
    if item["kind"] == "Pod":
        return item["spec"]
    if item["kind"] in ("Deployment", "TodoApp"):
        return item["spec"]["template"]["spec"]
    return None


def images(items):
    """Every image reference, that of the sidecar in the operator's arguments included."""
    for item in items:
        for container in (pod_of(item) or {}).get("containers", []):
            yield container["image"]
            yield from (a.split("=", 1)[1] for a in container.get("args", []) if a.startswith("--queue-proxy-image="))


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree
