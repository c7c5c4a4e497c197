/// What is to happen at which failpoint: `log.after-write=crash:3,committer.before-commit=error`.
package struct FailpointPlan: Hashable, Sendable {
    package enum Action: String, CaseIterable, Sendable {
        /// The process kills itself with SIGKILL.
        case crash
        /// What follows fails as if the disk, the store or the catalog had; a failpoint that nothing can fail at goes on.
        case error
        /// The process stops itself with SIGSTOP, whole, until someone sends SIGCONT.
        case pause
    }

    package struct Step: Hashable, Sendable {
        package let action: Action
        /// At this passage only; the first is 1.
        package let passage: Int
    }

    package private(set) var steps: [Failpoint: [Step]] = [:]

    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// What `parse` takes, for a help text.
    package static let form = "name=crash|error|pause[:passage] separated by commas"

    package init() {}

    package static func parse(_ text: String) throws(Problem) -> FailpointPlan {
        var plan = FailpointPlan()
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2 else { throw Problem(description: "\"\(part)\" has not the form \(form)") }
            guard let point = Failpoint(rawValue: String(sides[0])) else {
                throw Problem(
                    description: "there is no failpoint \"\(sides[0])\"; there are "
                        + Failpoint.allCases.map(\.rawValue).joined(separator: ", "))
            }
            plan.steps[point, default: []].append(try step(sides[1]))
        }
        return plan
    }

    private static func step(_ text: Substring) throws(Problem) -> Step {
        let sides = text.split(separator: ":", omittingEmptySubsequences: false)
        let passage = sides.count == 2 ? Int(sides[1]) : 1
        guard sides.count <= 2, let action = Action(rawValue: String(sides[0])), let passage, passage > 0 else {
            throw Problem(description: "\"\(text)\" is not one of crash, error, pause, with :n for the n-th passage")
        }
        return Step(action: action, passage: passage)
    }
}
