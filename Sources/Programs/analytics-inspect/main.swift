import Glibc
import Inspect

let result = await InspectCommand.run(Array(CommandLine.arguments.dropFirst()))
for (descriptor, text) in [(STDOUT_FILENO, result.output), (STDERR_FILENO, result.problem)] where !text.isEmpty {
    let bytes = Array((text + "\n").utf8)
    var written = 0
    while written < bytes.count {
        let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        // A reader that went away (`| head`) wants no more.
        guard count > 0 || errno == EINTR else { break }
        written += max(count, 0)
    }
}
exit(result.exitCode)
