"""The history of champions: what was altered, removed or reordered is found, and named; what was not is left alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.aws.public_key import check_with
from contender.ports import HistoryHead
from contender.registry.history import CHAIN, Problem, Sign, chain_so_far, head_of, linked, verify_history
from contender.registry.pointer import PastSwap, Pointer
from tests.fakes import MemoryLedger

Entries = list[dict[str, Any]]
KEY, THEIRS = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
PUBLIC = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
CHECK = check_with(PUBLIC)


def signer(key: ec.EllipticCurvePrivateKey) -> Sign:
    return lambda digest: key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def swap(number: int) -> dict[str, Any]:
    """What a swap writes, with the swaps that its pointer remembers."""
    past = [{"swap_id": f"s{n}", "champion": f"v{n}"} for n in range(max(number - 8, 1), number)]
    at = f"2026-01-01T00:{number // 60:02}:{number % 60:02}+00:00"
    return {"swap_id": f"s{number}", "swapped_at": at, "champion": f"v{number}", "kind": "promotion", "past": past}


def history(signed: int, before: int = 0, *, sign: Sign | None = None) -> tuple[Entries, HistoryHead | None]:
    """Entries newest first, of which so many are from before there was a chain; and the table's note."""
    entries: Entries = [swap(number + 1) for number in range(before)]
    head: HistoryHead | None = None
    for number in range(before, before + signed):
        entries.append(linked("shop", swap(number + 1), head=head, earlier=entries, sign=sign or signer(KEY)))
        head = head_of(entries[-1])
    return entries[::-1], head


def pointer_after(entries: int) -> Pointer:
    past = tuple(PastSwap(f"s{n}", f"v{n}") for n in range(max(entries - 8, 1), entries))
    newest = f"s{entries}"
    return Pointer("shop", f"v{entries}", "sha", "run", 1, newest, "2026-01-01", "better", past=past)


def check(entries: Sequence[dict[str, Any]], head: HistoryHead | None, of: int | None = None) -> Sequence[Problem]:
    pointer = pointer_after(of) if of else None
    return verify_history("shop", entries, verify_signature=CHECK, head=head, pointer=pointer)


def named(problems: Sequence[Problem]) -> set[str]:
    return {problem.swap_id for problem in problems}


sizes = st.tuples(st.integers(1, 12), st.integers(0, 3))
values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.just([]), st.just({"a": 1}))


@given(sizes)
def test_a_history_as_it_was_written_has_no_problem(size: tuple[int, int]) -> None:
    entries, head = history(*size)
    read_back = json.loads(json.dumps(entries))
    assert list(check(read_back, head, sum(size))) == []


@given(sizes, st.data())
def test_one_altered_value_anywhere_is_found_and_only_its_entry_is_named(
    size: tuple[int, int], data: st.DataObject
) -> None:
    entries, head = history(*size)
    entry = data.draw(st.sampled_from(entries))
    place = entry[CHAIN] if CHAIN in entry and data.draw(st.booleans()) else entry
    field, swap_id = data.draw(st.sampled_from(sorted(place))), entry["swap_id"]
    value = data.draw(values.filter(lambda value: json.dumps(value) != json.dumps(place[field])))
    place[field] = value
    problems = check(entries, head, sum(size))
    assert named(problems) & {swap_id, str(entry["swap_id"])}
    if place is entry and field != CHAIN:  # a first entry that is altered cannot vouch for those it seals
        assert named(problems) <= {swap_id, str(entry["swap_id"]), ""}


@given(sizes, st.data())
def test_each_of_the_entries_that_were_removed_is_named_also_the_newest(
    size: tuple[int, int], data: st.DataObject
) -> None:
    entries, head = history(*size)
    gone = data.draw(st.sets(st.sampled_from([entry["swap_id"] for entry in entries]), min_size=1, max_size=4))
    left = [entry for entry in entries if entry["swap_id"] not in gone]
    problems = check(left, head, sum(size))
    assert gone <= named(problems)
    assert {p.kind for p in problems} <= {"missing", "unsigned"}


@given(st.integers(2, 12), st.data())
def test_an_entry_that_stands_after_a_later_one_is_named(size: int, data: st.DataObject) -> None:
    entries, head = history(size)
    place = data.draw(st.integers(0, size - 2))
    later, earlier = entries[place], entries[place + 1]
    entries[place], entries[place + 1] = earlier, later
    problem, *more = check(entries, head, size)
    assert (problem.kind, problem.swap_id, more) == ("reordered", earlier["swap_id"], [])


