"""What a collector without a catalog has stored."""

import glob


def rows(suite):
    """What is in the data files of the event table, without times: every file there is in the table."""
    import duckdb

    suite.flush()
    files = glob.glob(f"{suite.directory}/object-store/analytics-source/analytics/events/data/**/*.parquet", recursive=True)
    if not files:
        return []
    found = duckdb.connect().sql(
        f"SELECT * EXCLUDE (time, received_at) FROM read_parquet({files}, union_by_name=true, hive_partitioning=false)")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


def of_type(suite, kind):
    return [row for row in rows(suite) if row["type"] == kind]
