"""Spark with Iceberg's Java library, a request a line on standard input, an answer a line on standard output.

Runs in the Python of the kit that `deploy/test.sh spark` sets up. A request is {"sql"} or {"parquet", "column"}; what
it selects comes back as {"rows"}: timestamps as microseconds, dates as days, decimals as text, bytes as hexadecimal.
"""

import datetime
import decimal
import json
import os
import pathlib
import sys
import tempfile
import time

KIT = pathlib.Path(sys.prefix).parent
EPOCH = datetime.datetime(1970, 1, 1)


def start(warehouse):
    folder = pathlib.Path(tempfile.mkdtemp())
    logging = folder / "log4j2.properties"
    logging.write_text("rootLogger.level = error\nrootLogger.appenderRef.out.ref = out\nappender.out.name = out\nappender.out.type = Null\n")
    os.environ.update(JAVA_HOME=str(KIT / "java"), SPARK_LOCAL_IP="127.0.0.1", SPARK_LOCAL_HOSTNAME="localhost", TZ="UTC")
    os.environ.setdefault("AWS_REGION", "us-east-1")
    time.tzset()
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.extraClassPath": str(KIT / "jars" / "*"),
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC -Dlog4j2.configurationFile={logging.as_uri()}",
        "spark.driver.memory": "2g", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"), "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC", "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog", "spark.sql.catalog.lake.type": "hadoop",
        "spark.sql.catalog.lake.warehouse": warehouse, "spark.sql.catalog.lake.cache-enabled": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("formats")
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def plain(value):
    if isinstance(value, datetime.datetime):
        return (value.replace(tzinfo=None) - EPOCH) // datetime.timedelta(microseconds=1)
    if isinstance(value, datetime.date):
        return (value - EPOCH.date()).days
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, float):
        if value != value:
            return "NaN"
        return value if abs(value) != float("inf") else "Infinity" if value > 0 else "-Infinity"
    if hasattr(value, "asDict"):
        return {name: plain(part) for name, part in zip(value.__fields__, value)}
    if isinstance(value, dict):
        return [[plain(key), plain(part)] for key, part in value.items()]
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


def answer(spark, request):
    if "parquet" in request:
        frame = spark.read.parquet(request["parquet"])
        if "column" in request:
            frame = frame.select(f"`{request['column']}`")
    else:
        frame = spark.sql(request["sql"])
    return {"rows": [plain(row) for row in frame.collect()]}


def main():
    spark = start(sys.argv[1])
    for line in sys.stdin:
        try:
            result = answer(spark, json.loads(line))
        except Exception as error:
            result = {"error": " ".join(str(error).split())[:1500]}
        print(json.dumps(result), flush=True)
    spark.stop()


main()
