import Glibc

/// What a loop does for a client of its thread, besides its own work. All calls are made on that thread.
public protocol LoopGuest: AnyObject {
    /// Whose guest it is.
    var owner: AnyObject { get }

    /// Does what can be done without waiting.
    ///
    /// - Returns: whether it wants to be called again; false once its client is gone.
    func run() -> Bool

    /// Waits until one of `descriptors` is ready, there is something to do for `run`, or the time is up.
    ///
    /// - Parameters:
    ///   - descriptors: watched for input; `revents`, 0 before, says which are ready.
    ///   - milliseconds: negative for as long as it takes.
    /// - Returns: whether something is ready, be it one of them or the guest's own; false when the time is up.
    func wait(_ descriptors: inout [pollfd], milliseconds: Int32) -> Bool

    /// The loop ends: what is under way fails.
    func end()
}

/// The place that a loop has for one guest: an HTTP client whose requests come from the loop's own thread.
///
/// Such requests need no other thread: none is woken to send them, and none has to wake the loop when they are answered. For a short
/// request to a store nearby, these two are a tenth of all the time.
///
/// Belongs to one thread, on which `current` finds it.
public final class LoopSeat {
    public private(set) var guest: (any LoopGuest)?
    private var isClosed = false

    public init() {}

    /// The seat of the loop that runs on this thread.
    public static var current: LoopSeat? {
        guard let key, let seat = pthread_getspecific(key) else { return nil }
        return Unmanaged<LoopSeat>.fromOpaque(seat).takeUnretainedValue()
    }

    /// Nil when the process has no more keys: then no loop has guests.
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key, nil) == 0 ? key : nil
    }()

    /// Gives this thread the seat for as long as `body` runs.
    public func open(_ body: () -> Void) {
        if let key = Self.key { pthread_setspecific(key, Unmanaged.passUnretained(self).toOpaque()) }
        body()
        close()
        if let key = Self.key { pthread_setspecific(key, nil) }
    }

    /// False when the seat is taken.
    func take(_ guest: any LoopGuest) -> Bool {
        guard !isClosed, self.guest == nil else { return false }
        self.guest = guest
        return true
    }

    /// Lets the guest do what it can.
    public func run() {
        if let guest, !guest.run() { self.guest = nil }
    }

    /// Waits until one of `descriptors` is ready, the guest has something to do, or the time is up.
    ///
    /// - Parameter milliseconds: negative for as long as it takes.
    /// - Returns: whether something came, and not for `descriptors` alone, whose `revents` say what did.
    public func wait(_ descriptors: inout [pollfd], milliseconds: Int32) -> Bool {
        for index in descriptors.indices { descriptors[index].revents = 0 }
        if let guest { return guest.wait(&descriptors, milliseconds: milliseconds) }
        poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        return false
    }

    /// No guest from here on.
    public func close() {
        isClosed = true
        guest?.end()
        guest = nil
    }
}
