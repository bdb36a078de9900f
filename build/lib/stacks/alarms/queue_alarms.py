"""The alarms on queues: messages that wait too long, and messages that nobody could handle."""

from __future__ import annotations

from stacks.alarms.maker import ABOVE, SILENCE_CHANGES_NOTHING, AlarmMaker
from stacks.pipeline_metrics import PipelineMetrics


class QueueAlarms:
    """Tickets about the triggers' dead letters and about the queues behind serving.

    The metrics of a quiet queue come late or not at all. So a gap that is filled never decides alone, and a message
    that was seen is there until a metric says that it is gone.
    """

    def __init__(self, make: AlarmMaker, *, shared: PipelineMetrics) -> None:
        make.alarm(
            "undelivered-triggers",
            shared.undelivered,
            threshold=0,
            operator=ABOVE,
            silence=SILENCE_CHANGES_NOTHING,
            of_points=3,
        )
        make.alarm("unhandled-messages", shared.unhandled(), threshold=0, operator=ABOVE, points=1, of_points=3)
        make.alarm("queue-age", shared.queue_age(), threshold=1, points=2, of_points=3)
