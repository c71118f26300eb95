"""Reads a Parquet or an Arrow file with the libraries that analysts use.

Prints every row that each of them finds, one a line: the reader, then the cells with | between,
doubles as the hexadecimal digits of their bits, times as milliseconds since 1970.
"""

import struct
import sys

import duckdb
import pyarrow
import pyarrow.feather
import pyarrow.parquet


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    return str(value)


def show(reader, rows):
    for row in rows:
        print(reader, *(cell(value) for value in row), sep="|")


def with_plain_times(table):
    times = table.column("timestamp").cast(pyarrow.int64())
    return table.set_column(table.schema.get_field_index("timestamp"), "timestamp", times)


TYPES = {
    "Id": "int64",
    "Count": "int64",
    "Index": "int32",
    "Decimal": "double",
    "Text": "dictionary<values=string, indices=int32, ordered=0>",
    "Truth": "bool",
    "Timestamp": "timestamp[ms, tz=UTC]",
    "Flags": "string",
}

kind, path, attribution, columns = sys.argv[1:]
kinds = dict(column.split("=") for column in columns.split())
read = {"parquet": pyarrow.parquet.read_table, "arrow": pyarrow.feather.read_table}[kind]
readings = read(path)
assert readings.schema.metadata[b"attribution"].decode() == attribution
for field in readings.schema:
    assert str(field.type) == TYPES[kinds[field.name]], field
if kind == "parquet":
    # A reader can pass over groups of rows by what is in them.
    metadata = pyarrow.parquet.ParquetFile(path).metadata
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        assert rows.num_rows <= 131072
        for column in (rows.column(number) for number in range(metadata.num_columns)):
            known = column.statistics
            assert known.has_min_max or known.null_count == rows.num_rows, (column, known)
if "AQI" in readings.column_names and readings.num_rows:
    frame = readings.to_pandas()
    assert (frame["AQI"] - 4).min() < 0, "no index turns round below zero"
    assert duckdb.sql("select min(AQI - 4) from readings").fetchall()[0][0] < 0
assert readings.schema.field("P1").metadata[b"unit"].decode() == "µg/m³"
source = {"parquet": f"'{path}'", "arrow": "readings"}[kind]
if "timestamp" in readings.column_names:
    show(f"pyarrow-{kind}", zip(*with_plain_times(readings).to_pydict().values()))
    columns = "* replace (epoch_ms(timestamp) as timestamp)"
    show(f"duckdb-{kind}", duckdb.sql(f"select {columns} from {source}").fetchall())
else:
    show(f"pyarrow-{kind}", zip(*readings.to_pydict().values()))
    show(f"duckdb-{kind}", duckdb.sql(f"select * from {source}").fetchall())
