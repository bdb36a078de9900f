"""A page read by a parser that complains about what browsers forgive."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "input", "col"}


class Reader(HTMLParser):
    """Keeps what the page is made of, and complains when tags do not close in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.described: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        assert not [name for name in given if name.startswith("on")]
        self.ids += [given["id"] or ""] if "id" in given else []
        self.described += (given.get("aria-labelledby") or "").split()
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def stands_alone(text: str) -> Reader:
    """The page, read: well formed, running nothing, asking nobody, and each picture has a name that is there once."""
    found = read(text)
    assert not found.tags & {"script", "link", "iframe", "object", "embed", "img", "form"}
    assert found.links == []
    assert not re.search(r"https?:|url\(|@import", text)
    assert len(found.ids) == len(set(found.ids))
    assert set(found.described) == set(found.ids)
    return found
