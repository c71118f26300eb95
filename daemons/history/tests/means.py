"""The readings of archive files, worked out independently of the crate: polars groups the samples
and finds flags, fractions make the means.

    means.py unpack ARCHIVE FOLDER      unpacks a .tar.xz
    means.py means FOLDER               prints a line for each reading of the *.csv below FOLDER
"""

import pathlib
import re
import sys
import tarfile
from collections import defaultdict
from fractions import Fraction

import polars as pl

SECONDS = {"hour": 3600, "day": 86400}
LIMITS = {  # DAQI: the index is 1 and one more for each of these that is reached, µg/m³
    "P1": "16.5 33.5 50.5 58.5 66.5 75.5 83.5 91.5 100.5",
    "P2": "11.5 23.5 35.5 41.5 47.5 53.5 58.5 64.5 70.5",
}


def rows(folder, kind, names):
    files = sorted(pathlib.Path(folder).rglob(f"*_{kind}_sensor_*.csv"))
    if not files:
        return None
    every = [pl.read_csv(file, separator=";", infer_schema=False).select(
        "sensor_id", "location", "lat", "lon", "timestamp", *names) for file in files]
    frame = pl.concat(every)
    for name in names:
        bad = [text for text in frame[name].drop_nulls() if not re.fullmatch(r"-?\d+\.\d\d?", text)]
        assert not bad, bad[:3]
    hundredths = [(pl.col(name).cast(pl.Float64) * 100).round().cast(pl.Int64) for name in names]
    second = pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S").dt.epoch("s")
    frame = frame.with_columns(*hundredths, second=second, sensor_id=pl.col("sensor_id").cast(pl.Int64))
    frame = frame.filter(pl.any_horizontal(pl.col(*names).is_not_null()))
    key = ["sensor_id", "second", *names]
    frame = frame.unique(key, keep="last", maintain_order=True).sort(key, nulls_last=False)
    return frame.with_columns(
        hour=pl.col("second") // 3600, day=pl.col("second") // 86400, slot=pl.col("second") // 300)


def signs(frame):
    frame = frame.with_row_index("row")
    by = ["sensor_id", "day"]
    run = pl.struct("P1", "P2").rle_id().over(by)
    frame = frame.with_columns(run=run).with_columns(length=pl.len().over([*by, "run"]))
    for name, more in [("P1", 5000), ("P2", 2500)]:
        there = frame.filter(pl.col(name).is_not_null())
        median = pl.col(name).cast(pl.Float64).rolling_median(11, center=True, min_samples=1).over(by)
        there = there.with_columns(median=median)  # halves of integers: exact
        spike = (pl.col(name) > 5 * pl.col("median")) & (pl.col(name) - pl.col("median") > more)
        there = there.select("row", spike.alias(f"spike_{name}"))
        frame = frame.join(there, on="row", how="left", maintain_order="left")
    return frame.with_columns(
        zero=((pl.col("P1") == 0).fill_null(False) | (pl.col("P2") == 0).fill_null(False)),
        saturated=((pl.col("P1") >= 190000).fill_null(False) | (pl.col("P2") >= 90000).fill_null(False)),
        in_run=pl.col("length") >= 6,
        spike=pl.col("spike_P1").fill_null(False) | pl.col("spike_P2").fill_null(False),
    )


def hours(frame, names):
    """By sensor and hour: each name's mean, slots and samples; all samples; sums of the signs."""
    found = defaultdict(dict)
    for name in names:
        there = frame.filter(pl.col(name).is_not_null())
        slots = there.group_by("sensor_id", "hour", "slot").agg(pl.col(name).sum(), n=pl.len())
        of = defaultdict(list)
        for sensor, hour, _, total, count in slots.iter_rows():
            of[sensor, hour].append((total, count))
        for key, slots in of.items():
            mean = sum(Fraction(total, 100 * count) for total, count in slots) / len(slots)
            found[key][name] = (mean, len(slots), sum(count for _, count in slots))
    signed = "zero" in frame.columns
    sums = [pl.col(name).sum() for name in ["zero", "saturated", "in_run", "spike"]] if signed else []
    last = [pl.col(name).last() for name in ["location", "lat", "lon"]]
    for sensor, hour, count, *rest in frame.group_by("sensor_id", "hour").agg(
            pl.len(), *last, *sums).iter_rows():
        found[sensor, hour].update(all=count, station=rest[:3], signs=rest[3:])
    return found


def cut(mean):
    millionths = int(mean * 1_000_000)  # towards zero
    text = f"{'-' if millionths < 0 else ''}{abs(millionths) // 10**6}.{abs(millionths) % 10**6:06}"
    return text.rstrip("0").rstrip(".")


def line(sensor, window, end, hours, need, is_valid, names):
    valid = {name: [h for h in hours if name in h and is_valid(h[name])] for name in names}
    capture = {n: valid[n][0][n][1] if window == "1h" and valid[n] else len(valid[n]) for n in names}
    given = [n for n in names if capture[n] >= need] or [n for n in names if capture[n]]
    if not given:
        return None
    means = {name: sum(h[name][0] for h in valid[name]) / len(valid[name]) for name in given}
    samples = 0
    for hour in hours:
        of = [name for name in given if any(hour is h for h in valid[name])]
        samples += hour["all"] if len(of) == 2 else sum(hour[name][2] for name in of)
    part = [cut(means[name]) if name in means else "" for name in names]
    out = [str(sensor), window, str(end), *part, str(max(capture[n] for n in given)), str(samples)]
    if "P1" in names:
        total = sum(h["all"] for h in hours)
        zero, saturated, in_run, spike = (sum(h["signs"][n] for h in hours) for n in range(4))
        flags = {"saturated": saturated, "zero": zero and zero * 20 >= total, "stuck": in_run >= 24,
                 "spike": spike}
        out.append(",".join(name for name, is_set in flags.items() if is_set))
        index = max(1 + sum(means[n] >= Fraction(limit) for limit in LIMITS[n].split()) for n in given)
        out.append(str(index) if max(capture.values()) >= need else "-")
    return " ".join([*out, *hours[-1]["station"]])


def print_means(folder):
    lines = []
    for kind, names in [("sds011", ["P1", "P2"]), ("dht22", ["temperature", "humidity"]),
                        ("bme280", ["temperature", "humidity"])]:
        frame = rows(folder, kind, names)
        if frame is None:
            continue
        by_hour = hours(signs(frame) if kind == "sds011" else frame, names)
        days = defaultdict(list)
        for sensor, hour in sorted(by_hour):
            one = by_hour[sensor, hour]
            window = "1h" if kind == "sds011" else "climate"
            of_hour = line(sensor, "1h", (hour + 1) * 3600, [one], 9, lambda part: True, names)
            lines.append(of_hour.replace(" 1h ", f" {window} ", 1))
            days[sensor, hour // 24].append(one)
            if kind == "sds011":
                before = [by_hour.get((sensor, h)) for h in range(hour - 23, hour + 1)]
                lines.append(line(sensor, "24h", (hour + 1) * 3600, [h for h in before if h], 18,
                                  lambda part: part[1] >= 9, names))
        if kind == "sds011":
            for (sensor, day), of_day in days.items():
                lines.append(line(sensor, "day", (day + 1) * 86400, of_day, 18,
                                  lambda part: part[1] >= 9, names))
    without = sum(one is None for one in lines)
    print("\n".join([f"without {without}", *sorted(one for one in lines if one)]))


if sys.argv[1] == "unpack":
    with tarfile.open(sys.argv[2]) as archive:
        archive.extractall(sys.argv[3], filter="data")
else:
    print_means(sys.argv[2])
