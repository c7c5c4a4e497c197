import Bytes
import Glibc
import JSONFormat
import ParquetFormat

// Writes and reads Parquet files for tests against other implementations.
//
//   formats-driver read FILE [COLUMN…]      every row as one line of JSON (see ValueText, RecordReader)
//   formats-driver schema FILE              the schema as JSON
//   formats-driver write DESCRIPTION FILE   a file of {"schema", "rows", "options"}
//   formats-driver serve                    one request a line on standard input, one answer a line:
//                                           {"command": "read", "file", "output", "columns"}, {"command": "write", "file", …}

do {
    try Driver.run(Array(CommandLine.arguments.dropFirst()))
} catch {
    Disk.emit(Array("formats-driver: \(error)\n".utf8), to: STDERR_FILENO)
    exit(1)
}
