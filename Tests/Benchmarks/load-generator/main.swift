import CEpoll
import Clocks
import Glibc
import JSONFormat

/// Drives the clients, keeps the clock.
final class Load {
    private let options: Options
    private var requests: Requests
    private let clients: [Client]
    private let epoll = cepoll_create()
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private let clock = SystemClock()
    private var idle: [Int] = []
    private var latencies: [UInt32] = []
    private var statuses: [Int: Int] = [:]
    private var lost = 0
    private var isExhausted = false
    private let start: UInt64
    private var scheduled = 0

    init?(_ options: Options) {
        self.options = options
        guard let requests = Requests(options) else { return nil }
        self.requests = requests
        var clients: [Client] = []
        for index in 0..<options.connections {
            guard let client = Client(host: options.host, port: options.port) else { return nil }
            cepoll_add_connection(epoll, client.descriptor, UInt64(index))
            clients.append(client)
        }
        self.clients = clients
        idle = Array(clients.indices)
        latencies.reserveCapacity(1 << 20)
        start = clock.nanoseconds()
    }

    func run() -> JSONValue {
        let end = start + UInt64(options.seconds * 1e9)
        var events = [cepoll_event](repeating: cepoll_event(), count: CEPOLL_BATCH)
        var now = start
        while !(isExhausted || now >= end) || idle.count + lost < clients.count {
            if now < end { sendDue(now) }
            // An answer that never comes must not hold the rest.
            if now > end + 10_000_000_000 || lost == clients.count { break }
            let count = cepoll_wait(epoll, &events, options.rate == nil ? 100 : 1)
            now = clock.nanoseconds()
            for event in events.prefix(max(0, Int(count))) { take(event, now) }
        }
        return report(Double(clock.nanoseconds() - start) / 1e9)
    }

    private func sendDue(_ now: UInt64) {
        while !isExhausted, let index = idle.last {
            var due = now
            if let rate = options.rate {
                due = start + UInt64(Double(scheduled) / rate * 1e9)
                guard due <= now else { return }
            }
            guard let request = requests.next() else {
                isExhausted = true
                return
            }
            idle.removeLast()
            scheduled += 1
            clients[index].start(request, due: due)
        }
    }

    private func take(_ event: cepoll_event, _ now: UInt64) {
        let index = Int(event.token)
        let client = clients[index]
        guard let due = client.due else { return }
        client.flush()
        switch client.receive(buffer) {
        case .none: break
        case .status(let status):
            idle.append(index)
            guard Double(due - start) >= options.warmUp * 1e9 else { return }
            statuses[status, default: 0] += 1
            latencies.append(UInt32(clamping: (now - due) / 1000))
        case .lost: lost += 1
        }
    }

    private func report(_ seconds: Double) -> JSONValue {
        latencies.sort()
        func quantile(_ share: Double) -> JSONValue {
            guard !latencies.isEmpty else { return .null }
            return .double(Double(latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))]) / 1000)
        }
        let counted = seconds - options.warmUp
        return [
            "requests": JSONValue(latencies.count), "seconds": .double(counted), "connections_lost": JSONValue(lost),
            "requests_per_second": .double(Double(latencies.count) / counted),
            "statuses": .object(
                JSONObject(
                    statuses.sorted { $0.key < $1.key }.map {
                        JSONObject.Member(key: String($0.key), value: JSONValue($0.value))
                    })),
            "latency_ms": [
                "p50": quantile(0.5), "p90": quantile(0.9), "p99": quantile(0.99), "p999": quantile(0.999),
                "max": quantile(1),
            ],
        ]
    }
}

signal(SIGPIPE, SIG_IGN)
guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
    print(Options.usage)
    exit(2)
}
guard let load = Load(options) else {
    print("load-generator: the file cannot be read, or nobody listens on \(options.host):\(options.port)")
    exit(1)
}
print(load.run().serializedString())
