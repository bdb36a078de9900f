"""The history of champions as a chain: each entry is signed, and holds the digest of the entry before it.

An entry is what its writer gives, with a key `chain`:

    sequence    its number, from 1, without gaps
    follows     the swap id of the entry before; empty for the first
    previous    the digest of the entry before
    sealed      of the first entry only: the digests of entries from before there was a chain, by their swap ids
    digest      sha256 over the pipeline's name, the entry and the keys above, as 64 hexadecimal digits
    signature   over the digest, in base64; empty where nothing signs

Who can write to the table cannot change, remove or reorder entries unseen without the key. The newest entry has none
after it that would miss it: the champion pointer in the model bucket names the newest swaps, and so does each entry.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from contender.ports import HistoryHead
from contender.registry.pointer import Pointer

Entry = Mapping[str, Any]
Sign = Callable[[bytes], bytes]
"""Makes a signature over a sha256 digest."""
VerifySignature = Callable[[bytes, bytes], bool]
"""Whether a signature (the second) was made over a sha256 digest (the first) by the history's key."""

CHAIN = "chain"
_DOMAIN = b"contender: history of champions, 1\n"
"""Before what is digested, so that no signature of something else fits an entry."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with an entry.

    Attributes
    ----------
    kind : altered: its content is not what was signed. missing: it was there, or should be, and is not. reordered: it
        stands after a later one. added: it is not signed, and nothing signed knows it. unsigned: nothing is signed at
        all, or this entry is not. head: the table's note of the newest entry does not fit the entries.
    swap_id : of the entry; empty where it is not known.
    sequence : its number in the chain; None where it has none.
    message : all of it, as a sentence.
    """

    kind: Literal["altered", "missing", "reordered", "added", "unsigned", "head"]
    swap_id: str
    sequence: int | None
    message: str


def linked(
    pipeline: str, entry: Entry, *, head: HistoryHead | None, earlier: Iterable[Entry] = (), sign: Sign | None
) -> dict[str, Any]:
    """The entry as the next one of the chain.

    Parameters
    ----------
    head : the newest entry so far; None where the chain begins with this one.
    earlier : the entries from before there was a chain, which the first one seals.
    sign : None leaves it without a signature.

    >>> first = linked("shop", {"swap_id": "a"}, head=None, earlier=[{"swap_id": "old"}], sign=None)
    >>> second = linked("shop", {"swap_id": "b"}, head=head_of(first), sign=None)
    >>> [first["chain"]["sequence"], second["chain"]["sequence"], second["chain"]["follows"]]
    [1, 2, 'a']
    >>> second["chain"]["previous"] == first["chain"]["digest"], list(first["chain"]["sealed"])
    (True, ['old'])
    """
    chain: dict[str, Any] = {
        "sequence": head.sequence + 1 if head else 1,
        "follows": head.swap_id if head else "",
        "previous": head.digest if head else "",
    }
    if head is None:
        chain["sealed"] = {str(each["swap_id"]): digest_of(pipeline, each) for each in earlier}
    plain = {name: value for name, value in entry.items() if name != CHAIN}
    digest = digest_of(pipeline, plain | {CHAIN: chain})
    signature = base64.b64encode(sign(bytes.fromhex(digest))).decode() if sign else ""
    return plain | {CHAIN: chain | {"digest": digest, "signature": signature}}


