"""Reads a CSV by the description beside it, as the W3C's recommendations say, with csvw.

Prints every row as a JSON object, with values of the described datatypes. Fails when the file does
not follow its description.
"""

import datetime
import decimal
import json
import sys
import warnings

from csvw import CSVW

warnings.simplefilter("error")


def plain(value):
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return json.dumps(value.isoformat().replace("+00:00", "Z"))
    assert value is None or isinstance(value, (bool, int, list, str)), type(value)
    return json.dumps(value)


read = CSVW(sys.argv[1], validate=True)
assert read.is_valid, read.warnings
(table,) = read.tables
for row in table.iterdicts(strict=True):
    print("{" + ",".join(f"{json.dumps(name)}:{plain(value)}" for name, value in row.items()) + "}")
