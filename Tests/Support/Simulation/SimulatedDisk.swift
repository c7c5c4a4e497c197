import Files
import Glibc
import Synchronization
import WriteAheadLog

/// The disk of one machine: what programs see, and what of it a power loss leaves.
///
/// A power loss keeps what was synced. Of what was not, each file and the directory keep nothing, everything, a prefix, or
/// any part: writes in blocks, names one by one. A rename is one name, old or new.
package final class SimulatedDisk: Sendable {
    /// What the disk does wrong on purpose.
    package struct Lies: Sendable {
        package var ignoresSync = false
        package var ignoresFailedSync = false
        package var ignoresDirectorySync = false
        package var ignoresTruncate = false
        package var ignoresNames: @Sendable (String) -> Bool = { _ in false }
        package init() {}
    }

    /// How often calls fail, in thousandths.
    package struct Faults: Sendable {
        package var noSpace = 0
        package var failedWrite = 0
        package var failedSync = 0
        package init() {}
    }

    private enum Change {
        case write(Int, [UInt8])
        case truncate(Int)
    }

    private struct Inode {
        var bytes: [UInt8] = []
        /// What is certain to survive.
        var durable: [UInt8] = []
        /// What was done since.
        var unsynced: [Change] = []
    }

    private enum Naming {
        case link(String, Int)
        case unlink(String)
    }

    private struct State {
        var inodes: [Int: Inode] = [:]
        var next = 0
        var names: [String: Int] = [:]
        var durableNames: [String: Int] = [:]
        /// Changes of names that are not synced.
        var namings: [Naming] = []
        var faults = Faults()
        /// Until when the disk is full, in calls.
        var fullCalls = 0
    }

    package let lies: Lies
    private let random: SimulatedRandom
    private let trace: SimulatedTrace
    private let state: Mutex<State>
    private let removalJudge = Mutex<(@Sendable (String, [String: [UInt8]]) -> Void)?>(nil)

    package init(_ random: SimulatedRandom, faults: Faults, lies: Lies = Lies(), _ trace: SimulatedTrace) {
        self.random = random
        self.lies = lies
        self.trace = trace
        var state = State()
        state.faults = faults
        self.state = Mutex(state)
    }

    /// `judge` is shown each file that goes, and all files before.
    package func onRemove(_ judge: @escaping @Sendable (String, [String: [UInt8]]) -> Void) {
        removalJudge.withLock { $0 = judge }
    }

    /// No call fails any more.
    package func heal() {
        state.withLock {
            $0.faults = Faults()
            $0.fullCalls = 0
        }
    }

    package func wipe() {
        state.withLock { state in
            state.inodes.removeAll()
            state.names.removeAll()
            state.durableNames.removeAll()
            state.namings.removeAll()
        }
    }

    /// Another disk with what a copy of this one's files would have.
    package func copy(_ random: SimulatedRandom) -> SimulatedDisk {
        let disk = SimulatedDisk(random, faults: Faults(), lies: lies, trace)
        let files = self.files
        disk.state.withLock { state in
            for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
                state.inodes[state.next] = Inode(bytes: bytes, durable: bytes)
                state.names[name] = state.next
                state.next += 1
            }
            state.durableNames = state.names
        }
        return disk
    }

    package var files: [String: [UInt8]] {
        state.withLock { state in state.names.mapValues { state.inodes[$0]?.bytes ?? [] } }
    }

    // MARK: - Power loss

    package func losePower() {
        state.withLock { state in
            let known = state.durableNames
            state.names = keptNames(state)
            for (name, inode) in state.names.sorted(by: { $0.key < $1.key }) {
                guard let file = state.inodes[inode] else { continue }
                let kept = file.unsynced.isEmpty ? file.durable : self.kept(file)
                trace.note(
                    "  left of \(name): \(kept.count) bytes, \(file.durable.count) were synced of \(file.bytes.count)"
                        + (known[name] == nil ? ", its name was not synced" : ""))
                state.inodes[inode] = Inode(bytes: kept, durable: kept)
            }
            let used = Set(state.names.values)
            state.inodes = state.inodes.filter { used.contains($0.key) }
            state.durableNames = state.names
            state.namings.removeAll()
        }
    }

    private func keptNames(_ state: State) -> [String: Int] {
        var names = state.durableNames
        let mode = random.below(4)
        let prefix = random.below(state.namings.count + 1)
        for (index, naming) in state.namings.enumerated() {
            let isKept =
                switch mode {
                case 0: false
                case 1: true
                case 2: index < prefix
                default: random.chance(500)
                }
            guard isKept else { continue }
            switch naming {
            case .link(let name, let inode): names[name] = inode
            case .unlink(let name): names[name] = nil
            }
        }
        return names
    }

    private func kept(_ file: Inode) -> [UInt8] {
        let mode = random.below(4)
        if mode == 0 { return file.durable }
        if mode == 1 { return file.bytes }
        var bytes = file.durable
        let whole = mode == 2 ? random.below(file.unsynced.count + 1) : 0
        for (index, change) in file.unsynced.enumerated() {
            switch change {
            case .truncate(let size):
                if mode == 2 ? index < whole : random.chance(500) { bytes = Array(bytes.prefix(size)) }
            case .write(let offset, let written):
                if mode == 2 {
                    if index > whole { break }
                    let count = index < whole ? written.count : random.below(written.count + 1)
                    Self.put(written.prefix(count), at: offset, in: &bytes)
                } else {
                    putBlocks(written, at: offset, in: &bytes)
                }
            }
        }
        return bytes
    }

    /// The file has its new length, and any of its blocks.
    private func putBlocks(_ written: [UInt8], at offset: Int, in bytes: inout [UInt8]) {
        let block = random.pick([16, 64, 512])
        if bytes.count < offset + written.count {
            bytes += [UInt8](repeating: 0, count: offset + written.count - bytes.count)
        }
        for start in stride(from: 0, to: written.count, by: block) where random.chance(500) {
            let end = min(start + block, written.count)
            bytes.replaceSubrange(offset + start..<offset + end, with: written[start..<end])
        }
    }

    private static func put(_ written: ArraySlice<UInt8>, at offset: Int, in bytes: inout [UInt8]) {
        if bytes.count < offset + written.count {
            bytes += [UInt8](repeating: 0, count: offset + written.count - bytes.count)
        }
        bytes.replaceSubrange(offset..<offset + written.count, with: written)
    }

    // MARK: - What programs do

    /// The disk as one program sees it.
    package func mounted(by process: SimulatedProcess) -> any LogStorage { Mount(disk: self, process: process) }

    fileprivate func names() -> [String] { state.withLock { $0.names.keys.sorted() } }

    fileprivate func bytes(_ name: String) -> [UInt8]? {
        state.withLock { state in state.names[name].flatMap { state.inodes[$0]?.bytes } }
    }

    fileprivate func inode(_ name: String) -> Int? { state.withLock { $0.names[name] } }

    fileprivate func create(_ name: String) -> Int {
        state.withLock { state in
            if let known = state.names[name] {
                change(known, .truncate(0), &state)
                return known
            }
            let inode = state.next
            state.next += 1
            state.inodes[inode] = Inode()
            state.names[name] = inode
            state.namings.append(.link(name, inode))
            return inode
        }
    }

    fileprivate func rename(_ inode: Int, to name: String) {
        state.withLock { state in
            state.names[name] = inode
            state.namings.append(.link(name, inode))
        }
    }

    fileprivate func unlink(_ name: String) {
        if name.hasSuffix(".segment"), let judge = removalJudge.withLock({ $0 }) { judge(name, files) }
        state.withLock { state in
            guard state.names.removeValue(forKey: name) != nil else { return }
            state.namings.append(.unlink(name))
        }
    }

    fileprivate func syncNames() {
        guard !lies.ignoresDirectorySync else { return }
        state.withLock { state in
            state.durableNames = state.names
            state.namings.removeAll()
        }
    }

    fileprivate func write(_ bytes: ArraySlice<UInt8>, at offset: Int, inode: Int) {
        state.withLock { state in change(inode, .write(offset, Array(bytes)), &state) }
    }

    fileprivate func truncate(_ inode: Int, to size: Int) {
        guard !lies.ignoresTruncate else { return }
        state.withLock { state in change(inode, .truncate(size), &state) }
    }

    private func change(_ inode: Int, _ change: Change, _ state: inout State) {
        var bytes = state.inodes[inode]?.bytes ?? []
        state.inodes[inode]?.bytes = []
        switch change {
        case .truncate(let size): bytes.removeLast(max(0, bytes.count - size))
        case .write(let offset, let written): Self.put(written[...], at: offset, in: &bytes)
        }
        state.inodes[inode]?.bytes = bytes
        state.inodes[inode]?.unsynced.append(change)
    }

    fileprivate func sync(_ inode: Int) {
        guard !lies.ignoresSync else { return }
        state.withLock { state in
            guard let bytes = state.inodes[inode]?.bytes else { return }
            state.inodes[inode]?.durable = bytes
            state.inodes[inode]?.unsynced.removeAll()
        }
    }

    enum Failure { case noSpace, failed }

    /// What goes wrong with this call, if anything.
    fileprivate func failure(ofWrite isWrite: Bool) -> Failure? {
        state.withLock { state in
            if !isWrite { return random.chance(state.faults.failedSync) ? .failed : nil }
            if state.fullCalls > 0 {
                state.fullCalls -= 1
                return .noSpace
            }
            if random.chance(state.faults.noSpace) {
                state.fullCalls = random.below(6)
                return .noSpace
            }
            return random.chance(state.faults.failedWrite) ? .failed : nil
        }
    }
}

