#!/usr/bin/env python3
"""The event table that benchmarks share: deterministic, skewed like real traffic.

    event_table.py ROWS --arrow events.arrow      22 columns for format benchmarks (uncompressed Feather)
    event_table.py ROWS --ndjson events.ndjson    the same events as CloudEvents 1.0, one per line (about 700 bytes)

8 types (skewed), 50 sources, 24 hours nearly in order (5 s jitter), 200,000 subjects, JSON payloads of about 190 bytes.
Needs numpy and pyarrow.
"""
import argparse
import datetime as dt
import json
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

LOW = {
    "country": ["DE", "US", "FR", "GB", "IN", "BR", "JP", "PL", "IT", "ES"],
    "region": [f"r{i}" for i in range(60)], "city": [f"city{i}" for i in range(300)],
    "browser": ["chrome", "safari", "firefox", "edge", "other"],
    "os": ["linux", "macos", "windows", "ios", "android"], "device": ["desktop", "mobile", "tablet"],
    "language": ["de-DE", "en-US", "fr-FR", "en-GB", "pt-BR", "ja-JP"], "tenant": [f"tenant-{i}" for i in range(20)],
    "environment": ["prod", "staging"], "sdk": [f"web/{i}.{j}.0" for i in range(3) for j in range(4)],
}
NUMBERS = {"screen_width": 4000, "duration_ms": 30000, "status": 600, "sequence": 2**31 - 1}
TYPES = [f"com.example.{a}.{b}" for a in ("page", "cart", "order", "user") for b in ("viewed", "updated")]
WEIGHTS = [.35, .2, .12, .1, .09, .07, .05, .02]


def table(rows: int) -> pa.Table:
    rng = np.random.default_rng(42)
    day = int(dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc).timestamp() * 1e6)
    span = 24 * 3600 * 10**6

    def pick(values, p=None):
        return pa.array(np.array(values, dtype=object)[rng.choice(len(values), rows, p=p)].tolist(), pa.string())

    time = np.clip(day + np.sort(rng.integers(0, span, rows)) + rng.integers(-5_000_000, 5_000_000, rows), day, day + span - 1)
    ids = [str(uuid.UUID(bytes=b.tobytes())) for b in rng.integers(0, 256, (rows, 16), dtype=np.uint8)]
    page, price, session, quantity, ref = (rng.integers(a, b, rows) for a, b in
                                           ((0, 2000), (100, 99999), (0, 2**63 - 1), (1, 9), (0, 40)))
    data = [f'{{"path":"/products/{page[i]}/details","price_cents":{price[i]},"quantity":{quantity[i]},"session":"{session[i]:016x}",'
            f'"referrer":"https://ref{ref[i]}.example.org/landing","ab":{{"variant":"{"AB"[quantity[i] & 1]}","bucket":{price[i] % 100}}},'
            f'"tags":["t{ref[i] % 7}","t{quantity[i]}"]}}' for i in range(rows)]
    columns = {
        "id": pa.array(ids), "type": pick(TYPES, WEIGHTS), "source": pick([f"/web/shop/{i:03d}" for i in range(50)]),
        "specversion": pa.array(["1.0"] * rows), "time": pa.array(time, pa.timestamp("us", tz="UTC")),
        "subject": pa.array([f"user/{x}" for x in rng.integers(0, 200_000, rows)]),
        "datacontenttype": pa.array(["application/json"] * rows), "data": pa.array(data),
    }
    columns |= {name: pick(values) for name, values in LOW.items()}
    columns |= {name: pa.array(rng.integers(0, top, rows, dtype=np.int32)) for name, top in NUMBERS.items()}
    return pa.table(columns)


def write_ndjson(events: pa.Table, path: str) -> None:
    envelope = ("specversion", "id", "type", "source", "subject", "datacontenttype")
    with open(path, "w") as out:
        for batch in events.to_batches(max_chunksize=50_000):
            for row in batch.to_pylist():
                event = {name: row[name] for name in envelope}
                event["time"] = row["time"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                event["data"] = json.loads(row["data"]) | {name: row[name] for name in (*LOW, *NUMBERS)}
                out.write(json.dumps(event, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("--arrow")
    parser.add_argument("--ndjson")
    options = parser.parse_args()
    events = table(options.rows)
    if options.arrow:
        feather.write_feather(events, options.arrow, compression="uncompressed")
    if options.ndjson:
        write_ndjson(events, options.ndjson)
