"""The queries of `compare` in DuckDB, chdb (ClickHouse) and Polars.

Arguments: a Parquet file of the readings, a directory to work in, and the queries as JSON.
Each engine loads the file into its own fastest form (a DuckDB table, a MergeTree ordered by
country and time, a data frame in memory), then answers each query as CSV in memory. Prints
JSON: engine, query, median of the times in milliseconds, rows.
"""

import io
import json
import pathlib
import statistics
import sys
import time

COLUMNS = "id timestamp P1 P2 loc_id loc_lat loc_long loc_alt loc_country AQI Range".split()
WARM_UP, ROUNDS = 2, 7


def measure(engine, query, answer, rows_of):
    times = []
    for round in range(WARM_UP + ROUNDS):
        begun = time.perf_counter()
        text = answer()
        took = time.perf_counter() - begun
        if round >= WARM_UP:
            times.append(took * 1000)
    result = {"engine": engine, "query": query, "ms": statistics.median(times), "rows": rows_of(text)}
    print(json.dumps(result), flush=True)


def condition(query, moment):
    terms = [f"timestamp between {moment(query['from'])} and {moment(query['until'])}"]
    if query["country"]:
        terms.append(f"loc_country = '{query['country']}'")
    if query["range"]:
        terms.append(f"\"Range\" = '{query['range']}'")
    if query["minAqi"]:
        terms.append(f"\"AQI\" >= {query['minAqi']}")
    return " and ".join(terms)


def with_duckdb(parquet, folder, queries):
    import duckdb

    database = duckdb.connect(str(folder / "duckdb"))
    database.execute("set timezone = 'UTC'")
    database.execute(f"create table readings as from '{parquet}' order by timestamp")
    output = pathlib.Path("/dev/shm" if pathlib.Path("/dev/shm").is_dir() else folder)
    output = output / f"airshed-compare-{folder.name}.csv"
    columns = ", ".join(f'"{column}"' for column in COLUMNS)
    for query in queries:
        where = condition(query, lambda ms: f"epoch_ms({ms})::timestamptz")
        sql = f"copy (select {columns} from readings where {where}) to '{output}' (format csv)"
        measure("DuckDB", query["name"], lambda: database.execute(sql), lambda done: done.fetchone()[0])
    output.unlink()


def with_chdb(parquet, folder, queries):
    from chdb import session

    clickhouse = session.Session(str(folder / "chdb"))
    clickhouse.query("create database airshed")
    clickhouse.query(
        "create table airshed.readings engine = MergeTree order by (loc_country, timestamp) "
        f"settings allow_nullable_key = 1 as select * from file('{parquet}', Parquet)"
    )
    columns = ", ".join(f"`{column}`" for column in COLUMNS)
    for query in queries:
        where = condition(query, lambda ms: f"fromUnixTimestamp64Milli({ms})").replace('"', "`")
        sql = f"select {columns} from airshed.readings where {where}"
        answer = lambda: clickhouse.query(sql, "CSV").bytes()
        measure("chdb", query["name"], answer, lambda text: text.count(b"\n"))


def with_polars(parquet, folder, queries):
    import polars

    readings = polars.read_parquet(parquet)
    for query in queries:
        time_of = lambda ms: polars.lit(ms).cast(polars.Datetime("ms", "UTC"))
        where = polars.col("timestamp").is_between(time_of(query["from"]), time_of(query["until"]))
        if query["country"]:
            where &= polars.col("loc_country") == query["country"]
        if query["range"]:
            where &= polars.col("Range") == query["range"]
        if query["minAqi"]:
            where &= polars.col("AQI") >= query["minAqi"]

        def answer():
            text = io.BytesIO()
            readings.lazy().filter(where).select(COLUMNS).collect().write_csv(text)
            return text

        rows = lambda text: text.getvalue().count(b"\n") - 1
        measure("Polars", query["name"], answer, rows)


parquet, folder, queries = sys.argv[1], pathlib.Path(sys.argv[2]), json.loads(sys.argv[3])
with_duckdb(parquet, folder, queries)
with_chdb(parquet, folder, queries)
with_polars(parquet, folder, queries)
