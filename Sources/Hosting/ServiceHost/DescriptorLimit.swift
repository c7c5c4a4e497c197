import Glibc

/// How many files and sockets the process may have open.
enum DescriptorLimit {
    /// What a worker needs besides its connections: log, files, calls to others.
    private static let reserve = 512

    /// Raises the soft limit to the hard one, as whoever serves many connections must. Calls of `select` with more than
    /// 1,024 descriptors, for which the soft limit exists, are not made here.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(RLIMIT_NOFILE.asResource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(RLIMIT_NOFILE.asResource, &limit)
    }

    /// How many of the wanted connections the limit allows.
    static func connections(wanted: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(RLIMIT_NOFILE.asResource, &limit) == 0 else { return wanted }
        let files = Int(clamping: limit.rlim_cur)
        return min(wanted, max(files / 2, files - reserve))
    }
}

extension __rlimit_resource {
    fileprivate var asResource: __rlimit_resource_t { __rlimit_resource_t(rawValue) }
}
