import PuffinFormat
import Testing

private let content: [[UInt8]] = [Array("abcdefghi".utf8), [], [UInt8](repeating: 7, count: 5000), Array(0...255)]

private func write(_ codec: PuffinCodec?, isFooterCompressed: Bool = false) throws -> [UInt8] {
    var writer = PuffinWriter(properties: ["created-by": "a test", "b": "ü \"quoted\""])
    for (index, bytes) in content.enumerated() {
        try writer.append(
            bytes, type: "kind-\(index)".blobType, fields: [1, Int32(index)], snapshotID: .max, sequenceNumber: 7,
            compressionCodec: codec, properties: index == 1 ? [:] : ["ndv": "\(index)"])
    }
    return try writer.finish(isFooterCompressed: isFooterCompressed).bytes
}

extension String {
    fileprivate var blobType: PuffinBlobType { PuffinBlobType(rawValue: self) }
}

/// A file without blobs around a footer of any bytes.
private func file(footer payload: [UInt8], flags: [UInt8] = [0, 0, 0, 0], size: Int? = nil) -> [UInt8] {
    let size = UInt32(size ?? payload.count)
    let sizeBytes = [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: size >> UInt32($0)) }
    let magic = Array("PFA1".utf8)
    return magic + magic + payload + sizeBytes + flags + magic
}

@Suite struct PuffinFileTests {
    @Test(arguments: [nil, PuffinCodec.lz4, .zstd], [false, true])
    func `what is written is read back`(codec: PuffinCodec?, isFooterCompressed: Bool) throws {
        let bytes = try write(codec, isFooterCompressed: isFooterCompressed)
        let reader = try PuffinReader(bytes)
        #expect(reader.footer.properties == ["created-by": "a test", "b": "ü \"quoted\""])
        #expect(reader.footer.blobs.map(\.type.rawValue) == ["kind-0", "kind-1", "kind-2", "kind-3"])
        #expect(reader.footer.blobs.map(\.distinctValueCount) == [0, nil, 2, 3])
        #expect(reader.footer.blobs.allSatisfy { $0.snapshotID == .max && $0.sequenceNumber == 7 })
        #expect(reader.footer.blobs.allSatisfy { $0.compressionCodec == codec })
        for index in content.indices { #expect(try reader.blob(index) == content[index]) }
        #expect(throws: PuffinError.self) { try reader.blob(4) }
    }

    @Test func `a reader of ranges needs the tail and the blob alone`() throws {
        let bytes = try write(.zstd)
        let length = try PuffinFooter.lengthNeeded(tail: Array(bytes.suffix(12)))
        #expect(throws: PuffinError.self) {
            try PuffinFooter.parse(tail: Array(bytes.suffix(length - 1)), fileSize: Int64(bytes.count))
        }
        let footer = try PuffinFooter.parse(tail: Array(bytes.suffix(length)), fileSize: Int64(bytes.count))
        #expect(try footer == PuffinReader(bytes).footer)
        let blob = footer.blobs[2]
        let stored = Array(bytes[Int(blob.range.lowerBound)..<Int(blob.range.upperBound)])
        #expect(try blob.content(of: stored) == content[2])
        #expect(throws: PuffinError.self) { try blob.content(of: stored.dropLast()) }
    }

    @Test func `every truncation is refused`() throws {
        let bytes = try write(.lz4, isFooterCompressed: true)
        for length in 0..<bytes.count {
            #expect(throws: PuffinError.self) { try PuffinReader(Array(bytes[..<length])) }
            #expect(throws: PuffinError.self) { try PuffinReader(Array(bytes[(bytes.count - length)...])) }
        }
    }

    @Test(
        arguments: [
            (#"{"blobs":[]}"#, nil),
            (#"{"blobs":[],"properties":{"a":"b"},"unknown":1}"#, nil),
            ("", .corrupt), ("{", .corrupt), ("[]", .corrupt), ("{}", .corrupt),
            (#"{"blobs":{}}"#, .corrupt), (#"{"blobs":[],"properties":{"a":1}}"#, .corrupt),
            (#"{"blobs":[{"type":"t","fields":[],"snapshot-id":1,"sequence-number":1,"offset":4,"length":0}]}"#, nil),
            (#"{"blobs":[{"fields":[],"snapshot-id":1,"sequence-number":1,"offset":4,"length":0}]}"#, .corrupt),
            (
                #"{"blobs":[{"type":"t","fields":[],"snapshot-id":1,"sequence-number":1,"offset":4,"length":1}]}"#,
                .corrupt
            ),
            (
                #"{"blobs":[{"type":"t","fields":[],"snapshot-id":1,"sequence-number":1,"offset":3,"length":1}]}"#,
                .corrupt
            ),
            (
                #"{"blobs":[{"type":"t","fields":[],"snapshot-id":1,"sequence-number":1,"offset":4,"length":-1}]}"#,
                .corrupt
            ),
            (
                #"{"blobs":[{"type":"t","fields":[],"snapshot-id":1,"sequence-number":1,"offset":9223372036854775807,"length":9223372036854775807}]}"#,
                .corrupt
            ),
            (
                #"{"blobs":[{"type":"t","fields":[4294967296],"snapshot-id":1,"sequence-number":1,"offset":4,"length":0}]}"#,
                .corrupt
            ),
        ] as [(String, PuffinError.Code?)])
    func `the footer is checked`(json: String, code: PuffinError.Code?) {
        #expect(refusal(of: file(footer: Array(json.utf8))) == code)
    }

    @Test func `sizes and flags of the footer are checked`() {
        let footer = Array(#"{"blobs":[]}"#.utf8)
        #expect(refusal(of: file(footer: footer, size: Int(UInt32.max))) == .tooLarge)
        #expect(refusal(of: file(footer: footer, size: 1 << 20)) == .corrupt)
        #expect(refusal(of: file(footer: footer, size: 11)) == .corrupt)
        #expect(refusal(of: file(footer: footer, flags: [2, 0, 0, 0])) == .unsupported)
        #expect(refusal(of: file(footer: footer, flags: [0, 0, 0, 1])) == .unsupported)
        #expect(refusal(of: file(footer: footer, flags: [1, 0, 0, 0])) == .corrupt)
    }

    private func refusal(of bytes: [UInt8]) -> PuffinError.Code? {
        do {
            _ = try PuffinReader(bytes)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `an unknown codec is refused when its blob is read, and not before`() throws {
        var blob = try PuffinReader(try write(nil)).footer.blobs[0]
        blob.compressionCodec = PuffinCodec(rawValue: "gzip")
        #expect(throws: PuffinError(.unsupported, at: "blob at 4", "the codec gzip is neither lz4 nor zstd")) {
            try blob.content(of: content[0])
        }
    }

    @Test(arguments: [PuffinCodec.lz4, .zstd])
    func `a blob that grows beyond the limit is refused`(codec: PuffinCodec) throws {
        var writer = PuffinWriter()
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        try writer.append(
            zeros, type: "zeros", fields: [], snapshotID: 1, sequenceNumber: 1, compressionCodec: codec)
        let (bytes, _) = try writer.finish()
        var limits = PuffinLimits()
        limits.blobBytesMax = zeros.count
        #expect(try PuffinReader(bytes, limits: limits).blob(0) == zeros)
        limits.blobBytesMax -= 1
        #expect(throws: PuffinError.self) { try PuffinReader(bytes, limits: limits).blob(0) }
    }
}
