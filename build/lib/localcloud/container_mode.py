"""Container mode of the local cloud: engine, images, clean-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from localcloud.assembly import StackTemplate
from localcloud.engine import DockerEngine, workspace_labels
from localcloud.images import build_images, check_reach
from localcloud.state import Workspace

OnEvent = Callable[[str], None]


def check() -> None:
    """See that there is an engine.

    Raises
    ------
    NoEngineError
        When none answers; the message says what to do.
    """
    DockerEngine().check()


def prepare(workspace: Workspace, stacks: Sequence[StackTemplate], *, endpoint_url: str, on_event: OnEvent) -> None:
    """Build the images of these stacks that are not there yet, and see that a container reaches the emulator.

    Raises
    ------
    ImageError
        When an image cannot be built, or does not run.
    """
    engine = DockerEngine()
    tags = build_images(engine, [image for stack in stacks for image in stack.images], on_event)
    for tag in tags:
        on_event("Testing the training image")
        workspace.functions.mkdir(parents=True, exist_ok=True)
        check_reach(
            engine,
            tag,
            endpoint_url=endpoint_url,
            labels=workspace_labels(workspace.root),
            log_file=workspace.functions / "reach.log",
        )


def clean_up(workspace: Workspace) -> None:
    """Remove containers of this project that nobody looks after any more; where it never had any, nothing is asked."""
    if workspace.function_host.exists():
        DockerEngine().remove_all(workspace_labels(workspace.root))
        workspace.function_host.unlink(missing_ok=True)
