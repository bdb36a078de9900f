"""The queues' metrics, sampled.

SQS sends its metrics once a minute; here they are taken whenever a queue is looked at, at the clock of whoever looks,
so that messages grow old with a clock that is put forward. Approximated: on AWS a queue that nobody uses for six hours
has no metrics, and a message that was received three times without being deleted does not count for the age.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from localcloud.metrics.samples import Metric, Sample

NAMESPACE = "AWS/SQS"
OLDEST_SENT = "OldestMessageSentTimestamp"
"""The emulator's own attribute (`localcloud/ministack_metrics.py`): when the oldest message was sent, milliseconds."""
COUNTS = {
    "ApproximateNumberOfMessages": "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}


def read_queue(name: str, attributes: Mapping[str, str], *, now: float) -> Sequence[Sample]:
    """The samples of a queue by its attributes.

    Examples
    --------
    >>> found = read_queue("log", {"ApproximateNumberOfMessages": "2", OLDEST_SENT: "40000"}, now=100.0)
    >>> [(each.metric.name, each.value) for each in found]
    [('ApproximateNumberOfMessagesVisible', 2.0), ('ApproximateAgeOfOldestMessage', 60.0)]
    """
    values = {metric: float(attributes[attribute]) for attribute, metric in COUNTS.items() if attribute in attributes}
    sent = attributes.get(OLDEST_SENT)
    values["ApproximateAgeOfOldestMessage"] = max(0.0, now - float(sent) / 1000) if sent else 0.0
    return [Sample(Metric.of(NAMESPACE, each, {"QueueName": name}), now, value) for each, value in values.items()]
