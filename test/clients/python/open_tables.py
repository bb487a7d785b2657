"""Counts rows of a lake's table in engines that are not the server's. A question on stdin, answers on stdout, both JSON."""

import json
import sys

import duckdb
import polars
from ducklake_polars import scan_ducklake

question = json.load(sys.stdin)


def with_duckdb(files):
    rows = duckdb.sql(
        "SELECT service_name, count(*), sum(duration_nano)::BIGINT "
        "FROM read_parquet($files, union_by_name => true) GROUP BY ALL ORDER BY ALL",
        params={"files": files},
    ).fetchall()
    return [list(row) for row in rows]


def with_polars(frame):
    grouped = frame.group_by("service_name").agg(polars.len(), polars.col("duration_nano").sum())
    return [list(row) for row in grouped.sort("service_name").collect().rows()]


answers = {}
if "files" in question:
    files = question["files"]
    answers["duckdb " + duckdb.__version__] = with_duckdb(files)
    frame = polars.scan_parquet(files, missing_columns="insert", extra_columns="ignore")
    answers["polars " + polars.__version__] = with_polars(frame)
if "catalog" in question:
    answers["ducklake-dataframe"] = with_polars(scan_ducklake("duckdb:" + question["catalog"], "spans"))
json.dump(answers, sys.stdout)
