import Clocks
import Glibc

extension MetricsRegistry {
    /// Registers the `process_*` metrics Prometheus clients usually have.
    public func registerProcessMetrics(startedAt start: Timestamp = SystemClock().now()) {
        computedGauge("process_start_time_seconds", "Start of the process, seconds since 1970.") {
            Double(start.microseconds) / 1e6
        }
        computedCounter("process_cpu_seconds_total", "CPU time used, user and system.") {
            var time = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
        computedGauge("process_resident_memory_bytes", "Resident memory.") {
            let pages = readSmallFile("/proc/self/statm").split(separator: " ").dropFirst().first.flatMap { Double($0) }
            return (pages ?? 0) * Double(sysconf(Int32(_SC_PAGESIZE)))
        }
        computedGauge("process_open_fds", "Open file descriptors.") {
            guard let directory = opendir("/proc/self/fd") else { return 0 }
            defer { closedir(directory) }
            var count = 0.0
            while readdir(directory) != nil { count += 1 }
            // Without `.`, `..` and the descriptor of the listing itself.
            return max(0, count - 3)
        }
    }
}

private func readSmallFile(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 512)
    let count = read(descriptor, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
}
