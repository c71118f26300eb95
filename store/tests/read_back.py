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


kind, path = sys.argv[1:]
read = {"parquet": pyarrow.parquet.read_table, "arrow": pyarrow.feather.read_table}[kind]
readings = read(path)
assert b"ODbL" in readings.schema.metadata[b"attribution"]
assert readings.schema.field("P1").metadata[b"unit"].decode() == "µg/m³"
source = {"parquet": f"'{path}'", "arrow": "readings"}[kind]
if "timestamp" in readings.column_names:
    show(f"pyarrow-{kind}", zip(*with_plain_times(readings).to_pydict().values()))
    columns = "* replace (epoch_ms(timestamp) as timestamp)"
    show(f"duckdb-{kind}", duckdb.sql(f"select {columns} from {source}").fetchall())
else:
    show(f"pyarrow-{kind}", zip(*readings.to_pydict().values()))
    show(f"duckdb-{kind}", duckdb.sql(f"select * from {source}").fetchall())
