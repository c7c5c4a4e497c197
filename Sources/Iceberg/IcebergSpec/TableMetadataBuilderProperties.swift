import Clocks

extension TableMetadataBuilder {
    mutating func assign(_ uuid: UUID) throws(IcebergError) {
        try require(
            state.tableUUID == nil || state.tableUUID == uuid,
            "the table's UUID is \(state.tableUUID?.description ?? "") and cannot become \(uuid)")
        state.tableUUID = uuid
    }

    mutating func upgrade(to version: Int) throws(IcebergError) {
        try require(
            TableMetadata.supportedFormatVersions.contains(version),
            "format version \(version) is not known, only 1, 2 and 3 are", .unsupported)
        try require(
            version >= state.formatVersion, "a table of version \(state.formatVersion) cannot go back to \(version)")
        if version >= 3, state.formatVersion < 3 { state.nextRowID = 0 }
        state.formatVersion = version
    }

    mutating func set(location: String) throws(IcebergError) {
        let trimmed = TableMetadata.withoutTrailingSlash(location)
        try require(!trimmed.isEmpty, "the location must not be empty")
        state.location = trimmed
    }

    mutating func set(_ properties: [String: String]) throws(IcebergError) {
        state.properties.merge(properties) { $1 }
        try require(
            state.properties.count <= Limits.propertiesMax, "more than \(Limits.propertiesMax) properties",
            .limitExceeded)
    }

    mutating func applyStatistics(_ update: TableUpdate) {
        switch update {
        case .setStatistics(let file):
            state.statistics.removeAll { $0.snapshotID == file.snapshotID }
            state.statistics.append(file)
        case .removeStatistics(let id): state.statistics.removeAll { $0.snapshotID == id }
        case .setPartitionStatistics(let file):
            state.partitionStatistics.removeAll { $0.snapshotID == file.snapshotID }
            state.partitionStatistics.append(file)
        case .removePartitionStatistics(let id): state.partitionStatistics.removeAll { $0.snapshotID == id }
        default: break
        }
    }

    mutating func add(_ key: EncryptedKey) throws(IcebergError) {
        try require(state.formatVersion >= 3, "encryption keys need format version 3")
        guard !state.encryptionKeys.contains(where: { $0.keyID == key.keyID }) else { return }
        try require(
            state.encryptionKeys.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) keys",
            .limitExceeded)
        state.encryptionKeys.append(key)
    }
}
