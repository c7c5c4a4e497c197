import Foundation
import IcebergSpec
import JSONFormat
import Testing

@Suite(.enabled(if: Corpus.root != nil, Comment(rawValue: Corpus.missing)))
struct CorpusTests {
    /// Names of the resources of iceberg-java and iceberg-rust say what is wrong with them. `SchemasWithoutCurrentId`
    /// and `PartitionSpecsWithoutDefaultId` are version 1, where those members are optional.
    private static let refused = ["Missing", "NotFound", "Unsupported", "NoValidSchema"]

    static let resources = Corpus.files(under: "spec-resources") { name in
        name.hasPrefix("TableMetadata") || name.hasPrefix("example_") && name.contains("table_metadata")
    }

    @Test func `the resources are there`() {
        #expect(Self.resources.count >= 25)
    }

    @Test(arguments: resources)
    func `a resource is taken or refused as its name says`(_ url: URL) throws {
        let name = url.lastPathComponent
        let bytes = try Corpus.bytes(url)
        guard Self.refused.contains(where: name.contains) else {
            let metadata = try TableMetadataFile.decode(bytes)
            let again = try TableMetadata(json: metadata.json)
            #expect(again == metadata)
            return
        }
        let error = #expect(throws: IcebergError.self) { try TableMetadataFile.decode(bytes) }
        #expect(error?.message.isEmpty == false)
    }

    /// All but an empty object that stands in for a first version.
    static let tables = Corpus.files(under: "tables") { name in
        name.hasSuffix(".metadata.json") || name.hasSuffix(".metadata.json.gz")
    }.filter { !$0.path.hasSuffix("big_query_error/metadata/v0.metadata.json") }

    @Test(arguments: tables)
    func `metadata of real tables is read, written and read again`(_ url: URL) throws {
        let metadata = try TableMetadataFile.decode(Corpus.bytes(url))
        let again = try TableMetadataFile.decode(TableMetadataFile.encode(metadata, compressed: true))
        #expect(again == metadata)
    }

    /// `iceberg_uppercase_col` contradicts itself: edited by hand, its two copies of the schema differ.
    @Test(arguments: tables.filter { !$0.path.contains("iceberg_uppercase_col") })
    func `what a real table says is said again`(_ url: URL) throws {
        let original = try TableMetadataFile.decodeJSON(Corpus.bytes(url))
        let metadata = try TableMetadata(json: original)
        let difference = Difference.lost(from: original, in: metadata.json)
        #expect(difference == [])
    }
}

/// What is in one JSON document and not, or differently, in another. Types may be spelled with or without spaces.
enum Difference {
    static func lost(from left: JSONValue, in right: JSONValue, path: String = "$") -> [String] {
        switch (left, right) {
        case (.object(let members), .object):
            return members.members.flatMap { member -> [String] in
                let place = "\(path).\(member.key)"
                if member.value.isNull || isDefault(member) { return [] }
                guard let other = right[member.key] else { return ["\(place) is missing"] }
                return lost(from: member.value, in: other, path: place)
            }
        case (.array(let first), .array(let second)):
            guard first.count == second.count else { return ["\(path): \(first.count) became \(second.count)"] }
            return zip(first, second).enumerated().flatMap {
                lost(from: $0.element.0, in: $0.element.1, path: "\(path)[\($0.offset)]")
            }
        case (.string(let first), .string(let second)):
            return first.filter { $0 != " " } == second.filter { $0 != " " }
                ? [] : ["\(path): \(first) became \(second)"]
        default:
            if left == right { return [] }
            return ["\(path): \(left.serializedString()) became \(right.serializedString())"]
        }
    }

    /// Members that say no more when they are there.
    private static func isDefault(_ member: JSONObject.Member) -> Bool {
        member.key == "sequence-number" && member.value == 0
            || member.key == "identifier-field-ids" && member.value == []
            || member.key == "current-snapshot-id" && member.value == -1
            || member.value == .object(JSONObject())
    }
}
