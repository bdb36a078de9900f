"""A mail fits: whatever it is made of, its subject is short, its body is fifteen lines, and nothing is refused."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from contender.mails.mail import BODY_LINES, LINE_CHARACTERS, SUBJECT_CHARACTERS, Content, Link, compose, cut

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=st.characters(), min_size=1, max_size=4).map(lambda few: few * 3000),
    st.sampled_from(["a\nb\r\nc.csv", "**bold** `code`", "\ud800", "\u2028", "🎉" * 200, "x" * 10_240, "\x00\x1b[31m"]),
)
SOME = st.lists(HOSTILE, max_size=6)


@given(
    st.builds(
        Content,
        fact=HOSTILE,
        happened=HOSTILE,
        since=HOSTILE,
        evidence=SOME,
        done=HOSTILE,
        steps=SOME,
        links=st.lists(st.builds(Link, st.just("Run"), HOSTILE), max_size=6),
    ),
    HOSTILE,
)
def test_a_mail_fits_whatever_it_is_made_of(content: Content, name: str) -> None:
    mail = compose(content, "page", environment="prod", pipeline=name)
    assert mail.subject.startswith("[page] prod")
    assert len(mail.subject.encode("utf-16-le")) // 2 <= SUBJECT_CHARACTERS < 100
    lines = mail.body.split("\n")
    assert len(lines) <= BODY_LINES
    assert all(len(line.encode("utf-16-le")) // 2 <= LINE_CHARACTERS for line in lines)
    for text in (mail.subject, *lines):
        text.encode()  # no half of a character
        assert not any(unicodedata.category(each).startswith(("C", "Zl", "Zp")) for each in text)
        assert "**" not in text
        assert "`" not in text


@given(HOSTILE)
def test_what_is_cut_off_shows(text: str) -> None:
    found = cut(text, 50)
    assert len(found) <= 50
    assert found == cut(found, 50)


def test_a_short_text_stays_as_it_is() -> None:
    assert cut("38 % of predictions fail since 03:04 UTC, rolled back to v1", 99) == (
        "38 % of predictions fail since 03:04 UTC, rolled back to v1"
    )


def test_more_evidence_than_fits_is_counted() -> None:
    mail = compose(Content("f", "h", evidence=list("abcde")), "info", environment="dev", pipeline="shop")
    assert "\n- c (and 2 more)\n" in mail.body
