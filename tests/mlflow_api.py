"""What an MLflow server has, asked as its pages ask: through its REST API."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote


def ask(address: str, path: str, body: Any = None) -> Any:
    """What MLflow's REST API answers."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{address}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def runs(address: str, title: str) -> list[Any]:
    experiment = ask(address, f"experiments/get-by-name?experiment_name={title}")["experiment"]["experiment_id"]
    found = ask(address, "runs/search", {"experiment_ids": [experiment], "order_by": ["attributes.start_time ASC"]})
    return list(found["runs"])


def named(entries: list[Any]) -> dict[str, Any]:
    return {entry["key"]: entry["value"] for entry in entries}


def files(address: str, run: Any, folder: str) -> set[str]:
    listed = ask(address, f"artifacts/list?run_id={run['info']['run_id']}&path={folder}")
    return {Path(found["path"]).name for found in listed["files"]}


def versions(address: str, title: str) -> list[Any]:
    """The registered versions of one title; to list those of all takes the server longest."""
    condition = quote(f"name='{title}'")
    return list(ask(address, f"model-versions/search?filter={condition}").get("model_versions", ()))


def aliases(address: str, title: str) -> dict[str, str]:
    """Our version by alias."""
    model = ask(address, f"registered-models/get?name={title}")["registered_model"]
    ours = {found["version"]: named(found["tags"])["contender.version"] for found in versions(address, title)}
    return {found["alias"]: ours[found["version"]] for found in model.get("aliases", [])}
