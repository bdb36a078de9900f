"""How the cloud grows while it runs: what most files of tests need deployed, by one `contender up`.

To synthesise a pipeline takes a second of CPU time, at each deployment again: so the cloud begins with few.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from demo_data import __main__ as demo_data
from tests.documentation.pages import contender
from tests.e2e import shop
from tests.e2e.early import once
from tests.e2e.loop import LocalLoop
from tests.e2e.own_data import CASES, DEPLOYED, write
from tests.e2e.people_files import make_pipelines

RESEEDED = "shop-code"
"""The pipeline whose seed the deployment changes. Of the shop's, it alone is there before."""

TUTORIAL = "docs/tutorial.md"

GROWN = frozenset(f"tests.e2e.test_{name}" for name in ("lineage", "own_data", "people_files", "tutorial"))
"""Files of tests that ask for the growth; without them the cloud has all pipelines of the shop at once."""


@dataclass(frozen=True)
class Growth:
    """What was there before, and what was done.

    Attributes
    ----------
    first, asked : records of the changed pipeline's runs before the change: of a file, and of a request for a model.
    made : what `contender init` answered for each data set of `own_data` that is deployed.
    people : the same for each story of `people_files`.
    commands : the tutorial's commands that were run, as they stand there: `init` and `up`.
    initialised : what `init` answered.
    """

    first: dict[str, Any]
    asked: dict[str, Any]
    made: dict[str, dict[str, Any]]
    people: dict[str, dict[str, Any]]
    commands: tuple[list[str], ...]
    initialised: str


@once
def grow(loop: LocalLoop) -> Growth:
    """New pipelines, and another seed for one that is there, deployed to the running cloud."""
    folder = loop.root / "own data"
    folder.mkdir()
    first = loop.pipeline(RESEEDED).run("first", shop.visits(0))
    asked = json.loads(loop.contender("retrain", "--pipeline", RESEEDED, "--json"))

    def initialise(name: str) -> dict[str, Any]:
        case = CASES[name]
        file = write(case.rows(), folder / f"{name}.{case.ending}")
        made: dict[str, Any] = json.loads(loop.contender("init", file, "--target", case.target, "--json"))
        return made

    with ThreadPoolExecutor(2) as pool:
        made = dict(zip(DEPLOYED, pool.map(initialise, DEPLOYED), strict=True))
    people = make_pipelines(loop)
    init, up = contender(TUTORIAL)[:2]
    demo_data.write("computers", loop.root / init[1], 1993)
    initialised = loop.contender(*init)
    for pipeline, text in shop.PIPELINES.items():
        loop.write_pipeline(pipeline, text)
    text = shop.pipeline_file(RESEEDED)
    loop.write_pipeline(RESEEDED, text.replace('estimator = "linear"', 'estimator = "linear"\nseed = 8'))
    loop.up(up)
    return Growth(first, asked, made, people, (init, up), initialised)