/// What one program does with its disk.
private struct Mount: LogStorage {
    let disk: SimulatedDisk
    let process: SimulatedProcess

    static func dead(_ operation: String, _ name: String) -> FileError {
        FileError(operation: operation, path: name, errno: EIO)
    }

    private func step(_ operation: String, _ name: String) throws(FileError) {
        guard process.mayGoOn("\(operation) \(name)") else { throw Self.dead(operation, name) }
    }

    private func fail(_ failure: SimulatedDisk.Failure?, _ operation: String, _ name: String) throws(FileError) {
        guard let failure else { return }
        throw FileError(operation: operation, path: name, errno: failure == .noSpace ? ENOSPC : EIO)
    }

    func list() throws(FileError) -> [String] { disk.names() }

    func read(_ name: String) throws(FileError) -> [UInt8] {
        guard process.isAlive else { throw Self.dead("read", name) }
        guard let bytes = disk.bytes(name) else { throw FileError(operation: "open", path: name, errno: ENOENT) }
        return bytes
    }

    func writeAtomically(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        guard !disk.lies.ignoresNames(name) else { return }
        let temporary = ".\(name).tmp"
        let file = try create(temporary)
        do throws(FileError) {
            try file.write(bytes, at: 0)
            try file.synchronize()
            try step("rename", name)
        } catch {
            if process.isAlive { disk.unlink(temporary) }
            throw error
        }
        if let inode = disk.inode(temporary) { disk.rename(inode, to: name) }
        disk.unlink(temporary)
        try syncDirectory()
    }

