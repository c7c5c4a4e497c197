import CDuckDB
import Glibc

/// What a process that runs SQL of others gives up for good. DuckDB's settings are no sandbox: a single value can be
/// larger than its memory limit, and an interrupt can take seconds to act.
public enum ProcessConfinement {
    /// Dies with the parent; gains no privileges; leaves no core; writes no file; keeps only descriptors 0 to 2; uses at most `addressSpaceBytes`.
    ///
    /// The parent is the *thread* that started this process: it must outlive the process.
    ///
    /// - Parameter parent: the process that started this one; if it is gone already, this process ends at once.
    /// - Returns: false when the system refuses one of them: then do not go on.
    public static func enter(parent: Int32, addressSpaceBytes: Int) -> Bool {
        guard cduckdb_die_with_parent(SIGKILL) == 0, cduckdb_forbid_new_privileges() == 0,
            cduckdb_forbid_dumps() == 0, getppid() == parent
        else { return false }
        // Whatever the parent had open and did not mark.
        closefrom(3)
        // One heap for all threads: each further one would reserve 64 MiB of the address space.
        guard mallopt(M_ARENA_MAX, 1) == 1 else { return false }
        return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0)
            && limit(RLIMIT_AS, rlim_t(addressSpaceBytes))
    }

    /// Lets the process use `seconds` more of processor time, all threads together; beyond that the system kills it.
    public static func allowProcessorTime(seconds: Int) {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return }
        var current = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &current)
        let used = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        current.rlim_cur = min(current.rlim_max, rlim_t(used + seconds + 1))
        setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &current)
    }

    private static func limit(_ resource: __rlimit_resource, _ value: rlim_t) -> Bool {
        var limit = rlimit(rlim_cur: value, rlim_max: value)
        return setrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0
    }
}
