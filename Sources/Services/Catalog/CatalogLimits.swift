/// The limits of the catalog service, in one place.
package enum CatalogLimits {
    /// Attempts to advance a register against other writers before the commit is refused as lost.
    package static let commitAttemptsMax = 32
    /// Commits to one table that are made together, and what their requests take together.
    package static let commitsPerGroupMax = 64
    package static let groupBytesMax = 4 << 20
    /// Files of a group of commits written at the same time.
    package static let commitPutsMax = 16
    /// Register entries looked through, newest first, for the key of a repeated request.
    package static let idempotencyEntriesMax = 1024
    /// Of them, read at the same time.
    package static let idempotencyReadsMax = 16
    /// Older register entries kept in memory.
    package static let cachedEntriesMax = 16_384
    /// How long it is certain that a version seen to be the newest has not been followed by one that was trimmed since.
    package static let headTrustMilliseconds: Int64 = 600_000
    /// How long a version seen in the store is taken to be still there: buckets are lost, too.
    package static let headProofMilliseconds: Int64 = 5_000
    /// A register that has grown by so many versions gets a new hint, and may be trimmed.
    package static let hintEveryVersions: Int64 = 64
    /// The last version a register can have, a hundred a second for thirty years: what is named as one beyond it is none.
    package static let registerVersionMax: Int64 = 99_999_999_999
    /// Versions deleted by one trimming.
    package static let trimmedVersionsMax = 10_000
    package static let maintainEveryMilliseconds = 60_000
    /// How long a store that has proved to decide races is taken to go on doing so, across starts.
    package static let storeProofMilliseconds: Int64 = 24 * 3_600_000
    /// ISO 8601: how long a client may count on a repeat being recognised.
    package static let idempotencyLifetime = "PT\(idempotencyMinutes)M"
    package static let idempotencyMinutes = 30
    /// Refusals that are too old to count, removed when another is kept.
    package static let refusalsRemovedAtOnce = 100
    /// Attempts to put what a table is called beside its metadata, against others.
    package static let nameRecordAttemptsMax = 4
    /// How long a table may be staged while its client gets access to its files, and the token that says where.
    package static let stagedMilliseconds: Int64 = 24 * 3_600_000
    package static let stagedTokenBytesMax = 4_096
    /// Dropped tables looked at by one request.
    package static let droppedTablesListed = 10_000
    package static let dropRetentionHours = 168
    package static let dropRetentionHoursMax = 8_760
    /// How long bringing a dropped table back may take before it counts as given up.
    package static let restoreMilliseconds: Int64 = 900_000
    /// How exactly a store tells when objects were written, in relation to each other.
    package static let storeTimeToleranceMilliseconds: Int64 = 60_000
    package static let purgeEveryMilliseconds = 600_000
    /// Of a function's metadata, which its register holds.
    package static let functionBytesMax = 256 << 10
    /// Register heads and decisions kept in memory.
    package static let cachedHeadsMax = 10_000
    /// Table metadata kept in memory, by what it takes there.
    package static let cachedMetadataBytesMax = 128 << 20
    /// What metadata that has been taken apart takes, in lengths of its text: of schemas of 50,000 columns, measured.
    package static let parsedMetadataFactor = 10
    /// A metadata file of so much text is compressed unless the table says otherwise.
    package static let compressedMetadataBytesMin = 1 << 20
    /// Documents of tables kept in memory, ready to be sent; of those with all snapshots the small ones.
    package static let cachedFormsBytesMax = 16 << 20
    package static let keptFormBytesMax = 60 << 10
    /// View metadata kept in memory, by size of the files.
    package static let cachedViewBytesMax = 16 << 20
    /// Reads of the store that one request makes at the same time.
    package static let concurrentReads = 16
    /// Of one entry of a register.
    package static let registerEntryBytesMax = 1 << 20
    /// How long the answer to a commit may wait for old metadata files to be deleted.
    package static let metadataRemovalMillisecondsMax = 2_000
    package static let namespacePropertiesMax = 1_000
    package static let updatesPerCommitMax = 10_000
    package static let definitionsPerCommitMax = 100
    package static let tablesPerTransactionMax = 100
    /// How far the time of a new snapshot may lie in the future.
    package static let snapshotAheadMillisecondsMax: Int64 = 15 * 60_000
    /// On all things together: they are one register entry.
    package static let grantsMax = 4_000
    /// Manifests read at a commit, of those a snapshot adds and of those it takes out, each: more are checked by the list
    /// alone.
    package static let gateManifestsMax = 100
    /// Their bytes together, as the list says.
    package static let gateBytesMax: Int64 = 32 << 20
    /// Of one file that the gate reads.
    package static let gateFileBytesMax: Int64 = 64 << 20
    /// Estimated bytes of manifests kept in memory for commits that are tried again.
    package static let gateCacheBytesMax = 16 << 20
    /// Manifest lists whose schemas have been looked at.
    package static let gateListsMax = 10_000
    /// Versions of registers that one look at the audit reads.
    package static let auditVersionsMax = 20_000
    /// Registers whose events are followed at once: the cursor names each, and comes in the head of a request, of 16 KiB.
    package static let eventRegistersMax = 700
    package static let eventsPerAnswerMax = 1_000
    /// Of one register, so that many of them do not fill the memory.
    package static let eventsPerRegisterMax = 100
    package static let eventWaitSecondsMax = 25
    /// Readers that wait for events of one replica.
    package static let eventWaitersMax = 64
    /// Of them, those of one principal: one that goes away is only missed at the end of its wait.
    package static let eventWaitersOfOneMax = 16
    package static let pageSizeMax = 1_000
    /// A claim of a location by a table that does not exist (yet) holds this long.
    package static let locationClaimSeconds: Int64 = 900
    /// Tables, registers and metadata files that an operation looks at at the same time.
    package static let operationConcurrency = 16
    /// What a look at a table may take, unless its caller says otherwise.
    package static let operationMillisecondsDefault = 60_000
    package static let operationSecondsMax = 3_600
    /// Versions of a register, and metadata files of a folder, that are looked through for one that is whole.
    package static let recoveryEntriesMax = 1_000
    package static let transactionsListedMax = 1_000
    /// A rebuild looks at the whole table again when a commit was first.
    package static let rebuildAttemptsMax = 4
    /// How often the health of tables is measured for the gauges, and of how many.
    package static let healthEveryMilliseconds = 300_000
    package static let tablesMeasuredMax = 1_000
    /// Folders above tables that are looked into when tables are searched for, and how deep.
    package static let foldersVisitedMax = 100_000
    package static let folderDepthMax = 20
    package static let requestBodyBytesMax = 64 << 20

    /// A scan whose manifests list no more files is answered whole at once.
    package static let planFilesInlineMax: Int64 = 1_000
    /// Files of one answer to a plan or plan task, without column statistics.
    package static let planFilesPerAnswerMax = 2_000
    /// Column statistics of all files in one such answer.
    package static let planStatisticsPerAnswerMax = 200_000
    /// Plan tasks of one plan, and what they may take together.
    package static let planTasksMax = 500
    package static let planTasksBytesMax = 4 << 20
    /// A plan id is part of a path.
    package static let planIDBytesMax = 4_096
    package static let planTaskBytesMax = 64 << 10
    /// Of a scan as a token holds it, decompressed.
    package static let planRequestBytesMax = 16 << 20
    /// Columns named in `select` or `stats-fields`.
    package static let planColumnsMax = 10_000
    /// Temporary credentials kept to be handed out again, each for one table.
    package static let cachedCredentialsMax = 10_000
    /// Keys of one signed request that deletes many objects.
    package static let signedDeletionsMax = 1_000
    package static let metricsReportBytesMax = 64 << 10
    package static let metricsReportsPerTableMax = 50
    /// Of all tables, in memory.
    package static let metricsReportsBytesMax = 4 << 20
}
