"""Stacks are told apart by environment and pipeline, whatever the names are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contender.environments.stacks import PIPELINE_STACKS, is_of, pipeline_of, stage_of, without_file

SHARED = ("data", "training", "pulse", "query", "people")
WORDS = st.sampled_from(["new", "york", "eu", "prod", "data", "serving", "people", "batch", "x"])
PIPELINES = st.lists(st.lists(WORDS, min_size=1, max_size=3).map("-".join), max_size=4, unique=True)
ENVIRONMENTS = st.lists(
    st.tuples(st.sampled_from(["contender", "contender-prod", "contender-prod-eu"]), WORDS), unique=True
)
"""Prefix and name: of two environments one may begin as the other does, `contender-prod` and `contender-prod-eu`."""


def stacks_of(project: str, environment: str, pipelines: list[str]) -> list[tuple[str, dict[str, str]]]:
    """Name and tags of each stack of an environment, as `stacks/stage.py` makes them."""
    parts = [*SHARED, *(f"{name}-{kind}" for name in pipelines for kind in PIPELINE_STACKS)]
    tags = {"project": project, "environment": environment}
    return [(f"{stage_of(project, environment)}-{part}", tags) for part in parts]


@given(st.data(), ENVIRONMENTS, PIPELINES)
def test_exactly_the_stacks_of_the_pipelines_without_a_file_are_found(
    data: st.DataObject, environments: list[tuple[str, str]], pipelines: list[str]
) -> None:
    deployed = {each: data.draw(PIPELINES) for each in environments}
    every = [stack for (project, name), has in deployed.items() for stack in stacks_of(project, name, has)]
    for (project, name), has in deployed.items():
        stage = stage_of(project, name)
        own = [stack for stack, tags in every if is_of(stack, tags, project, name)]
        assert own == [stack for stack, _ in stacks_of(project, name, has)]
        assert without_file(own, stage, pipelines) == {
            gone: sorted(f"{stage}-{gone}-{kind}" for kind in PIPELINE_STACKS) for gone in has if gone not in pipelines
        }


def test_a_pipeline_whose_name_is_the_beginning_of_another_is_another() -> None:
    names = [f"contender-prod-{name}-{kind}" for name in ("new", "new-york") for kind in PIPELINE_STACKS]
    assert list(without_file(names, "contender-prod", ["new-york"])) == ["new"]
    assert list(without_file(names, "contender-prod", ["new"])) == ["new-york"]
    assert pipeline_of("contender-prod-data-data", "contender-prod") == ""


def test_where_there_are_no_tags_the_name_decides() -> None:
    assert is_of("contender-local-data", {}, "contender", "local")
    assert is_of("contender-local-data", {"team": "ml"}, "contender", "local")
    assert not is_of("contender-localhost-data", {}, "contender", "local")
    assert not is_of("contender-prod-eu-data", {"environment": "eu"}, "contender", "prod")
