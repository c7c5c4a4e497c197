/// What a put of known content came to.
public enum ProvedPut: Hashable, Sendable {
    /// Written now.
    case stored
    /// The object was there with this very content: written earlier, by a request whose answer was lost, or by another
    /// who had the same to write.
    case alreadySame
    /// There is another object of that name.
    case differs
}

extension ObjectStore {
    /// Writes an object of known content if none is there, and settles what happened when the store does not say: after a
    /// failed condition or an unknown outcome the object is read back and compared.
    ///
    /// - Throws: what the store threw, when the object cannot be read back or is not there; its `effect` is `unknown`
    ///   when the write may still take place.
    public func putIfAbsentProved(
        _ location: ObjectLocation, _ bytes: [UInt8], contentType: String? = nil
    ) async throws(ObjectStoreError) -> ProvedPut {
        do throws(ObjectStoreError) {
            switch try await put(location, bytes, condition: .ifAbsent, contentType: contentType) {
            case .stored: return .stored
            case .conditionFailed:
                return try await provedAgainst(location, bytes)
            }
        } catch {
            guard error.effect == .unknown, let isSame = try await provedContent(location, bytes, after: error) else {
                throw error
            }
            return isSame ? .alreadySame : .differs
        }
    }

    /// Whether the object holds exactly `bytes`; nil when there is none.
    func holds(_ location: ObjectLocation, _ bytes: [UInt8]) async throws(ObjectStoreError) -> Bool? {
        guard let info = try await head(location) else { return nil }
        guard info.size == Int64(bytes.count) else { return false }
        do throws(ObjectStoreError) {
            return try await get(location, range: nil).bytes == bytes
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    /// Whose object made the condition fail. Where that cannot be seen it may be this very one: a request can arrive twice,
    /// and the answer to the second say that something is there.
    private func provedAgainst(
        _ location: ObjectLocation, _ bytes: [UInt8]
    ) async throws(ObjectStoreError) -> ProvedPut {
        do throws(ObjectStoreError) {
            // Gone again between the two calls counts as another's object: this one was not written.
            return try await holds(location, bytes) == true ? .alreadySame : .differs
        } catch {
            throw ObjectStoreError(
                error.code, "something is there; reading it: \(error.message)", effect: .unknown,
                retryAfterMilliseconds: error.retryAfterMilliseconds)
        }
    }

    /// As `holds`; when looking fails too, the first error is the one that counts.
    private func provedContent(
        _ location: ObjectLocation, _ bytes: [UInt8], after first: ObjectStoreError
    ) async throws(ObjectStoreError) -> Bool? {
        do throws(ObjectStoreError) {
            return try await holds(location, bytes)
        } catch {
            throw ObjectStoreError(
                first.code, "\(first.message); reading back: \(error.message)", effect: .unknown,
                retryAfterMilliseconds: first.retryAfterMilliseconds)
        }
    }
}

extension ObjectStoreError {
    static func notFound(_ location: ObjectLocation) -> ObjectStoreError {
        ObjectStoreError(.notFound, "there is no object \(location)")
    }
}
