"""What sessions of boto3 share is what each would have found by itself."""

from __future__ import annotations

import pytest
from botocore.hooks import EventAliaser, HierarchicalEmitter

from localcloud import descriptions


@pytest.mark.parametrize("event", ["creating-client-class.iot-data", "before-call.elasticloadbalancing", "needs-retry"])
def test_events_have_the_names_that_botocore_finds_and_emitters_with_other_aliases_theirs(event: str) -> None:
    usual = object.__new__(EventAliaser)
    descriptions._begin(usual, HierarchicalEmitter())
    expected = usual._alias_event_name(event)
    for _ in range(2):
        shared = object.__new__(EventAliaser)
        descriptions.begin_with_names(shared, HierarchicalEmitter())
        assert shared._alias_event_name(event) == expected
    other = object.__new__(EventAliaser)
    descriptions.begin_with_names(other, HierarchicalEmitter(), {event.split(".", maxsplit=1)[0]: "mine"})
    assert other._alias_event_name(event).startswith("mine")
    assert shared._alias_event_name(event) == expected
