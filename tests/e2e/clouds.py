"""Which local cloud the end-to-end tests of a file share, and what is deployed in it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e import shop

FIRST, SECOND = "first", "second"

IN_THE_FIRST = ("test_bad_input", "test_burst", "test_canary", "test_rehearse", "test_serving_swaps")
"""The other files' tests share the second; each takes about half of the time."""

PIPELINES = {
    FIRST: {
        **{name: shop.pipeline_file(name) for name in ("shop-live", "shop-input", "shop-burst", "shop-abort")},
        "shop-canary": shop.pipeline_file("shop-canary") + shop.CANARY,
        "shop-asks": shop.pipeline_file("shop-asks") + shop.ASKS,
        "shop-skew": shop.pipeline_file("shop-skew"),
        "shop-broken": shop.pipeline_file("shop-broken", parameters="{ trees = 7 }"),
    },
    SECOND: {
        **{name: shop.pipeline_file(name) for name in ("shop-swap", "shop-batch", "shop-log", "shop-code")},
        "shop-nightly": shop.pipeline_file("shop-nightly") + shop.NIGHTLY,
    },
}
"""The second has the project's own pipelines beside them; `shop-broken` names a parameter that is none."""


def cloud_of(file: Path) -> str:
    """The cloud that the tests of a file use."""
    return FIRST if file.stem in IN_THE_FIRST else SECOND
