"""What outlives its stack is listed with a command that does remove it, whatever protects it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contender.environments.kept import OF_A_PIPELINE, Tagged, left_data, outlived

DATA = "contender-prod-data"
AT = "eu-central-1:123456789012"


@pytest.mark.parametrize(
    ("arn", "kind", "name", "commands"),
    [
        (
            "arn:aws:s3:::contender-prod-data-models-x1",
            "bucket",
            "contender-prod-data-models-x1",
            (
                "delete-bucket-policy --bucket contender-prod-data-models-x1",
                "object_versions.delete(); bucket.delete()",
            ),
        ),
        (
            f"arn:aws:dynamodb:{AT}:table/contender-prod-data-Runs",
            "table",
            "contender-prod-data-Runs",
            ("--no-deletion-protection-enabled", "delete-table --table-name contender-prod-data-Runs"),
        ),
        (
            f"arn:aws:logs:{AT}:log-group:/aws/vendedlogs/states/contender-prod-flights-rollback-0a1b:*",
            "log group",
            "/aws/vendedlogs/states/contender-prod-flights-rollback-0a1b",
            ("delete-log-group --log-group-name /aws/vendedlogs/states/contender-prod-flights-rollback-0a1b",),
        ),
        (
            f"arn:aws:sqs:{AT}:contender-prod-flights-predictions-Dead.fifo",
            "queue",
            "contender-prod-flights-predictions-Dead.fifo",
            ("https://sqs.eu-central-1.amazonaws.com/123456789012/contender-prod-flights-predictions-Dead.fifo",),
        ),
        (f"arn:aws:kms:{AT}:key/1234-abcd", "key", "1234-abcd", ("put-key-policy", "schedule-key-deletion")),
        (
            f"arn:aws:secretsmanager:{AT}:secret:Key-x1",
            "secret",
            f"arn:aws:secretsmanager:{AT}:secret:Key-x1",
            ("delete-secret",),
        ),
    ],
)
def test_each_kind_has_its_command(arn: str, kind: str, name: str, commands: tuple[str, ...]) -> None:
    (found,) = outlived([Tagged(arn, DATA)], [])
    assert (found.kind, found.name) == (kind, name)
    assert [each for each in commands if each not in found.to_remove] == []
    assert list(outlived([Tagged(arn, DATA)], [DATA])) == []


def test_what_has_no_stack_is_kept_and_what_nobody_keeps_is_not() -> None:
    table, function = (f"arn:aws:{one}" for one in (f"dynamodb:{AT}:table/Runs", f"lambda:{AT}:function:Serve"))
    assert [each.name for each in outlived([Tagged(function, ""), Tagged(table, "")], [DATA])] == ["Runs"]


def test_all_that_the_data_bucket_has_of_a_pipeline_goes_with_one_command() -> None:
    page = (Path(__file__).parents[3] / "docs/architecture.md").read_text(encoding="utf-8")
    layout = page.partition("Data bucket:")[2].partition("Model bucket")[0]
    shown = set(re.findall(r"^    ([a-z/]+)/<pipeline>/", layout, flags=re.MULTILINE))
    assert set(OF_A_PIPELINE) == shown | {"predictions", "feedback"}  # docs/prediction-log.md has these
    removes = left_data("shop-data", "sales").to_remove.removeprefix('python -c "').removesuffix('"')
    compile(removes, "the command", "exec")
    assert "[bucket.object_versions.filter(Prefix=folder + '/sales/').delete() for folder in ('incoming'," in removes
