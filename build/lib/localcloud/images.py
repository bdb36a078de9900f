"""The image assets of an assembly, built as `cdk deploy` would build them: each content once, under the name that the
templates give it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.emulator import HEALTH_PATH
from localcloud.engine import Container, ContainerSpec, DockerEngine, Engine
from localcloud.errors import EngineError, ImageError

REACH_SECONDS = 60.0
LINE_CHARACTERS = 90
# What a build may need to reach a package index from here, by the names under which pip and Docker know it.
BUILD_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")

OnEvent = Callable[[str], None]


@dataclass(frozen=True)
class ImageAsset:
    """An image that templates name by `tag`; the tag's end is a hash of what it is built from."""

    context: Path
    dockerfile: str
    tag: str
    arguments: tuple[tuple[str, str], ...] = ()


def build_images(engine: DockerEngine, images: Iterable[ImageAsset], on_event: OnEvent) -> tuple[str, ...]:
    """Build what the engine does not have; the tags of all.

    Raises
    ------
    ImageError
        When one cannot be built; the message carries what the engine said.
    """
    found = {image.tag: image for image in images}
    for tag, image in found.items():
        if engine.image_id(tag):
            continue
        on_event("Building the training image (some minutes; cached until its content changes)")
        arguments = {**build_arguments(os.environ), **dict(image.arguments)}
        try:
            engine.build(
                image.context,
                image.dockerfile,
                tag,
                arguments=arguments,
                on_line=lambda line: on_event(f"Building the training image: {line[:LINE_CHARACTERS]}"),
            )
        except EngineError as error:
            raise ImageError(
                f"{error}\nWithout a registry, build the base image with localcloud/base_image.sh; without a "
                "package index, set PIP_INDEX_URL to a mirror"
            ) from error
    return tuple(found)


def build_arguments(inherited: Mapping[str, str]) -> dict[str, str]:
    """Build arguments that let a build reach what this machine reaches: pip's index, and proxies."""
    arguments = {name: inherited[name] for name in BUILD_VARIABLES if inherited.get(name)}
    index = inherited.get("PIP_INDEX_URL") or _configured_index()
    return {**arguments, "PIP_INDEX_URL": index} if index else arguments


def check_reach(engine: Engine, tag: str, *, endpoint_url: str, labels: Mapping[str, str], log_file: Path) -> None:
    """Start the image once, and see that it reaches the emulator.

    Raises
    ------
    ImageError
        When it does not start, or the emulator does not answer it.
    """
    program = f"import urllib.request as u; u.build_opener(u.ProxyHandler({{}})).open({endpoint_url + HEALTH_PATH!r})"
    spec = ContainerSpec(
        image=tag,
        name=f"contender-reach-{secrets.token_hex(6)}",
        labels=labels,
        entry_point=("python", "-c", program),
        health_check=False,
    )
    log_file.write_text("", "utf-8")
    try:
        container: Container = engine.run(spec, log_file)
    except EngineError as error:
        raise ImageError(f"the training image does not start: {error}") from error
    try:
        container.wait(REACH_SECONDS)
        ended = container.ended
    finally:
        container.remove()
    if ended is None or ended.exit_code != 0:
        said = log_file.read_text("utf-8", errors="replace").strip().splitlines()
        raise ImageError(
            f"a container does not reach the emulator at {endpoint_url} ({said[-1] if said else 'no answer'}); "
            "containers share this machine's network, which Docker Desktop does only where Settings → Resources → "
            "Network → Enable host networking is on"
        )


def _configured_index() -> str:
    """The index that pip's configuration names; empty where it names none."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
