import Glibc

/// Sockets that listen.
enum ListeningSocket {
    private static let backlog: Int32 = 1024

    static func open(_ endpoint: HTTPServerConfiguration.Endpoint) throws(HTTPServerError) -> Int32 {
        switch endpoint {
        case .tcp(let address, let port): try openTCP(address, port, endpoint)
        case .unix(let path, let mode): try openUnix(path, mode: mode)
        }
    }

    /// The port a TCP socket is bound to.
    static func port(of descriptor: Int32) -> Int? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard status == 0 else { return nil }
        return withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            // The port lies at the same place in both.
            case AF_INET, AF_INET6: Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            default: nil
            }
        }
    }

    // MARK: -

    private static func openTCP(
        _ address: String, _ port: Int, _ endpoint: HTTPServerConfiguration.Endpoint
    ) throws(HTTPServerError) -> Int32 {
        guard let port = UInt16(exactly: port) else {
            throw HTTPServerError(.invalid, "\(port) is no port: it must be from 0 to 65535")
        }
        let numeric = address == "localhost" ? "127.0.0.1" : address
        var four = sockaddr_in()
        if inet_pton(AF_INET, numeric, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            let descriptor = try open(AF_INET)
            return try bind(descriptor, &four, "\(endpoint)")
        }
        var six = sockaddr_in6()
        guard inet_pton(AF_INET6, numeric, &six.sin6_addr) == 1 else {
            throw HTTPServerError(.invalid, "\"\(address)\" is no numeric IP address and not localhost")
        }
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = port.bigEndian
        let descriptor = try open(AF_INET6)
        var off: Int32 = 0
        setsockopt(
            descriptor, Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY), &off, socklen_t(MemoryLayout<Int32>.size))
        return try bind(descriptor, &six, "\(endpoint)")
    }

    private static func open(_ family: Int32) throws(HTTPServerError) -> Int32 {
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, flags, 0)
        guard descriptor >= 0 else { throw failure("no socket") }
        var on: Int32 = 1
        if family != AF_UNIX {
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        return descriptor
    }

    private static func bind<Address>(
        _ descriptor: Int32, _ address: inout Address, _ name: String
    ) throws(HTTPServerError) -> Int32 {
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard status == 0, Glibc.listen(descriptor, backlog) == 0 else {
            let error = failure("cannot listen on \(name)")
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Binds under a temporary name and renames it into place: whoever connects finds the old socket or the new one, with its
    /// final permissions, and a socket another process serves is never removed.
    private static func openUnix(_ path: String, mode: UInt32) throws(HTTPServerError) -> Int32 {
        try refuseTaken(path)
        let temporary = "\(path).\(getpid())"
        var address = try unixAddress(temporary)
        let descriptor = try open(AF_UNIX)
        unlink(temporary)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0, chmod(temporary, mode) == 0, Glibc.listen(descriptor, backlog) == 0,
            rename(temporary, path) == 0
        else {
            let error = failure("cannot listen on unix:\(path)")
            unlink(temporary)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func refuseTaken(_ path: String) throws(HTTPServerError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw HTTPServerError(.invalid, "\(path) exists and is no socket")
        }
        var address = try unixAddress(path)
        let probe = try open(AF_UNIX)
        defer { close(probe) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // A socket whose process is dead refuses; one whose queue is full (EAGAIN) lives.
        if connected == 0 || errno == EAGAIN {
            throw HTTPServerError(.addressInUse, "another process listens on unix:\(path)")
        }
    }

    private static func unixAddress(_ path: String) throws(HTTPServerError) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard bytes.count < room, !bytes.contains(0) else {
            throw HTTPServerError(
                .invalid, "the socket path \(path) is longer than the \(room - 9) bytes the system allows")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    private static func failure(_ what: String) -> HTTPServerError {
        let number = errno
        return HTTPServerError(
            number == EADDRINUSE ? .addressInUse : .failed, "\(what): \(String(cString: strerror(number)))")
    }
}
