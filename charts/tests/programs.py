"""The chart and the programs that it starts."""

import re

from tests.chart import CHARTS, check, objects, pod_of, template


def check_flags():
    """The programs know every flag and variable that the chart gives them, and get those that have no default."""
    tls = ("--set", "activator.tls.enabled=true,activator.tls.redirect=true,activator.tls.defaultSecret=a,activator.tls.namespaces={b},activator.accessLog.ratio=1,activator.accessLog.query=true")
    for item in objects(template()) + objects(template(*tls)):
        if item["kind"] != "Deployment":
            continue
        [container] = pod_of(item)["containers"]
        source = (CHARTS.parent / container["name"] / "src/args.rs").read_text()
        known = re.findall(r'#\[arg\(long, env = "(\w+)"(.*)\)\]\s+pub(?:\(crate\))? (\w+): (\w+)', source)
        check(known, f"{container['name']}: no flag found in args.rs")
        flags = {"--" + field.replace("_", "-"): variable for variable, _, field, _ in known}
        given = {argument.split("=")[0] for argument in container["args"]}
        check(given <= set(flags), f"{container['name']} does not know {given - set(flags)}")
        # One of them is the C library's.
        variables = {entry["name"] for entry in container["env"]} - {"MALLOC_ARENA_MAX"}
        check(variables <= set(flags.values()), f"{container['name']} does not know {variables - set(flags.values())}")
        optional = ("Option", "Vec", "bool")
        needed = {variable for variable, rest, _, kind in known if "default" not in rest and kind not in optional}
        got = variables | {flags[flag] for flag in given & set(flags)}
        check(needed <= got, f"{container['name']} is not told {needed - got}")
