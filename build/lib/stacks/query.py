"""The query stack of an environment: Glue tables over the data bucket, and an Athena workgroup with saved queries.

Tables and queries are those of `contender.query`. Nothing here costs anything while nobody asks: Glue's catalogue is
free up to a million objects, and Athena is paid by the bytes that a query reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from contender.query.saved_queries import saved_queries
from contender.query.tables import Column, Files, Kind, TableDefinition, tables_of
from stacks.data import QUERY_RESULTS
from stacks.environment import Environment

MOST_BYTES_A_QUERY = 50 * 1024**3
"""A query that would read more is stopped: a quarter of a dollar at $5 a TB."""

OLDEST_MONTH = "2025-01"
TYPES: Mapping[Kind, str] = {
    "text": "string",
    "number": "double",
    "integer": "bigint",
    "boolean": "boolean",
    "time": "timestamp",
}
_HIVE = "org.apache.hadoop.hive.ql.io"
_PARQUET_SERDE = f"{_HIVE}.parquet.serde.ParquetHiveSerDe"
_TEXT_OUTPUT = f"{_HIVE}.HiveIgnoreKeyTextOutputFormat"
FORMATS: Mapping[Files, tuple[str, str, str]] = {
    "parquet": (
        f"{_HIVE}.parquet.MapredParquetInputFormat",
        f"{_HIVE}.parquet.MapredParquetOutputFormat",
        _PARQUET_SERDE,
    ),
    "json lines": ("org.apache.hadoop.mapred.TextInputFormat", _TEXT_OUTPUT, "org.openx.data.jsonserde.JsonSerDe"),
    "list of parquet": (f"{_HIVE}.SymlinkTextInputFormat", _TEXT_OUTPUT, _PARQUET_SERDE),
}
"""Input format, output format and serialisation library."""


class QueryStack(Stack):
    """SQL over all pipelines of an environment.

    Attributes
    ----------
    workgroup : aws_athena.CfnWorkGroup
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipelines: Sequence[PipelineConfig],
        data_bucket: s3.IBucket,
        **stack_settings: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        self._environment, self._data_bucket = environment, data_bucket
        self.workgroup = athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=environment.stage_name,
            description=f"Predictions, labels and runs of {environment.stage_name}",
            recursive_delete_option=not environment.keeps_data,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=False,
                bytes_scanned_cutoff_per_query=MOST_BYTES_A_QUERY,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{data_bucket.bucket_name}/{QUERY_RESULTS}",
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                ),
            ),
        )
        for pipeline in pipelines:
            self._add_pipeline(pipeline)
        CfnOutput(self, "WorkGroupName", value=environment.stage_name)

    def _add_pipeline(self, pipeline: PipelineConfig) -> None:
        name = database_name(self._environment, pipeline)
        place = pipeline.name.title().replace("-", "")
        database = glue.CfnDatabase(
            self,
            f"{place}Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=name, description=f"Predictions, labels and runs of {pipeline.name}"
            ),
        )
        for table in tables_of(pipeline):
            made = glue.CfnTable(
                self,
                f"{place}{table.name.title()}",
                catalog_id=self.account,
                database_name=name,
                table_input=self._table(table),
            )
            made.add_resource_dependency(database)
        for query in saved_queries(pipeline):
            saved = athena.CfnNamedQuery(
                self,
                f"{place}{query.name.title().replace('-', '')}",
                database=name,
                name=f"{pipeline.name}: {query.name}",
                description=query.question,
                query_string=query.sql,
                work_group=self.workgroup.name,
            )
            saved.add_resource_dependency(self.workgroup)
            saved.add_resource_dependency(database)

    def _table(self, table: TableDefinition) -> glue.CfnTable.TableInputProperty:
        location = f"s3://{self._data_bucket.bucket_name}/{table.prefix}"
        reads, writes, library = FORMATS[table.files]
        return glue.CfnTable.TableInputProperty(
            name=table.name,
            description=table.about,
            table_type="EXTERNAL_TABLE",
            parameters={"EXTERNAL": "TRUE", **projection(table, location)},
            partition_keys=[glue.CfnTable.ColumnProperty(name=table.partition, type="string")],
            storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                columns=[_column(column) for column in table.columns],
                location=location,
                input_format=reads,
                output_format=writes,
                serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=library),
            ),
        )


def projection(table: TableDefinition, location: str) -> dict[str, str]:
    """The parameters by which Athena works out the partitions: nobody has to add them, and no crawler runs."""
    column = f"projection.{table.partition}"
    if table.every == "day":
        days = table.keep_days or 0
        dates = {"format": "yyyy-MM-dd", "range": f"NOW-{days + 1}DAYS,NOW+1DAYS", "interval.unit": "DAYS"}
    else:
        dates = {"format": "yyyy-MM", "range": f"{OLDEST_MONTH},NOW+1MONTHS", "interval.unit": "MONTHS"}
    return {
        "projection.enabled": "true",
        f"{column}.type": "date",
        f"{column}.interval": "1",
        **{f"{column}.{name}": value for name, value in dates.items()},
        "storage.location.template": f"{location}{table.partition}=${{{table.partition}}}/",
    }


def database_name(environment: Environment, pipeline: PipelineConfig) -> str:
    """The Glue database of a pipeline: Athena takes letters, digits and underscores without quotes."""
    return f"{environment.stage_name}_{pipeline.name}".replace("-", "_")


def _column(column: Column) -> glue.CfnTable.ColumnProperty:
    return glue.CfnTable.ColumnProperty(name=column.name, type=TYPES[column.kind], comment=column.about or None)
