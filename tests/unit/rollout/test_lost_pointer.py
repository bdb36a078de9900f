"""A pointer that is gone is told from one that never was, and comes back to the newest champion that is whole."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError, LostPointerError, NotFoundError
from contender.registry.pointer import pointer_key, read_pointer, require_pointer
from contender.registry.versions import MANIFEST, ModelRegistry
from contender.rollout.lost_pointer import check_not_lost, restore_pointer
from contender.rollout.rollback import undo_newest
from contender.rollout.swap_history import history_entry
from tests.fakes import Fault, MemoryLedger, MemoryObjects
from tests.models import crown

NOW = "2026-02-01T00:00:00+00:00"


class Shop:
    """A pipeline whose versions were champions one after the other."""

    def __init__(self, *versions: str) -> None:
        self.objects, self.ledger = MemoryObjects(), MemoryLedger()
        self.registry = ModelRegistry(self.objects, "shop")
        for day, version in enumerate(versions, start=1):
            crown(self.objects, self.registry.write({"version": version, "pipeline": "shop"}, {}))
            found = read_pointer(self.objects, "shop")
            assert found is not None
            entry = history_entry(
                found.pointer, kind="promotion", now=f"2026-01-{day:02}T00:00:00+00:00", reason="better", run_id="r"
            )
            self.ledger.append_promotion("shop", entry)

    def lose(self) -> None:
        self.objects.remove(pointer_key("shop"))

    def restore(self) -> str:
        return restore_pointer(self.registry, self.ledger, now=NOW, by="ann").champion

    def check(self) -> None:
        check_not_lost(read_pointer(self.objects, "shop"), self.ledger, "shop", environment="prod")


def test_a_pipeline_that_never_had_a_champion_has_lost_none() -> None:
    shop = Shop()
    shop.check()
    with pytest.raises(InvalidInputError, match="never had a champion"):
        shop.restore()


def test_who_reads_only_the_bucket_tells_a_lost_pointer_too() -> None:
    never, lost = Shop(), Shop("v1", "v2")
    lost.lose()
    with pytest.raises(NotFoundError, match="shop has no champion yet") as early:
        require_pointer(never.objects, "shop")
    assert not isinstance(early.value, LostPointerError)
    with pytest.raises(
        LostPointerError, match=r"champions since 2026-01-01.*contender champion --restore --pipeline shop"
    ):
        require_pointer(lost.objects, "shop")
    lost.restore()
    assert require_pointer(lost.objects, "shop").pointer.champion == "v2"


def test_a_first_champion_whose_mark_was_not_written_is_marked_by_the_next_one() -> None:
    shop = Shop()
    model = shop.registry.write({"version": "v1", "pipeline": "shop"}, {})
    shop.objects.faults.extend([None, Fault.LOST_AND_GONE])
    crown(shop.objects, model)
    shop.lose()
    with pytest.raises(NotFoundError, match="no champion yet"):
        require_pointer(shop.objects, "shop")
    crown(shop.objects, model)
    shop.lose()
    with pytest.raises(LostPointerError):
        require_pointer(shop.objects, "shop")


def test_a_pointer_that_is_gone_is_named_with_the_champion_and_what_to_type() -> None:
    shop = Shop("v1", "v2")
    shop.check()
    shop.lose()
    with pytest.raises(
        LostPointerError,
        match=r"v2 was champion since 2026-01-02.*contender champion --restore --pipeline shop --env prod",
    ):
        shop.check()


def test_the_newest_champion_comes_back_with_its_predecessor_and_a_line_in_the_history() -> None:
    shop = Shop("v1", "v2")
    shop.lose()
    assert shop.restore() == "v2"
    found = read_pointer(shop.objects, "shop")
    assert found is not None
    assert (found.pointer.previous, found.pointer.reason) == ("v1", "restored: the pointer was lost. Before: better")
    newest = shop.ledger.promotions("shop")[0]
    assert (newest["kind"], newest["by"], newest["champion"]) == ("restored", "ann", "v2")
    shop.check()
    assert (
        undo_newest(
            shop.objects,
            shop.ledger,
            pipeline="shop",
            swap_id="undo",
            run_id="undo",
            reason="bad",
            by="ann",
            by_person=True,
            within_hours=24,
            now=datetime.fromisoformat(NOW),
            rang_at="",
        ).rollback.champion
        == "v1"
    )


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_version_that_is_not_what_was_promoted_is_passed_over(damage: str) -> None:
    shop = Shop("v1", "v2")
    shop.lose()
    key = shop.registry.key("v2", MANIFEST)
    if damage == "gone":
        shop.objects.remove(key)
    else:
        shop.objects.put(key, b"{}")
    assert shop.restore() == "v1"


def test_where_no_version_is_whole_nothing_is_restored_and_the_reason_says_why() -> None:
    shop = Shop("v1")
    shop.lose()
    shop.objects.remove(shop.registry.key("v1", MANIFEST))
    with pytest.raises(NotFoundError, match="no champion of shop can be restored; the newest: "):
        shop.restore()
    assert read_pointer(shop.objects, "shop") is None


def test_a_pointer_that_is_there_is_never_replaced() -> None:
    shop = Shop("v1")
    with pytest.raises(InvalidInputError, match="there is nothing to restore"):
        shop.restore()


@given(st.lists(st.sampled_from(["v1", "v2", "v3"]), min_size=1, max_size=6))
def test_restoring_gives_the_champion_that_was_there_before_the_loss(order: list[str]) -> None:
    shop = Shop(*[f"{version}-{place}" for place, version in enumerate(order)])
    before = read_pointer(shop.objects, "shop")
    assert before is not None
    shop.lose()
    assert shop.restore() == before.pointer.champion