    func open(_ name: String) throws(FileError) -> any LogFile {
        guard let inode = disk.inode(name) else { throw FileError(operation: "open", path: name, errno: ENOENT) }
        return File(mount: self, name: name, inode: inode)
    }

    func create(_ name: String) throws(FileError) -> any LogFile {
        try step("create", name)
        try fail(disk.failure(ofWrite: true), "open", name)
        return File(mount: self, name: name, inode: disk.create(name))
    }

    func remove(_ name: String) throws(FileError) {
        try step("remove", name)
        disk.unlink(name)
    }

    func syncDirectory() throws(FileError) {
        try step("sync", "the directory")
        try fail(disk.failure(ofWrite: false), "fsync", ".")
        disk.syncNames()
    }

    /// Space set aside is not modelled: a full disk stays so for a number of calls, whoever has space.
    func allocate(_ name: String, bytes: Int) throws(FileError) {
        guard process.isAlive else { throw Self.dead("posix_fallocate", name) }
    }

    func capacityBytes() throws(FileError) -> Int { 1 << 40 }

    private struct File: LogFile {
        let mount: Mount
        let name: String
        let inode: Int

        func write(_ bytes: [UInt8], at offset: Int64) throws(FileError) {
            switch mount.process.step("write \(name) \(offset)+\(bytes.count)") {
            case .goesOn: break
            case .dead: throw Mount.dead("pwrite", name)
            case .diesNow:
                mount.disk.write(bytes.prefix(mount.disk.part(of: bytes.count)), at: Int(offset), inode: inode)
                mount.process.die()
                throw Mount.dead("pwrite", name)
            }
            let failure = mount.disk.failure(ofWrite: true)
            let count = failure == nil ? bytes.count : mount.disk.part(of: bytes.count)
            mount.disk.write(bytes.prefix(count), at: Int(offset), inode: inode)
            try mount.fail(failure, "pwrite", name)
        }

        func synchronize() throws(FileError) {
            try mount.step("sync", name)
            if let failure = mount.disk.failure(ofWrite: false) {
                if mount.disk.lies.ignoresFailedSync { return }
                try mount.fail(failure, "fdatasync", name)
            }
            mount.disk.sync(inode)
        }

        func truncate(to size: Int64) throws(FileError) {
            try mount.step("truncate to \(size)", name)
            mount.disk.truncate(inode, to: Int(size))
        }
    }
}

extension SimulatedDisk {
    fileprivate func part(of count: Int) -> Int { random.below(count + 1) }
}
