import Glibc
import JSONFormat

/// How worker processes are started.
package struct WorkerCommand: Hashable, Sendable {
    package let executable: String
    package let addressSpaceBytes: Int

    /// - Parameter executable: a program whose `main` calls `QueryWorker.runIfAsked`; by default this very one.
    package init(executable: String = "/proc/self/exe", memoryBytes: Int) {
        self.executable = executable
        addressSpaceBytes = memoryBytes + WorkerLimits.addressSpaceOverheadBytes
    }
}

/// A running worker process. Belongs to the thread that started it, which it dies with.
struct WorkerProcess {
    let pid: pid_t
    let channel: WorkerChannel

    static func start(_ command: WorkerCommand) throws(QueryError) -> WorkerProcess {
        var sockets: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &sockets) == 0 else {
            throw QueryError(.overloaded, "No query worker could be started: no descriptors left.")
        }
        defer { close(sockets[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, sockets[1], 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        // The file itself and not /proc/self/exe, which in the child would mean what it means there.
        let executable = realPath(command.executable)
        let arguments = [executable, QueryWorker.flag, String(getpid()), String(command.addressSpaceBytes)]
        var pid = pid_t()
        let failure = withCStrings(arguments) { argv in
            withCStrings(libraryPath) { environment in
                posix_spawn(&pid, executable, &actions, nil, argv, environment)
            }
        }
        guard failure == 0 else {
            close(sockets[0])
            throw QueryError(.overloaded, "No query worker could be started: \(String(cString: strerror(failure))).")
        }
        return WorkerProcess(pid: pid, channel: WorkerChannel(descriptor: sockets[0]))
    }

    /// Ends it at once and waits until it is gone.
    func kill() {
        Glibc.kill(pid, SIGKILL)
        close(channel.descriptor)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    }

    /// Where the dynamic linker looks is all a worker inherits; nothing secret may be in its environment.
    private static var libraryPath: [String] {
        guard let path = getenv("LD_LIBRARY_PATH") else { return [] }
        return ["LD_LIBRARY_PATH=\(String(cString: path))"]
    }

    private static func realPath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
