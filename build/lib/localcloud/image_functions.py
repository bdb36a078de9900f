"""Replaces image functions in a template by zip functions that call the function host.

The emulator can run image functions only where its own address is open beyond the loopback interface, and only images
that hold AWS's emulator of the runtime interface. So it gets a small function of the same name in their place, and the
image runs beside it, with the runtime interface that AWS has in production (`localcloud/runtime_api.py`).
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from localcloud.image_proxy.proxy import FUNCTION, HOST_FILE, IMAGE

Json = Any
Template = dict[str, Any]

PROXY_FOLDER = Path(__file__).parent / "image_proxy"
PROXY_BUCKET = "contender-local-image-proxy"
PROXY_HANDLER = "proxy.handler"
DEFAULT_TIMEOUT_SECONDS = 3
DEFAULT_MEMORY_MIB = 128
_RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def proxy_key() -> str:
    """The key of the proxy's zip: a hash of its content."""
    return f"{hashlib.sha256((PROXY_FOLDER / 'proxy.py').read_bytes()).hexdigest()}.zip"


def has_image_functions(template: Template) -> bool:
    """Whether a template has functions that run from an image."""
    return any(_is_image_function(resource) for resource in template.get("Resources", {}).values())


def with_proxies(template: Template, host_file: Path) -> Template:
    """A template whose image functions are proxies; `host_file` says where the function host listens."""
    resources = {
        name: _proxied(resource, host_file) if _is_image_function(resource) else resource
        for name, resource in template.get("Resources", {}).items()
    }
    return {**template, "Resources": resources}


def _is_image_function(resource: Json) -> bool:
    return bool(resource["Type"] == "AWS::Lambda::Function" and resource["Properties"].get("PackageType") == "Image")


def _proxied(resource: Json, host_file: Path) -> Json:
    properties = dict(resource["Properties"])
    image = properties.pop("Code")["ImageUri"]
    configuration = properties.pop("ImageConfig", {})
    variables = properties.get("Environment", {}).get("Variables", {})
    function = {
        "entry_point": configuration.get("EntryPoint", []),
        "command": configuration.get("Command", []),
        "memory_mib": properties.get("MemorySize", DEFAULT_MEMORY_MIB),
        "timeout_seconds": properties.get("Timeout", DEFAULT_TIMEOUT_SECONDS),
        "variables": sorted(variables),
    }
    properties |= {
        "PackageType": "Zip",
        "Code": {"S3Bucket": PROXY_BUCKET, "S3Key": proxy_key()},
        "Handler": PROXY_HANDLER,
        "Runtime": _RUNTIME,
        "Environment": {
            "Variables": {
                **variables,
                HOST_FILE: str(host_file),
                FUNCTION: json.dumps(function, sort_keys=True),
                IMAGE: image,
            }
        },
    }
    return {**resource, "Properties": properties}
