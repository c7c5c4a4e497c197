import Testing

@testable import Failpoints

struct FailpointTests {
    @Test func `names say the part and the moment`() {
        for point in Failpoint.allCases {
            let sides = point.rawValue.split(separator: ".")
            #expect(sides.count == 2 && (sides[1].hasPrefix("before-") || sides[1].hasPrefix("after-")), "\(point)")
        }
    }

    @Test func `every failpoint can be armed by its name`() throws {
        for point in Failpoint.allCases {
            let plan = try FailpointPlan.parse("\(point.rawValue)=pause:2")
            #expect(plan.steps == [point: [FailpointPlan.Step(action: .pause, passage: 2)]])
        }
    }

    @Test(arguments: [
        "", "log.after-write", "log.after-write=", "log.after-write=crash:", "log.after-write=crash:0",
        "log.after-write=crash:-1", "log.after-write=crash:x", "log.after-write=crash:1:2", "log.after-write=burn",
        "log.nowhere=crash", "log.after-write=crash,", "=crash", "log.after-write=crash=1",
    ])
    func `a plan that is not understood is refused`(text: String) {
        #expect(throws: FailpointPlan.Problem.self) { _ = try FailpointPlan.parse(text) }
    }

    @Test func `an action takes place at its passage alone`() throws {
        var passages = FailpointPassages(
            try FailpointPlan.parse("log.after-write=error:2,log.after-write=pause:4,log.before-sync=crash"))
        var found: [FailpointPlan.Action?] = []
        for _ in 0..<5 { found.append(passages.pass(.logAfterWrite)?.action) }
        #expect(found == [nil, .error, nil, .pause, nil])
        let others = [passages.pass(.logBeforeSync)?.action, passages.pass(.logAfterSync)?.action]
        #expect(others == [.crash, nil])
    }

    @Test func `an armed error is thrown, and nothing else happens`() throws {
        struct Refusal: Error {}
        #expect(throws: Never.self) { try Failpoint.logBeforeIdentity.pass { Refusal() } }
        Failpoints.arm(try FailpointPlan.parse("log.before-identity=error:2"))
        #expect(throws: Never.self) { try Failpoint.logBeforeIdentity.pass { Refusal() } }
        #expect(throws: Refusal.self) { try Failpoint.logBeforeIdentity.pass { Refusal() } }
        #expect(throws: Never.self) { try Failpoint.logBeforeIdentity.pass { Refusal() } }
        Failpoint.logAfterIdentity.pass()
    }
}
