"""Other implementations that read Parquet files, each as an Arrow table."""

import pathlib
import subprocess
import sys

import duckdb
import pyarrow.ipc
import pyarrow.parquet


def pyarrow_table(path):
    return pyarrow.parquet.ParquetFile(path, page_checksum_verification=True).read()


def duckdb_table(path, columns="*"):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='UTC'")
        result = connection.execute(f"SELECT {columns} FROM read_parquet('{path}')")
        table = result.to_arrow_table() if hasattr(result, "to_arrow_table") else result.fetch_arrow_table()
        return table


class ClickHouse:
    """chDB in a process of its own, since it keeps global state. It reads files below the directory it runs in."""

    SERVER = """
import sys
from chdb import session
session = session.Session()
# Pages are decoded by several threads and come as they are ready, unless told to keep the order of the file.
session.query("SET schema_inference_make_columns_nullable=1, output_format_arrow_string_as_string=0, "
              "input_format_parquet_preserve_order=1, max_threads=1")
for line in sys.stdin:
    source, target = line.rstrip("\\n").split("\\t")
    try:
        answer = session.query(source, "Arrow")
        with open(target, "wb") as file:
            file.write(answer.bytes())
        print("ok", flush=True)
    except Exception as error:
        print("error " + " ".join(str(error).split())[:1500], flush=True)
"""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=directory)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def query(self, sql, answers=True):
        target = self.directory / "clickhouse.arrow"
        self.process.stdin.write(f"{' '.join(sql.split())}\t{target}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            raise RuntimeError(answer or "ClickHouse ended")
        return pyarrow.ipc.open_file(target).read_all() if answers else None

    def table(self, path):
        return self.query(f"SELECT * FROM file('{path}', Parquet)")
