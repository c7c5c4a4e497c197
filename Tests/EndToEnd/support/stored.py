"""What a collector without a catalog has stored."""

import glob


def rows(suite, table="analytics/events"):
    """What is in the data files of the table at a place below the bucket, without times: every file there is in the table."""
    import duckdb

    suite.flush()
    files = glob.glob(f"{suite.directory}/object-store/analytics-source/{table}/data/**/*.parquet", recursive=True)
    if not files:
        return []
    found = duckdb.connect().sql(
        f"SELECT COLUMNS(c -> c NOT IN ('time', 'timestamp', 'received_at')) "
        f"FROM read_parquet({files}, union_by_name=true, hive_partitioning=false)")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


def of_type(suite, kind):
    return [row for row in rows(suite) if row["type"] == kind]
