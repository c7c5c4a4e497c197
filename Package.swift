// swift-tools-version: 6.3
import Foundation
import PackageDescription

// The manifest is the architecture. Read it from top to bottom: a module may use only modules that stand above it
// in this list, and the manifest refuses to load when one does not. `Tests/TidyTests` holds every `import` to it.
//
// ANALYTICS_MODULES=ParquetFormat,Events limits the package to those modules, what they use and their tests:
// `ANALYTICS_MODULES=ParquetFormat swift test` builds and tests one module in seconds. ANALYTICS_TESTS=Collector,Batching
// limits the tests further, to those of these modules.

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
]

/// A C library: found as it is installed (a module map), or behind a small shim of ours in `Sources/System`.
enum CLibrary {
    case installed(String, pkgConfig: String?, apt: String)
    case shim(String, links: [String])

    var name: String {
        switch self {
        case .installed(let name, _, _), .shim(let name, _): name
        }
    }
}

struct Module {
    let name: String
    let uses: [String]
}

struct Layer {
    let folder: String
    let modules: [Module]
}

func module(_ name: String, uses: [String] = []) -> Module { Module(name: name, uses: uses) }

let cLibraries: [CLibrary] = [
    .installed("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
    .installed("CSnappy", pkgConfig: nil, apt: "libsnappy-dev"),
    .installed("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
    .installed("CLZ4", pkgConfig: "liblz4", apt: "liblz4-dev"),
    .installed("CBrotli", pkgConfig: nil, apt: "libbrotli-dev"),
    .installed("CXXHash", pkgConfig: "libxxhash", apt: "libxxhash-dev"),
    .installed("CRoaring", pkgConfig: nil, apt: "libroaring-dev"),
    .installed("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev"),
    .installed("CDuckDB", pkgConfig: "duckdb", apt: "libduckdb"),
    .shim("CSimdJSON", links: ["simdjson"]),
    .shim("CCurl", links: ["curl"]),
    .shim("CMicroHTTPD", links: ["microhttpd", "gnutls"]),
    .shim("CEpoll", links: []),
    .shim("CMalloc", links: []),
    .shim("CChecksums", links: []),
    .shim("CMaxMindDB", links: ["maxminddb"]),
    .shim("CRE2", links: ["re2"]),
]

let layers = [
    Layer(
        folder: "Base",
        modules: [
            module("Bytes"),
            module("Clocks", uses: ["Bytes"]),
            module("Concurrency"),
            module("Failpoints"),
            module("Checksums", uses: ["Bytes", "CChecksums", "COpenSSL", "CXXHash"]),
            module("Compression", uses: ["Bytes", "CZstd", "CSnappy", "CZlib", "CLZ4", "CBrotli"]),
            module("Bitmaps", uses: ["Bytes", "CRoaring"]),
        ]),
    Layer(
        folder: "Formats",
        modules: [
            module("JSONFormat", uses: ["Bytes", "CSimdJSON"]),
            module("AvroFormat", uses: ["Bytes", "Checksums", "Compression", "JSONFormat"]),
            module(
                "ParquetFormat",
                uses: ["Bytes", "Checksums", "Compression", "CZstd", "CSnappy", "CZlib"]),
            module("PuffinFormat", uses: ["Bytes", "Bitmaps", "Checksums", "Compression", "JSONFormat"]),
            module("GraphQLFormat", uses: ["Bytes", "JSONFormat"]),
        ]),
    Layer(
        folder: "Runtime",
        modules: [
            module("Telemetry", uses: ["Bytes", "Clocks", "JSONFormat"]),
            module("Configuration", uses: ["Bytes", "JSONFormat"]),
            module("Lifecycle", uses: ["Clocks", "Telemetry"]),
        ]),
    Layer(
        folder: "Ports",
        modules: [
            module("Files", uses: ["Bytes", "Clocks"]),
            module("HTTP", uses: ["Bytes", "Checksums", "Clocks", "JSONFormat", "Telemetry", "CCurl"]),
            module(
                "HTTPServer",
                uses: ["Bytes", "Clocks", "HTTP", "Lifecycle", "CEpoll", "CMicroHTTPD"]),
            module(
                "ObjectStore",
                uses: [
                    "Concurrency", "Bytes", "Checksums", "Clocks", "Configuration", "Files", "HTTP", "JSONFormat",
                    "Telemetry",
                ]),
            module("DuckDB", uses: ["Bytes", "Clocks", "JSONFormat", "CDuckDB"]),
            module("GeoIP", uses: ["Clocks", "Files", "CMaxMindDB"]),
        ]),
    Layer(
        folder: "Iceberg",
        modules: [
            module("IcebergSpec", uses: ["Bytes", "Checksums", "Clocks", "Compression", "JSONFormat", "AvroFormat"]),
            module(
                "IcebergTable",
                uses: [
                    "Concurrency", "Bytes", "Checksums", "Clocks", "JSONFormat", "AvroFormat", "ParquetFormat",
                    "ObjectStore",
                    "IcebergSpec",
                ]),
            module(
                "IcebergData",
                uses: [
                    "Concurrency", "Bytes", "Bitmaps", "Checksums", "Clocks", "JSONFormat", "AvroFormat",
                    "ParquetFormat", "PuffinFormat", "ObjectStore", "IcebergSpec", "IcebergTable",
                ]),
            module(
                "IcebergCatalog",
                uses: [
                    "Bytes", "Checksums", "Clocks", "Compression", "JSONFormat", "HTTP", "ObjectStore", "IcebergSpec",
                    "IcebergTable", "Telemetry",
                ]),
        ]),
    Layer(
        folder: "Pipeline",
        modules: [
            module("Events", uses: ["Bytes", "Clocks", "Compression", "JSONFormat", "CSimdJSON"]),
            module("Schemas", uses: ["Bytes", "Clocks", "JSONFormat", "IcebergSpec", "CRE2", "CSimdJSON"]),
            module("WriteAheadLog", uses: ["Bytes", "Checksums", "Clocks", "Failpoints", "Files"]),
            module(
                "Batching",
                uses: [
                    "Bytes", "Checksums", "Clocks", "Files", "Events", "IcebergSpec", "ParquetFormat", "WriteAheadLog",
                ]),
            module(
                "Committing",
                uses: [
                    "Concurrency", "Files", "Bytes", "Checksums", "Clocks", "Failpoints", "Events", "Schemas",
                    "Batching", "WriteAheadLog", "ParquetFormat",
                    "ObjectStore",
                    "IcebergSpec", "IcebergTable", "IcebergCatalog", "Telemetry", "CSimdJSON",
                ]),
        ]),
    Layer(
        folder: "Hosting",
        modules: [
            module(
                "ServiceHost",
                uses: [
                    "Bytes", "Checksums", "Clocks", "Failpoints", "Compression", "JSONFormat", "Telemetry",
                    "Configuration",
                    "Lifecycle", "Files", "HTTP", "HTTPServer", "ObjectStore",
                ]),
            module(
                "CatalogAccess",
                uses: [
                    "Clocks", "Configuration", "HTTP", "ObjectStore", "IcebergSpec", "IcebergCatalog", "ServiceHost",
                ]),
        ]),
    Layer(
        folder: "Services",
        modules: [
            module(
                "Collector",
                uses: [
                    "Bytes", "Checksums", "Clocks", "Failpoints", "Compression", "JSONFormat", "Telemetry",
                    "Configuration",
                    "Lifecycle",
                    "Files", "GeoIP", "HTTP", "HTTPServer", "ObjectStore", "ParquetFormat", "IcebergSpec",
                    "IcebergTable",
                    "IcebergData",
                    "IcebergCatalog", "Events", "Schemas", "WriteAheadLog", "Batching", "Committing", "ServiceHost",
                    "CatalogAccess", "CMalloc",
                ]),
            module(
                "Catalog",
                uses: [
                    "Concurrency", "Bytes", "Checksums", "Clocks", "Failpoints", "Compression", "JSONFormat",
                    "Telemetry",
                    "Configuration",
                    "Lifecycle",
                    "HTTP", "HTTPServer", "ObjectStore", "IcebergSpec", "IcebergTable", "IcebergData", "IcebergCatalog",
                    "Schemas",
                    "ServiceHost",
                ]),
            module(
                "Compaction",
                uses: [
                    "Concurrency", "Bytes", "Checksums", "Clocks", "JSONFormat", "Telemetry", "Configuration",
                    "Lifecycle", "Files",
                    "HTTP", "HTTPServer", "ObjectStore", "ParquetFormat", "IcebergSpec", "IcebergTable",
                    "IcebergCatalog", "ServiceHost", "CatalogAccess",
                ]),
            module(
                "QueryAPI",
                uses: [
                    "Concurrency", "Bytes", "Checksums", "Clocks", "JSONFormat", "GraphQLFormat", "Telemetry",
                    "Configuration",
                    "Lifecycle", "Files", "HTTP", "HTTPServer", "ObjectStore", "DuckDB", "IcebergSpec", "IcebergTable",
                    "IcebergCatalog", "ServiceHost", "CatalogAccess",
                ]),
            module(
                "HealthMonitor",
                uses: [
                    "Bytes", "Clocks", "JSONFormat", "Telemetry", "Configuration", "Lifecycle", "Files", "HTTP",
                    "ObjectStore", "ServiceHost",
                ]),
            module(
                "Inspect",
                uses: [
                    "Bytes", "Clocks", "Failpoints", "JSONFormat", "Configuration", "Files", "AvroFormat", "Bitmaps",
                    "ParquetFormat",
                    "PuffinFormat",
                    "ObjectStore",
                    "IcebergSpec", "IcebergTable", "IcebergData", "Events", "WriteAheadLog",
                ]),
        ]),
]

/// Each program is one `main.swift` that reads its configuration, wires one service and runs it.
let programs: KeyValuePairs = [
    "analytics-collector": "Collector",
    "analytics-catalog": "Catalog",
    "analytics-compaction": "Compaction",
    "analytics-api": "QueryAPI",
    "analytics-health": "HealthMonitor",
    "analytics-inspect": "Inspect",
]

/// Programs that are not deployed: examples, benchmarks, drivers of the interoperability tests.
struct Tool {
    let name: String
    let folder: String
    let uses: [String]
}

let tools: [Tool] = [
    Tool(
        name: "example-table", folder: "docs/examples",
        uses: [
            "Clocks", "JSONFormat", "ObjectStore", "IcebergSpec", "IcebergTable", "IcebergData", "IcebergCatalog",
        ]),
    Tool(name: "load-generator", folder: "Tests/Benchmarks", uses: ["CEpoll", "Clocks", "JSONFormat"]),
    Tool(name: "formats-benchmark", folder: "Tests/Benchmarks", uses: ["Bytes", "ParquetFormat"]),
    Tool(name: "formats-driver", folder: "Tests/Programs", uses: ["Bytes", "Clocks", "JSONFormat", "ParquetFormat"]),
    Tool(
        name: "tables-driver", folder: "Tests/Programs",
        uses: [
            "Bitmaps", "JSONFormat", "ObjectStore", "ParquetFormat", "PuffinFormat", "IcebergSpec", "IcebergTable",
            "IcebergData", "IcebergCatalog",
        ]),
    Tool(
        name: "planning-benchmark", folder: "Tests/Benchmarks",
        uses: ["Bytes", "Clocks", "JSONFormat", "ObjectStore", "IcebergSpec", "IcebergTable"]),
    Tool(name: "schemas-benchmark", folder: "Tests/Benchmarks", uses: ["Clocks", "JSONFormat", "Schemas"]),
]

/// Base to Iceberg: what others can build on.
let coreLayers = ["Base", "Formats", "Runtime", "Ports", "Iceberg"]

// MARK: - Checking the layers

let usesByModule = Dictionary(uniqueKeysWithValues: layers.flatMap(\.modules).map { ($0.name, $0.uses) })
var known = Set(cLibraries.map(\.name))
for layer in layers {
    for module in layer.modules {
        for used in module.uses where !known.contains(used) {
            fatalError("layering: \(layer.folder)/\(module.name) may not use \(used), which does not stand above it")
        }
        known.insert(module.name)
    }
}

func closure(of names: some Sequence<String>) -> Set<String> {
    var seen: Set<String> = []
    var pending = Array(names)
    while let name = pending.popLast() {
        guard seen.insert(name).inserted else { continue }
        pending += usesByModule[name] ?? []
    }
    return seen
}

// MARK: - Targets

let environment = ProcessInfo.processInfo.environment
let selection = environment["ANALYTICS_MODULES"].map { closure(of: $0.split(separator: ",").map(String.init)) }
func isSelected(_ name: String) -> Bool { selection?.contains(name) ?? true }
let testSelection = environment["ANALYTICS_TESTS"].map { Set($0.split(separator: ",").map(String.init)) }
func isTested(_ name: String) -> Bool { testSelection?.contains(name) ?? true }

var targets: [Target] = []
for library in cLibraries where isSelected(library.name) {
    switch library {
    case .installed(let name, let pkgConfig, let apt):
        targets.append(
            .systemLibrary(name: name, path: "Sources/System/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])]))
    case .shim(let name, let links):
        targets.append(
            .target(
                name: name, path: "Sources/System/\(name)",
                cSettings: [.unsafeFlags(["-Wall", "-Werror"])],
                cxxSettings: [.unsafeFlags(["-Wall", "-O2"])],
                linkerSettings: links.map { .linkedLibrary($0) }))
    }
}
for layer in layers {
    for module in layer.modules where isSelected(module.name) {
        targets.append(
            .target(
                name: module.name, dependencies: module.uses.map { .byName(name: $0) },
                path: "Sources/\(layer.folder)/\(module.name)", swiftSettings: strict))
    }
}

// Every module has tests, every service a program: nothing here looks at the disk, since SwiftPM caches a manifest by its
// text alone.
for layer in layers {
    for module in layer.modules where isSelected(module.name) && isTested(module.name) {
        targets.append(
            .testTarget(
                name: "\(module.name)Tests",
                dependencies: closure(of: [module.name]).sorted().map { .byName(name: $0) },
                path: "Tests/\(module.name)Tests", swiftSettings: strict))
    }
}
if selection == nil {
    targets.append(.testTarget(name: "TidyTests", path: "Tests/TidyTests", swiftSettings: strict))
}

/// Every parser of bytes that nobody vouches for: what damage tests, the memory test and the fuzzer run.
let parsers = [
    "Bitmaps", "Compression", "JSONFormat", "AvroFormat", "ParquetFormat", "PuffinFormat", "Clocks", "IcebergSpec",
    "Events",
]
if parsers.allSatisfy(isSelected) && isTested("Parsers") {
    let dependencies = closure(of: parsers).sorted().map { Target.Dependency.byName(name: $0) }
    targets += [
        .target(
            name: "ParserTargets", dependencies: dependencies, path: "Tests/Fuzz/ParserTargets", swiftSettings: strict),
        .executableTarget(
            name: "parser-memory", dependencies: ["ParserTargets"], path: "Tests/Fuzz/parser-memory",
            swiftSettings: strict),
        .testTarget(
            name: "ParserTargetsTests", dependencies: ["ParserTargets", "parser-memory"] + dependencies,
            path: "Tests/ParserTargetsTests", swiftSettings: strict),
    ]
    // Needs libFuzzer, and so the arguments that deploy/fuzz.sh builds it with.
    if environment["ANALYTICS_FUZZ"] != nil {
        targets.append(
            .executableTarget(
                name: "parser-fuzz", dependencies: ["ParserTargets"], path: "Tests/Fuzz/parser-fuzz",
                swiftSettings: strict + [.enableExperimentalFeature("Extern")]))
    }
}

/// The collector's road, from a request to the table, as a world that a seed decides: what its tests and the program
/// `simulate` run.
let simulated = ["Collector", "Catalog"]
if simulated.allSatisfy(isSelected) {
    let dependencies = closure(of: simulated).sorted().map { Target.Dependency.byName(name: $0) }
    targets += [
        .target(
            name: "Simulation", dependencies: dependencies, path: "Tests/Support/Simulation", swiftSettings: strict),
        .executableTarget(
            name: "simulate", dependencies: ["Simulation"] + dependencies, path: "Tests/Programs/simulate",
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation"] + dependencies, path: "Tests/SimulationTests",
            swiftSettings: strict),
    ]
}

var products: [Product] = []
for (program, service) in programs where isSelected(service) {
    targets.append(
        .executableTarget(
            name: program, dependencies: closure(of: [service]).sorted().map { .byName(name: $0) },
            path: "Sources/Programs/\(program)", swiftSettings: strict))
    products.append(.executable(name: program, targets: [program]))
}
for tool in tools where tool.uses.allSatisfy(isSelected) {
    targets.append(
        .executableTarget(
            name: tool.name, dependencies: closure(of: tool.uses).sorted().map { .byName(name: $0) },
            path: "\(tool.folder)/\(tool.name)", swiftSettings: strict))
    products.append(.executable(name: tool.name, targets: [tool.name]))
}
if selection == nil {
    let core = layers.filter { coreLayers.contains($0.folder) }.flatMap(\.modules).map(\.name)
    products.append(.library(name: "AnalyticsCore", targets: core))
}

let package = Package(name: "analytics", products: products, targets: targets, cxxLanguageStandard: .cxx17)
