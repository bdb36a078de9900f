"""Prints what TensorBoard reads in a folder of event files; run in TensorBoard's own environment."""

from __future__ import annotations

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1])
events.Reload()
tags = events.Tags()
scalars = {
    name: [(found.step, found.value, found.wall_time) for found in events.Scalars(name)] for name in tags["scalars"]
}
images = {name: [(image.width, image.height) for image in events.Images(name)] for name in tags["images"]}
json.dump({"scalars": scalars, "images": images}, sys.stdout)
