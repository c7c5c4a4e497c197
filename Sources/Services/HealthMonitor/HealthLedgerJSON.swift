import Clocks
import JSONFormat
import ServiceHost

extension HealthLedger {
    /// The body of `GET /health`.
    package func summary(at now: Timestamp) -> JSONValue {
        var components = JSONObject()
        for component in Component.allCases {
            components[component.rawValue] = .string(record(of: component).status.rawValue)
        }
        return [
            "status": .string(status.rawValue), "components": .object(components), "timestamp": .string(now.rfc3339()),
            "version": .string(Release.version),
        ]
    }

    /// The body of `GET /history`.
    package func history(at now: Timestamp) -> JSONValue {
        var components = JSONObject()
        for component in Component.allCases {
            let record = record(of: component)
            components[component.rawValue] = [
                "uptime": record.uptime(at: now), "changes": .array(record.changes.reversed().map(\.json)),
            ]
        }
        return ["objective": .double(Self.objective), "components": .object(components)]
    }
}

extension ComponentRecord {
    /// The body of `GET /health/{component}`.
    package func details(at now: Timestamp) -> JSONValue {
        [
            "component": .string(component.rawValue), "status": .string(status.rawValue), "since": Self.text(since),
            "last_checked": Self.text(checkedAt),
            "latency_ms": latest.map { .double(($0.latencyMilliseconds * 1000).rounded() / 1000) } ?? .null,
            "consecutive_failures": JSONValue(consecutiveFailures),
            "error": latest?.error.map { .string($0) } ?? .null,
            "last_error": lastError.map { .string($0) } ?? .null, "last_error_at": Self.text(lastErrorAt),
            "checks": .object(latest?.checks ?? JSONObject()), "uptime": uptime(at: now),
            "changes": .array(changes.suffix(20).reversed().map(\.json)),
        ]
    }

    /// Availability over 1, 7, 30 and 90 days against the objective.
    package func uptime(at now: Timestamp) -> JSONValue {
        var windows = JSONObject()
        for days in [1, 7, 30, 90] {
            let (available, observed) = availability(days: days, until: now)
            let budget = Double(observed) / 1000 * (1 - HealthLedger.objective)
            let missing = Double(observed - available) / 1000
            windows["\(days)d"] = [
                "availability": observed > 0 ? .double(Double(available) / Double(observed)) : .null,
                "observed_seconds": .double(Double(observed) / 1000), "unavailable_seconds": .double(missing),
                "error_budget_remaining_seconds": .double(budget - missing),
                "objective_met": observed > 0 ? .bool(missing <= budget) : .null,
            ]
        }
        return ["objective": .double(HealthLedger.objective), "windows": .object(windows)]
    }

    private static func text(_ time: Timestamp?) -> JSONValue { time.map { .string($0.rfc3339()) } ?? .null }
}

extension HealthChange {
    package var json: JSONValue {
        [
            "component": .string(component.rawValue), "from": from.map { .string($0.rawValue) } ?? .null,
            "to": .string(to.rawValue), "at": .string(at.rfc3339()), "error": error.map { .string($0) } ?? .null,
        ]
    }
}

// MARK: - The state file

extension HealthLedger {
    /// What the state file holds: history and uptime. The present is observed anew.
    package var state: JSONValue {
        var components = JSONObject()
        for component in Component.allCases {
            let record = record(of: component)
            components[component.rawValue] = [
                "changes": .array(record.changes.map(\.json)),
                "days": .array(
                    record.days.map {
                        [JSONValue($0.day), JSONValue($0.observedMilliseconds), JSONValue($0.availableMilliseconds)]
                    }),
            ]
        }
        return ["format": 1, "components": .object(components)]
    }

    /// Takes up the history of a state file; the first look then continues it. Nothing is taken from one that is damaged.
    package mutating func restore(_ state: JSONValue) throws(JSONError) {
        let cursor = JSONCursor(state)
        guard try cursor.member("format").integer() == 1 else { throw cursor.fail("the format is not 1") }
        var restored = records
        for component in Component.allCases {
            guard let saved = try cursor.member("components").optional(component.rawValue) else { continue }
            var record = ComponentRecord(component)
            for element in try saved.member("changes").elements().suffix(ComponentRecord.changesMax) {
                record.changes.append(try HealthChange(component, element))
            }
            for element in try saved.member("days").elements().suffix(ComponentRecord.daysMax) {
                let numbers = try element.elements()
                guard numbers.count == 3 else { throw element.fail("expected three numbers") }
                record.days.append(
                    DayRecord(
                        day: try numbers[0].integer(), observedMilliseconds: try numbers[1].integer(),
                        availableMilliseconds: try numbers[2].integer()))
            }
            record.resume()
            restored[component] = record
        }
        records = restored
    }
}

extension ComponentRecord {
    /// The status before the restart, so that the same one again is no change. The time between counts neither way.
    fileprivate mutating func resume() {
        guard let last = changes.last else { return }
        latest = Observation(last.to, latencyMilliseconds: 0, error: last.error)
        since = last.at
    }
}

extension HealthChange {
    fileprivate init(_ component: Component, _ cursor: JSONCursor) throws(JSONError) {
        let at = try cursor.member("at")
        guard let time = Timestamp(rfc3339: try at.string()) else { throw at.fail("expected an RFC 3339 time") }
        self.init(
            component: component, from: try cursor.optional("from").map(HealthStatus.init),
            to: try HealthStatus(cursor.member("to")),
            at: time, error: try cursor.optional("error")?.string())
    }
}

extension HealthStatus {
    fileprivate init(_ cursor: JSONCursor) throws(JSONError) {
        guard let status = HealthStatus(rawValue: try cursor.string()) else {
            throw cursor.fail("expected healthy, degraded or unhealthy")
        }
        self = status
    }
}
