import Glibc
import Inspect

let result = await InspectCommand.run(Array(CommandLine.arguments.dropFirst()))
let text = Array((result.output + "\n").utf8)
var written = 0
while written < text.count {
    let count = text[written...].withUnsafeBytes {
        write(result.exitCode == 0 ? STDOUT_FILENO : STDERR_FILENO, $0.baseAddress, $0.count)
    }
    // A reader that went away (`| head`) wants no more.
    guard count > 0 || errno == EINTR else { break }
    written += max(count, 0)
}
exit(result.exitCode)