def digest_of(pipeline: str, entry: Entry) -> str:
    """The digest that an entry of the pipeline should have; it is over everything but digest and signature."""
    content = dict(entry)
    if isinstance(entry.get(CHAIN), Mapping):
        content[CHAIN] = {name: value for name, value in entry[CHAIN].items() if name not in ("digest", "signature")}
    text = json.dumps([pipeline, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(_DOMAIN + text.encode()).hexdigest()


def head_of(entry: Entry) -> HistoryHead:
    """The entry as the head of its chain."""
    chain = entry[CHAIN]
    return HistoryHead(sequence_of(entry) or 0, str(chain.get("digest", "")), _swap_id(entry))


def in_order(entry: Entry) -> tuple[int, str, str]:
    """The sort key of entries, oldest first; those from before there was a chain come first, by time."""
    return sequence_of(entry) or 0, str(entry.get("swapped_at", "")), _swap_id(entry)


def chain_so_far(entries: Iterable[Entry]) -> tuple[HistoryHead | None, Sequence[Entry]]:
    """The head of the chain, and the entries from before there was one: what `linked` takes, read from all entries."""
    ordered = sorted(entries, key=in_order)
    chained = [entry for entry in ordered if sequence_of(entry) is not None]
    earlier = [entry for entry in ordered if sequence_of(entry) is None]
    return (head_of(chained[-1]) if chained else None), earlier


def verify_history(
    pipeline: str,
    entries: Sequence[Entry],
    *,
    verify_signature: VerifySignature | None,
    head: HistoryHead | None = None,
    pointer: Pointer | None = None,
) -> Sequence[Problem]:
    """Check a whole history; empty if each entry is as it was written, and none is missing.

    Parameters
    ----------
    entries : newest first, as `Ledger.promotions` gives them.
    verify_signature : None where nothing is signed; then only digests are checked.
    head : the table's note of the newest entry; None where there is none.
    pointer : the champion pointer, whose newest swaps have to be in the history; None does not check them.

    >>> entry = linked("shop", {"swap_id": "a", "champion": "v1"}, head=None, sign=None)
    >>> verify_history("shop", [entry], verify_signature=None, head=head_of(entry))
    []
    >>> verify_history("shop", [entry | {"champion": "v2"}], verify_signature=None, head=head_of(entry))[0].kind
    'altered'
    """
    oldest_first = list(reversed(entries))
    chained = [entry for entry in oldest_first if sequence_of(entry) is not None]
    plain = [entry for entry in oldest_first if sequence_of(entry) is None]
    if not chained and head is None:
        return _nothing_chained(plain) + _unrecorded(entries, plain, pointer)
    whole, found = [], []
    for entry in chained:
        problem = _content(pipeline, entry, verify_signature)
        if problem is None or problem.kind == "unsigned":
            whole.append(entry)
        if problem is not None:
            found.append(problem)
    found += _out_of_order(whole)
    whole.sort(key=in_order)
    found += _seal(pipeline, whole, plain)
    # What is altered is not missing.
    named = {each.swap_id for each in found}
    trusted = [entry for entry in (*whole, *plain) if _swap_id(entry) not in named]
    claimed = {each.sequence for each in found if each.kind == "altered" and each.sequence is not None}
    missing = _gaps(whole, head, claimed) + _unrecorded(entries, trusted, pointer)
    found += [each for each in missing if not each.swap_id or each.swap_id not in named]
    return _each_once(found)


def _nothing_chained(plain: Sequence[Entry]) -> list[Problem]:
    if not plain:
        return []
    said = (
        f"none of the {len(plain)} entries is signed: they are from before histories were signed, or the signatures "
        "were removed; the next promotion or rollback seals them"
    )
    return [Problem("unsigned", "", None, said)]


def _content(pipeline: str, entry: Entry, verify_signature: VerifySignature | None) -> Problem | None:
    chain = entry[CHAIN]
    digest = digest_of(pipeline, entry)
    if digest != chain.get("digest"):
        return _problem("altered", entry, "was altered: its content does not give its digest")
    if verify_signature is None:
        return None
    if not chain.get("signature"):
        return _problem("unsigned", entry, "is not signed")
    if not verify_signature(bytes.fromhex(digest), _decoded(chain["signature"])):
        return _problem("altered", entry, "was altered: its signature is not one of the history's key over it")
    return None


def _out_of_order(whole: Sequence[Entry]) -> list[Problem]:
    found: list[Problem] = []
    newest: Entry | None = None
    for entry in whole:
        if newest is not None and head_of(entry).sequence <= head_of(newest).sequence:
            found.append(_problem("reordered", entry, f"stands after {_named(newest)}"))
        else:
            newest = entry
    return found


def _seal(pipeline: str, whole: Sequence[Entry], plain: Sequence[Entry]) -> list[Problem]:
    """What is wrong with the entries that are not in the chain; its first entry knows those from before it."""
    if not whole or sequence_of(whole[0]) != 1:
        said = f"the {len(plain)} entries from before the chain cannot be checked without its first entry"
        return [Problem("unsigned", "", None, said)] if plain else []
    sealed: Mapping[str, str] = whole[0][CHAIN].get("sealed", {})
    there = {_swap_id(entry): entry for entry in plain}
    found = [
        Problem("missing", swap_id, None, f"the entry of swap {swap_id}, from before the chain, was removed")
        for swap_id in sealed
        if swap_id not in there
    ]
    for swap_id, entry in there.items():
        if swap_id not in sealed:
            found.append(_problem("added", entry, "is not signed: it was added by hand, or its signature was removed"))
        elif digest_of(pipeline, entry) != sealed[swap_id]:
            found.append(_problem("altered", entry, "was altered since the first entry of the chain sealed it"))
    return found


def _gaps(whole: Sequence[Entry], head: HistoryHead | None, claimed: set[int]) -> list[Problem]:
    """What is missing before, between and after these entries, and what another entry stood before.

    `claimed` : the numbers of altered entries, which are there.
    """
    found: list[Problem] = []
    before = HistoryHead(0, "", "")
    for entry in whole:
        this, chain = head_of(entry), entry[CHAIN]
        if this.sequence > before.sequence + 1:
            found += _missing(before.sequence + 1, this.sequence - 1, str(chain.get("follows", "")), claimed)
        elif this.sequence == before.sequence + 1 and chain.get("previous") != before.digest:
            found.append(_problem("altered", entry, "does not follow the entry before it: another one stood there"))
        before = this
    if head is None:
        said = "the table's note of the newest entry was removed"
        return [*found, Problem("head", before.swap_id, before.sequence, said)]
    if head.sequence > before.sequence:
        return found + _missing(before.sequence + 1, head.sequence, head.swap_id, claimed)
    if head != before:
        said = f"the table's note of the newest entry names entry {head.sequence} ({head.swap_id}), and the newest is "
        found.append(Problem("head", "", head.sequence, f"{said}entry {before.sequence} ({before.swap_id})"))
    return found


def _missing(first: int, last: int, last_swap: str, claimed: set[int]) -> list[Problem]:
    """Of a gap, the last one's swap is known from what follows it; those before it are named where others know them."""
    found = [Problem("missing", last_swap, last, f"entry {last} (swap {last_swap}) was removed")]
    if last - first > sum(first <= number < last for number in claimed):
        named = f"entry {first} was" if first == last - 1 else f"entries {first} to {last - 1} were"
        found.insert(0, Problem("missing", "", first, f"{named} removed"))
    return found


def _unrecorded(entries: Sequence[Entry], whole: Sequence[Entry], pointer: Pointer | None) -> list[Problem]:
    """Swaps that the pointer, or a whole entry, says have happened, and that have no entry."""
    there = {_swap_id(entry) for entry in entries}
    said_by: dict[str, str] = {}
    for entry in whole:
        past = entry.get("past")
        for swap in past if isinstance(past, list | tuple) else ():
            if isinstance(swap, Mapping) and (swap_id := str(swap.get("swap_id", ""))) not in there:
                said_by.setdefault(swap_id, _named(entry))
    for known in pointer.swaps if pointer else ():
        if known.swap_id not in there:
            said_by[known.swap_id] = "the champion pointer"
    ended = "its entry was removed, or the process that made the swap ended before it could record it"
    return [
        Problem("missing", swap_id, None, f"swap {swap_id} has no entry, but {who} knows it: {ended}")
        for swap_id, who in said_by.items()
    ]


def _each_once(problems: Sequence[Problem]) -> list[Problem]:
    """The problems without those that say the same of the same swap."""
    first: dict[tuple[str, str, int | None], Problem] = {}
    for each in problems:
        first.setdefault((each.kind, each.swap_id, None if each.swap_id else each.sequence), each)
    return list(first.values())


def sequence_of(entry: Entry) -> int | None:
    """An entry's number in the chain; None for one from before there was a chain, or whose chain cannot be read."""
    chain = entry.get(CHAIN)
    number = chain.get("sequence") if isinstance(chain, Mapping) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None


def _problem(kind: Literal["altered", "reordered", "added", "unsigned"], entry: Entry, said: str) -> Problem:
    return Problem(kind, _swap_id(entry), sequence_of(entry), f"{_named(entry)} {said}")


def _named(entry: Entry) -> str:
    number = sequence_of(entry)
    what = f"entry {number}" if number else "the entry from before the chain"
    return f"{what} ({entry.get('kind', 'swap')} at {entry.get('swapped_at', 'an unknown time')}, {_swap_id(entry)})"


def _swap_id(entry: Entry) -> str:
    return str(entry.get("swap_id", ""))


def _decoded(signature: object) -> bytes:
    try:
        return base64.b64decode(str(signature), validate=True)
    except (binascii.Error, ValueError):
        return b""
