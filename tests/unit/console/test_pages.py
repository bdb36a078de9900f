"""The console's pages: well formed, hostile text escaped, links that stay on the server."""

from __future__ import annotations

import re

import pytest

from contender.console.manifest_diff import compare_manifests
from contender.console.pages.drift import courses
from contender.console.pages.runs import runs_page
from contender.console.shell import keys
from tests import html, ran
from tests.ran import HOSTILE, NEW, OLD
from tests.unit.console.examples import EXECUTION, PAGES, RECORDS, RUN, SITE, checked, manifest

WRITTEN = {name: make() for name, make in PAGES.items()}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed_and_runs_nothing_but_the_servers_script(name: str) -> None:
    found = html.read(WRITTEN[name])
    assert not found.tags & {"link", "iframe", "object", "embed", "img"}
    assert len(found.ids) == len(set(found.ids))
    assert set(found.described) <= set(found.ids)
    assert [link for link in found.links if not link.startswith(("/", "#"))] == []
    assert re.findall(r"<script[^>]*>", WRITTEN[name]) == ['<script src="/keys.js">']
    assert "url(" not in WRITTEN[name]
    assert "<h1>" in WRITTEN[name]


@pytest.mark.parametrize("name", PAGES)
def test_links_within_a_page_lead_somewhere(name: str) -> None:
    found = html.read(WRITTEN[name])
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"drift"}))
def test_hostile_text_is_shown_and_not_obeyed(name: str) -> None:
    assert HOSTILE in html.read(WRITTEN[name]).text
    assert "<b onload" not in WRITTEN[name]


def test_an_execution_shows_how_each_state_ended_its_retries_and_why_it_failed() -> None:
    said = html.read(WRITTEN["execution"]).text
    for expected in ("failed, and was caught", "Lambda.TooManyRequestsException", "IntegrityError", "10 s"):
        assert expected in said
    assert f"/shop/executions/loop/{RUN}/log?state=Claim" in WRITTEN["execution"]
    assert EXECUTION.visits[2].retries == 0


def test_a_rollback_leads_to_the_execution_of_its_own_machine() -> None:
    assert "/shop/executions/rollback/6c-3" in WRITTEN["runs"]
    assert "/shop/executions/loop/7a-2" in WRITTEN["runs"]


def test_a_filter_keeps_the_runs_that_have_its_text() -> None:
    page = runs_page(SITE, "shop", RECORDS, asked="ROLLED_back")
    assert re.findall(r'class="row">([^<]+)<', page) == ["6c-3"]
    assert 'value="ROLLED_back"' in page


def test_two_versions_are_compared_field_by_field() -> None:
    new = manifest(
        NEW,
        metrics={"auc": 0.83, "log_loss": 0.43},
        datasets=["d2", "d3"],
        features=[{"name": "amount", "kind": "numeric"}],
        estimator={"name": "lightgbm", "parameters": {"num_leaves": 63}},
        trained_rows=1500,
    )
    found = compare_manifests(manifest(OLD), new)
    told = {title: [(each.field, each.old, each.new) for each in part] for title, part in found.parts.items()}
    assert told == {
        "Metrics on the holdout": [("auc", "0.81", "0.83"), ("log_loss", "0.43", "0.43")],
        "Datasets": [("d1", "learned from", "–"), ("d3", "–", "learned from")],
        "Features": [(HOSTILE, "categorical, 2 levels", "–"), ("amount", "–", "numeric")],
        "Rows": [("trained_rows", "1200", "1500")],
        "Estimator": [("estimator.parameters.num_leaves", "31", "63")],
    }
    assert found.same == 2, "the estimator's name and numpy"


def test_the_course_of_a_column_has_a_gap_where_a_run_did_not_test_it() -> None:
    first, second = checked(0, dearer=0.0), checked(1, dearer=12.0)
    without = {**second.report, "features": [one for one in second.report["features"] if one["feature"] != "hour"]}
    found = {course.name: course for course in courses([first, type(second)("run-1", second.started, without)])}
    assert found["hour"].distances[1] is None
    assert found["amount"].drifted == (1,)
    assert courses([first, second])[0].name in ran.drift(dearer=12.0)["drifted_features"]


def test_the_script_names_the_keys_that_the_documentation_promises() -> None:
    assert all(key in keys() for key in ("j:", "k:", "ArrowDown", '"/"'))
