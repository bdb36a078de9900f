"""How `contender doctor` asks: the serving function as patiently as before a promotion."""

from __future__ import annotations

import boto3

from contender.adapters.aws.serving_function import SERVING_SECONDS
from contender.cli.clouds import LOCAL, Cloud, Workbench
from contender.cli.examination import serving_function


def test_the_doctor_waits_for_the_serving_function_as_rehearse_does(aws: None) -> None:
    cloud = Cloud(boto3.Session(), None, lambda stack, name: f"{stack}.{name}", lambda url: url)
    function = serving_function(Workbench(cloud, LOCAL, "shop"))
    settings = function.client.meta.config
    assert function.name.endswith("shop-serving.ServeFunctionName")
    assert (settings.read_timeout, settings.retries["total_max_attempts"]) == (SERVING_SECONDS, 3)
    assert cloud.client("lambda") is cloud.client("lambda") is not function.client
