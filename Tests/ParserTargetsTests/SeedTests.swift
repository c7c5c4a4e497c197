import ParserTargets
import Testing

@Suite struct SeedTests {
    @Test(arguments: ParserTarget.all.map(\.name))
    func `every seed is accepted, twice alike`(name: String) throws {
        let target = try #require(ParserTarget.named(name))
        let seeds = try target.seeds()
        #expect(!seeds.isEmpty)
        for seed in seeds { #expect(try target.parse(seed.bytes) == target.parse(seed.bytes), "\(seed.name)") }
    }
}
