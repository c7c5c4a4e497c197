/// What this module accepts from outside, all in one place.
public enum Limits {
    /// Bytes of a metadata file, before and after decompression.
    public static let metadataBytesMax = 256 << 20
    /// Of a larger metadata file the snapshots are kept as text until one is asked for.
    public static let parsedMetadataBytesMax = 64 << 10
    /// Fields of one schema, at all depths.
    public static let schemaFieldsMax = 50_000
    /// Levels of struct, list and map within each other.
    public static let typeDepthMax = 64
    /// Levels of JSON around and in a schema of that depth: a struct takes three.
    public static let jsonDepthMax = 3 * typeDepthMax + 64
    /// Schemas, partition specs, sort orders, references, keys, each.
    public static let definitionsMax = 100_000
    /// Fields of one partition spec or sort order.
    public static let partitionFieldsMax = 1_000
    /// Snapshots, entries of the snapshot log, of the metadata log, statistics files, each.
    public static let snapshotsMax = 5_000_000
    /// Manifests of one snapshot.
    public static let manifestsMax = 500_000
    /// Table properties, and members of one snapshot summary, each.
    public static let propertiesMax = 100_000
    /// UTF-8 bytes of a column, partition field or reference name.
    public static let nameBytesMax = 65_536
    /// Elements of any other array.
    public static let elementsMax = 5_000_000
    /// Nesting of one filter expression.
    public static let expressionDepthMax = 100
    /// Terms and literals of one filter expression together.
    public static let expressionTermsMax = 100_000
    /// Highest digit count of a decimal (specification: "precision must be 38 or less").
    public static let decimalPrecisionMax = 38
    /// Bytes of one value of type fixed.
    public static let fixedLengthMax = 1 << 30
    /// How far a snapshot's time may lie before what the table has already seen: clocks differ between machines.
    public static let clockSkewMilliseconds: Int64 = 60_000
    /// Times of metadata, in milliseconds since 1970: those that 64 bits of microseconds hold too, so that the difference of any
    /// two fits into 64 bits.
    public static let timesMilliseconds: ClosedRange<Int64> = Int64.min / 1000...Int64.max / 1000
    /// UTF-8 bytes of one query of a view.
    public static let viewTextBytesMax = 16 << 20
    /// Representations of one version of a view.
    public static let viewRepresentationsMax = 1_000
    /// Levels of a namespace.
    public static let namespaceLevelsMax = 1_000
}
