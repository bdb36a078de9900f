"""The query stack: the tables of `contender sql` for Athena, encrypted results, and a limit for each query."""

from __future__ import annotations

from contender.pipeline.config import PipelineConfig
from contender.query.saved_queries import saved_queries
from contender.query.tables import tables_of
from tests.stacks.synthesis import PIPELINE, Synthesised, flat

CONFIG = PipelineConfig(PIPELINE, "regression", "fare", numeric=("distance",))


def test_the_workgroup_encrypts_results_limits_what_a_query_reads_and_lets_nobody_override_it(
    on_aws: Synthesised,
) -> None:
    settings = on_aws.only("query", "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]
    results = settings["ResultConfiguration"]
    assert results["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert flat(results["OutputLocation"]).endswith("/athena/")
    assert settings["BytesScannedCutoffPerQuery"] == 50 * 1024**3
    assert settings["EnforceWorkGroupConfiguration"] is True


def test_results_are_removed_after_a_week(on_aws: Synthesised) -> None:
    bucket = on_aws.named("data", "AWS::S3::Bucket", "Data")["Properties"]
    (rule,) = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if rule.get("Prefix") == "athena/"]
    assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]) == (7, {"NoncurrentDays": 1})


def test_glue_has_the_columns_and_folders_of_the_definitions(dev: Synthesised) -> None:
    made = {
        table["Properties"]["TableInput"]["Name"]: table["Properties"]["TableInput"]
        for table in dev.resources("query", "AWS::Glue::Table")
    }
    for table in tables_of(CONFIG):
        found = made.pop(table.name)
        storage = found["StorageDescriptor"]
        assert [column["Name"] for column in storage["Columns"]] == [column.name for column in table.columns]
        assert flat(storage["Location"]).endswith(f"/{table.prefix}")
        template = flat(found["Parameters"]["storage.location.template"])
        assert template.endswith(f"/{table.prefix}{table.partition}=${{{table.partition}}}/")
        assert found["PartitionKeys"] == [{"Name": table.partition, "Type": "string"}]
    assert made == {}


def test_partitions_are_worked_out_from_the_days_that_are_kept(dev: Synthesised) -> None:
    tables = {one["Properties"]["TableInput"]["Name"]: one for one in dev.resources("query", "AWS::Glue::Table")}
    of = {name: one["Properties"]["TableInput"]["Parameters"] for name, one in tables.items()}
    assert of["predictions"]["projection.dt.range"] == "NOW-31DAYS,NOW+1DAYS"
    assert of["predictions"]["projection.dt.format"] == "yyyy-MM-dd"
    assert of["runs"]["projection.month.range"] == "2025-01,NOW+1MONTHS"


def test_athena_has_the_saved_queries_word_for_word(dev: Synthesised) -> None:
    found = {
        query["Properties"]["Name"]: (query["Properties"]["Database"], query["Properties"]["QueryString"])
        for query in dev.resources("query", "AWS::Athena::NamedQuery")
    }
    assert found == {
        f"{PIPELINE}: {query.name}": (f"contender_dev_{PIPELINE}", query.sql) for query in saved_queries(CONFIG)
    }


def test_the_stack_has_nothing_that_costs_while_nobody_asks(on_aws: Synthesised) -> None:
    kinds = {resource["Type"] for resource in on_aws.templates["query"]["Resources"].values()}
    free = {"AWS::Athena::WorkGroup", "AWS::Athena::NamedQuery", "AWS::Glue::Database", "AWS::Glue::Table"}
    assert kinds <= free | {"AWS::CDK::Metadata"}
