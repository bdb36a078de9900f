"""docs/deployment.md: diagrams of components and deployment, made from the synthesised app.

`python -m tests.stacks.deployment_page` writes it; a test fails when it is out of date.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contender.formatting import markdown_table
from tests.stacks.synthesis import PIPELINE, PROJECT_ROOT, synthesise

PAGE = PROJECT_ROOT / "docs" / "deployment.md"
Templates = Mapping[str, Mapping[str, Any]]
Edge = tuple[str, str]

HEAD = """# Components and deployment

What a deployment makes, in the environment `prod` with one pipeline. `dev` has one zone of endpoints and keeps less;
the local cloud deploys the same stacks without endpoints and SQL ([architecture](architecture.md),
[local cloud](local-cloud.md)). (Drawn from the synthesised app by `python -m tests.stacks.deployment_page`.)
"""
STACKS = "An arrow leads to the stack whose resources are used."
TRIGGERS = (
    "A file, a schedule, an event or a request starts a state machine or a function; a queue feeds its function. The "
    "states that a machine goes through are on [States and payloads](reference/states.md)."
)
NETWORK = (
    "The training task alone runs in the VPC, in subnets without a route to the internet; endpoints give it what it "
    "needs. Functions run outside of the VPC and reach AWS services only."
)
SHOWN = ("Bucket", "Table", "Queue", "Function", "StateMachine", "TaskDefinition", "Api", "Topic", "Alarm", "Schedule")
"""Kinds of resources that the table counts; the others come with these: roles, policies, log groups."""
SHAPES = {
    "Bucket": "[({})]",
    "Table": "[({})]",
    "Queue": "[/{}/]",
    "StateMachine": "[[{}]]",
    "Schedule": "([{}])",
    "Rule": "([{}])",
    "Api": "{{{{{}}}}}",
}


def page(templates: Templates) -> str:
    """The page as Markdown with Mermaid diagrams."""
    parts = (
        HEAD.rstrip(),
        *("## Stacks", STACKS, _stacks(templates), _counts(templates)),
        *("## What starts what", TRIGGERS, _triggers(templates)),
        *("## Network", NETWORK, _network(templates)),
    )
    return "\n\n".join(parts) + "\n"


def _title(stack: str) -> str:
    return stack.removeprefix(f"{PIPELINE}-")


def _stacks(templates: Templates) -> str:
    """A node for each stack, an arrow for each stack that it imports from."""
    shared = [stack for stack in templates if not stack.startswith(f"{PIPELINE}-")]
    own = [stack for stack in templates if stack not in shared]
    lines = [
        "flowchart TB",
        "    subgraph environment [once in an environment]",
        *(_stack(s) for s in shared),
        "    end",
    ]
    lines += ["    subgraph pipeline [once for each pipeline]", *(_stack(stack) for stack in own), "    end"]
    used = {(stack, other) for stack, template in templates.items() for other in _imports(template, templates)}
    lines += [f"    {_node(stack)} --> {_node(other)}" for stack, other in sorted(_without_detours(used))]
    return _mermaid(lines)


def _stack(stack: str) -> str:
    return f'        {_node(stack)}["{_title(stack)}"]'


def _imports(template: Mapping[str, Any], templates: Templates) -> set[str]:
    """The stacks whose outputs a template imports."""
    names = set(re.findall(r'"Fn::ImportValue": "contender-\w+-([\w-]+):', json.dumps(template)))
    return {name for name in names if name in templates}


def _without_detours(edges: set[Edge]) -> set[Edge]:
    """The arrows that no chain of others implies."""
    after = {start: {end for first, end in edges if first == start} for start, _ in edges}

    def reached(node: str) -> set[str]:
        return after.get(node, set()).union(*(reached(other) for other in after.get(node, ())))

    return {(a, b) for a, b in edges if not any(b in reached(other) for other in after[a] - {b})}


def _counts(templates: Templates) -> str:
    kinds = {
        stack: Counter(_kind(each) for each in template["Resources"].values()) for stack, template in templates.items()
    }
    rows = []
    for stack, counted in kinds.items():
        shown = ", ".join(f"{counted[kind]} {_plural(kind, counted[kind])}" for kind in SHOWN if counted[kind])
        rows.append((f"`{_title(stack)}`", templates[stack].get("Description", ""), shown or "–", str(counted.total())))
    return markdown_table(("stack", "what", "main resources", "all resources"), rows)


def _plural(kind: str, number: int) -> str:
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", kind).lower()
    if number == 1:
        return words
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _kind(resource: Mapping[str, Any]) -> str:
    return str(resource["Type"]).rpartition("::")[2]


def _name(logical_id: str) -> str:
    """A logical id without the digest at its end, and without what its construct is called."""
    short = re.sub(r"[0-9A-F]{8}$", "", logical_id)
    return re.sub(r"^[A-Za-z]*?Functions|(?<=.)Function$|^Triggers", "", short)


def _triggers(templates: Templates) -> str:
    """Diagrams of one pipeline: rules, schedules, queues and the API, with what each starts."""
    lines = ["flowchart LR"]
    drawn: dict[str, str] = {}
    arrows: list[str] = []
    for stack, template in templates.items():
        resources = template["Resources"]
        for source, target in _starts(resources):
            for logical_id in (source, target):
                drawn[_resource(stack, logical_id)] = _drawn(stack, logical_id, resources[logical_id])
            arrows.append(f"    {_resource(stack, source)} --> {_resource(stack, target)}")
    return _mermaid([*lines, *(f"    {shape}" for shape in drawn.values()), *dict.fromkeys(arrows)])


def _drawn(stack: str, logical_id: str, resource: Mapping[str, Any]) -> str:
    kind = _kind(resource)
    shape = SHAPES.get(kind, "[{}]")
    said = resource["Properties"].get("ScheduleExpression") or _event(resource) or _name(logical_id)
    return f"{_resource(stack, logical_id)}{shape.format(_quoted(said))}"


def _resource(stack: str, logical_id: str) -> str:
    """A resource's node: logical ids end in digests, which would change with a construct's path."""
    return _node(f"{_title(stack)}_{_name(logical_id)}")


def _event(resource: Mapping[str, Any]) -> str:
    """What an event rule waits for."""
    pattern = resource["Properties"].get("EventPattern") if _kind(resource) == "Rule" else None
    if not pattern:
        return ""
    prefixes = [each["prefix"] for each in pattern["detail"].get("object", {}).get("key", ()) if "prefix" in each]
    return f"file in {prefixes[0]}" if prefixes else str(pattern["detail-type"][0])


def _quoted(text: str) -> str:
    return f'"{text}"'


def _starts(resources: Mapping[str, Any]) -> Iterator[Edge]:
    """What starts what in a template."""
    for logical_id, resource in resources.items():
        properties, kind = resource.get("Properties", {}), _kind(resource)
        if kind == "EventSourceMapping":
            yield _target(properties["EventSourceArn"]), _target(properties["FunctionName"])
        elif kind == "Rule":
            for target in properties["Targets"]:
                if found := _target(target["Arn"]):
                    yield logical_id, found
        elif kind == "Schedule" and (found := _target(properties["Target"]["Arn"])) in resources:
            yield logical_id, found
        elif kind == "Integration":
            yield _target(properties["ApiId"]), _target(properties["IntegrationUri"])


def _target(reference: Any) -> str:
    """The logical id that a reference leads to; empty where it leads out of the template."""
    if isinstance(reference, dict):
        ((function, argument),) = reference.items()
        if function == "Ref":
            return str(argument)
        if function == "Fn::GetAtt":
            return str(argument[0])
    return ""


def _network(templates: Templates) -> str:
    resources = templates["training"]["Resources"].values()
    counted = Counter(_kind(resource) for resource in resources)
    endpoints = [each["Properties"] for each in resources if _kind(each) == "VPCEndpoint"]
    lines = [
        "flowchart LR",
        f'    subgraph vpc ["VPC: {counted["Subnet"]} subnets without a route to the internet"]',
        '        task["training task on Fargate"]',
        *(f'        {_node("endpoint" + str(n))}(["{_service(each)}"])' for n, each in enumerate(endpoints)),
        "    end",
        *(f"    task --- {_node('endpoint' + str(n))}" for n in range(len(endpoints))),
        '    machine[["ContinuousTraining"]] -->|runTask| task',
        '    machine --> functions["functions, outside of the VPC"]',
    ]
    return _mermaid(lines)


def _service(endpoint: Mapping[str, Any]) -> str:
    """Which service an endpoint leads to, and in how many zones."""
    name = re.findall(r"[a-z0-9][a-z0-9.]*", json.dumps(endpoint["ServiceName"]))[-1]
    kind = endpoint.get("VpcEndpointType", "Gateway")
    zones = len(endpoint.get("SubnetIds", ()))
    of = f", {zones} {'zone' if zones == 1 else 'zones'}" if kind == "Interface" else ""
    return f"{name}: {kind.lower()} endpoint{of}"


def _node(name: str) -> str:
    return f"n_{re.sub(r'[^A-Za-z0-9]', '_', name)}"


def _mermaid(lines: list[str]) -> str:
    return "\n".join(("```mermaid", *lines, "```"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(synthesise("prod", Path(folder)).templates), "utf-8")
