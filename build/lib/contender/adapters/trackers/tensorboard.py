"""Writes a model version's metrics as TensorBoard event files, with tensorboardX."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from contender.tracking.run_facts import RunFiles, points


def write_events(folder: Path, run: RunFiles, pictures: Mapping[str, bytes]) -> None:
    """Write one event file: every figure as a scalar at its step, every picture (PNG) as an image.

    What an earlier call left in the folder is replaced: TensorBoard would show both.
    """
    # Takes a second to import, and no other command needs it.
    from tensorboardX import SummaryWriter  # noqa: PLC0415
    from tensorboardX.proto.summary_pb2 import Summary  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    created = str((run.manifest or {}).get("created_at", ""))
    when = datetime.fromisoformat(created).timestamp() if created else None
    with SummaryWriter(str(folder)) as writer:
        for point in points(run):
            writer.add_scalar(point.name, point.value, point.step, walltime=when)
        for name, body in pictures.items():
            image = Summary.Image(
                encoded_image_string=body, height=_side(body, 20), width=_side(body, 16), colorspace=4
            )
            value = Summary.Value(tag=f"plots/{name.removesuffix('.png')}", image=image)
            writer.file_writer.add_summary(Summary(value=[value]), 0, walltime=when)


def _side(png: bytes, start: int) -> int:
    """A PNG's width or height, from its header.

    >>> _side(bytes(16) + b"\\x00\\x00\\x02\\xc0", 16)
    704
    """
    return int.from_bytes(png[start : start + 4], "big")
