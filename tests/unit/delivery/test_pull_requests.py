"""A pull request has one comment of each kind, and a title that says what changes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from delivery.errors import DeliveryError
from delivery.pull_requests import comment
from delivery.titles import complaint


class Gh:
    """GitHub's comments of one pull request, asked as `gh api` asks."""

    def __init__(self) -> None:
        self.comments: dict[int, str] = {1: "a person's words"}

    def __call__(self, arguments: Sequence[str], text: str) -> str:
        if "--paginate" in arguments:
            return "\n".join(json.dumps({"id": one, "body": body}) for one, body in self.comments.items())
        method, path = arguments[2], arguments[3]
        number = int(path.rpartition("/")[2]) if method == "PATCH" else max(self.comments) + 1
        assert path == (f"repos/o/r/issues/comments/{number}" if method == "PATCH" else "repos/o/r/issues/7/comments")
        self.comments[number] = json.loads(text)["body"]
        return ""


def test_a_comment_is_written_once_and_then_in_place_of_itself() -> None:
    gh = Gh()
    for kind, text in (("comparison", "first"), ("diff", "dev"), ("comparison", "second")):
        comment("o/r", "7", kind, text, gh)
    assert gh.comments == {
        1: "a person's words",
        2: "<!-- contender: comparison -->\nsecond",
        3: "<!-- contender: diff -->\ndev",
    }


@pytest.mark.parametrize(("repository", "number"), [("", "7"), ("o/r", ""), ("o/r", "x; rm")])
def test_without_a_pull_request_there_is_nothing_to_write_to(repository: str, number: str) -> None:
    with pytest.raises(DeliveryError, match="a comment needs GITHUB_REPOSITORY=owner/name and PULL_REQUEST=number"):
        comment(repository, number, "diff", "text", Gh())


@pytest.mark.parametrize(
    "title",
    [
        # examples of the specification, conventionalcommits.org 1.0.0
        "feat: allow provided config object to extend other configs",
        "feat!: send an email to the customer when a product is shipped",
        "feat(api)!: send an email to the customer when a product is shipped",
        "chore!: drop support for Node 6",
        "docs: correct spelling of CHANGELOG",
        "feat(lang): add Polish language",
    ],
)
def test_conventional_titles_pass(title: str) -> None:
    assert complaint(title) == ""


@pytest.mark.parametrize(
    "title", ["", "Fixed it", "feat:", "feat:x", "Feat: x", "feat(): x", "wip: x", "feat: " + "x" * 100]
)
def test_other_titles_are_refused_with_an_example(title: str) -> None:
    assert complaint(title)