def test_who_takes_the_newest_away_and_changes_the_tables_note_is_given_away_by_the_pointer() -> None:
    entries, _ = history(5)
    left = entries[1:]
    (problem,) = check(left, head_of(left[0]), of=5)
    assert (problem.kind, problem.swap_id) == ("missing", "s5")
    assert "the champion pointer knows it" in problem.message


def test_a_removal_is_still_found_when_the_chain_was_continued_over_it() -> None:
    """Each entry is signed with the swaps that its pointer remembered."""
    entries, _ = history(4)
    left = entries[1:]
    continued = linked("shop", swap(5), head=head_of(left[0]), sign=signer(KEY))
    problems = check([continued, *left], head_of(continued), of=5)
    assert named(problems) == {"s4"}


def test_a_whole_chain_made_with_another_key_is_refused_entry_by_entry() -> None:
    entries, head = history(4, sign=signer(THEIRS))
    problems = check(entries, head, of=4)
    assert {(p.kind, p.swap_id) for p in problems} == {("altered", f"s{n}") for n in range(1, 5)}
    assert "its signature is not one of the history's key" in problems[0].message


def test_an_entry_of_another_pipeline_fits_nowhere() -> None:
    other = linked("bikes", swap(1), head=None, sign=signer(KEY))
    problems = check([other], head_of(other))
    assert [(p.kind, p.swap_id) for p in problems][:1] == [("altered", "s1")]


def test_entries_from_before_the_chain_are_sealed_by_its_first() -> None:
    entries, head = history(2, before=3)
    assert list(check(entries, head, of=5)) == []
    altered = [entry | ({"reason": "other"} if entry["swap_id"] == "s2" else {}) for entry in entries]
    assert [(p.kind, p.swap_id) for p in check(altered, head, of=5)] == [("altered", "s2")]
    added = [*entries, swap(9)]
    assert [(p.kind, p.swap_id) for p in check(added, head, of=5) if p.kind != "missing"] == [("added", "s9")]


def test_an_entry_whose_chain_was_taken_off_does_not_pass_for_an_old_one() -> None:
    entries, head = history(4, before=1)
    stripped = [{k: v for k, v in e.items() if k != CHAIN or e["swap_id"] != "s3"} for e in entries]
    assert [(p.kind, p.swap_id) for p in check(stripped, head, of=5)] == [("added", "s3")]


def test_a_history_without_any_signature_says_so_and_who_only_has_digests_checks_them() -> None:
    plain, _ = history(0, before=3)
    (problem,) = check(plain, None, of=3)
    assert (problem.kind, "none of the 3 entries is signed" in problem.message) == ("unsigned", True)
    unsigned, head = history(3, sign=lambda digest: b"")
    assert [p.kind for p in check(unsigned, head, of=3)] == ["unsigned"] * 3
    assert list(verify_history("shop", unsigned, verify_signature=None, head=head)) == []


def test_a_note_of_the_newest_entry_that_is_gone_or_wrong_is_named() -> None:
    entries, head = history(3)
    assert [p.kind for p in check(entries, None, of=3)] == ["head"]
    assert head is not None
    assert [p.kind for p in check(entries, HistoryHead(2, head.digest, "s2"), of=3)] == ["head"]
    (far,) = [p for p in check(entries, HistoryHead(10**12, "", "s"), of=3) if not p.swap_id]
    assert "entries 4 to 999999999999 were removed" in far.message


def test_an_empty_history_of_a_pipeline_without_champion_is_whole() -> None:
    assert list(verify_history("shop", [], verify_signature=CHECK)) == []
    assert chain_so_far([]) == (None, [])


def test_the_public_key_of_another_kind_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    from contender.errors import InvalidInputError

    key = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(InvalidInputError, match="must be on an elliptic curve"):
        check_with(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@given(st.lists(st.integers(1, 6), max_size=12))
def test_whatever_is_appended_in_whatever_order_and_however_often_the_ledger_holds_one_whole_chain(
    swaps: list[int],
) -> None:
    ledger = MemoryLedger(sign=signer(KEY))
    for number in swaps:
        ledger.append_promotion("shop", swap(number) | {"past": []})
    found = ledger.promotions("shop")
    assert sorted(entry["swap_id"] for entry in found) == sorted({f"s{number}" for number in swaps})
    head = ledger.history_head("shop")
    assert list(verify_history("shop", found, verify_signature=CHECK, head=head)) == []
