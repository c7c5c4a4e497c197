// Measures the Parquet reader and writer, one request a line on standard input, one line of JSON for each answer:
//
//     load FILE                             take a file's rows as the input of `write`
//     write FILE compatible|compact ROWS    write them with row groups of ROWS rows
//     read FILE                             decode every column of every row group
//     filter FILE TIME FROM TO COLUMN…      decode columns of the rows with FROM <= TIME < TO
//
// One process for a whole run, as the peers have one: memory that was used before is used again.

var benchmark = Benchmark()
while let line = readLine(strippingNewline: true) {
    do {
        Output.line(try benchmark.answer(line.split(separator: " ").map(String.init)))
    } catch {
        Output.line("{\"error\": \"\(error)\"}")
    }
}
