"""The next version of the chart, and the files that are made from it."""

import pathlib
import shutil
import tempfile

import yaml

from tests.chart import CHART, CHARTS, called, check, images, objects, template

MANIFESTS = CHARTS.parent / "manifests"
CRD_BYTES_MAX = 200_000


def check_next_version():
    """Selectors and the labels of pods are the same in another version of the chart; one registry moves every image."""
    with tempfile.TemporaryDirectory() as folder:
        other = pathlib.Path(folder) / "todoapp"
        shutil.copytree(CHART, other)
        meta = yaml.safe_load((other / "Chart.yaml").read_text()) | {"version": "9.9.9", "appVersion": "9.9.9"}
        (other / "Chart.yaml").write_text(yaml.safe_dump(meta))
        new = objects(template(chart=other))
    for before, after in zip(objects(template()), new, strict=True):
        if before["kind"] == "Deployment":
            check(before["spec"]["selector"] == after["spec"]["selector"], f"{called(before)}: selector has the version in it")
            labels = [i["spec"]["template"]["metadata"] for i in (before, after)]
            check(labels[0] == labels[1], f"{called(before)}: the pods' labels have the version in them")
        if before["kind"] == "Service":
            check(before["spec"].get("selector") == after["spec"].get("selector"), f"{called(before)}: selector")
    moved = list(images(objects(template("--set", "image.registry=registry.example/team"))))
    check(len(moved) >= 5 and all(i.startswith("registry.example/team/") for i in moved), f"images elsewhere: {moved}")


def check_generated():
    """The CRDs are those of the types, and the manifests are complete and in an order that can be applied."""
    rendered = {i["metadata"]["name"]: i for i in objects(template()) if i["kind"] == "CustomResourceDefinition"}
    for file in sorted((MANIFESTS / "crds").glob("*.yaml")):
        data = file.read_bytes()
        check(len(data) < CRD_BYTES_MAX, f"{file.name}: {len(data)} bytes")
        check((CHART / "files/crds" / file.name).read_bytes() == data, f"{file.name}: the chart has another one")
        crd = rendered.pop(file.stem, {"metadata": {}})
        annotations = crd["metadata"].pop("annotations", {})
        check(annotations == {"helm.sh/resource-policy": "keep"}, f"{file.name}: annotations {annotations}")
        check(crd == yaml.safe_load(data), f"{file.name}: rendered as something else")
    check(not rendered, f"CRDs that are not in manifests: {list(rendered)}")
    manifests = objects((MANIFESTS / "install.yaml").read_text())
    expected = objects(template("--skip-tests"))
    check(manifests[0]["kind"] == "Namespace", "install.yaml does not begin with the namespace")
    check(manifests[1:] == expected, "install.yaml is not what the chart renders: run charts/generate")
    check(not any("helm.sh/hook" in i["metadata"].get("annotations", {}) for i in manifests), "install.yaml has a hook")
