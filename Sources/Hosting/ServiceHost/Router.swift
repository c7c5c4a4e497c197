import Bytes
import HTTP

/// Who may call a route.
package enum RouteAccess: Hashable, Sendable {
    /// Everybody; the handler may look at `context.caller` itself.
    case open
    /// A key with the scope `write`, a binding or a principal. In development without any key configured: everybody.
    case key
    /// A key with the scope `admin`, a binding or a principal; in development everybody, with keys configured or not
    /// (`/debug`, `/admin`).
    case keyOutsideDevelopment
    /// Only over a service binding.
    case binding
}

/// The routes of a worker: method and path template → handler.
///
///     var router = Router()
///     router.post("/events", isAudited: false) { context in … }
///     router.get("/debug/status/{type}", access: .keyOutsideDevelopment) { context in
///         .json(try await service.status(of: context.parameter("type")))
///     }
///     router.get("/files/{path...}", access: .open) { … }      // the rest of the path, slashes included
///
/// Parameters are percent-decoded; literal segments go before parameters. `HEAD` is answered by `GET`, `OPTIONS` by the
/// host; another method on a known path is 405 with `Allow`. `/health…` and `/metrics` are there unless a route replaces them.
package struct Router: Sendable {
    package typealias Handler = @Sendable (RequestContext) async throws -> HTTPResponse

    struct Route: Sendable {
        let method: HTTPMethod
        let template: String
        let segments: [Segment]
        let access: RouteAccess
        let isAudited: Bool
        let isRateLimited: Bool
        let isQuiet: Bool
        let takesKeyFromURL: Bool
        let isForAllPages: Bool
        let isShort: Bool
        let handler: Handler
    }

    enum Segment: Hashable, Sendable {
        case literal(String)
        case parameter(String)
        case rest(String)
    }

    private(set) var routes: [Route] = []
    /// Recognizes callers by what the service knows of (bearer tokens with roles, sessions). Asked when the request came over no
    /// binding and showed no API key: nil leaves it anonymous, a thrown `ServiceError` refuses it.
    package var authenticator: (@Sendable (HTTPRequest) async throws -> Caller?)?
    /// Turns the service's own errors into answers; nil for those it does not know, which become a 500.
    package var errorMapper: (@Sendable (any Error) -> ServiceError?)?

    package init() {}

    /// - Parameters:
    ///   - isAudited: write an audit record of every call; by default for POST, PUT, PATCH and DELETE.
    ///   - isQuiet: log calls at `debug` only.
    ///   - takesKeyFromURL: a key that may only write may also come as the query parameter `key`.
    ///   - isForAllPages: pages of every origin may load it, whatever `ALLOWED_ORIGINS` says.
    ///   - isShort: with a small body the handler computes for microseconds and never blocks (it may await): it then runs on
    ///     the thread that received the request.
    package mutating func on(
        _ method: HTTPMethod, _ template: String, access: RouteAccess = .key, isAudited: Bool? = nil,
        isRateLimited: Bool = true, isQuiet: Bool = false, takesKeyFromURL: Bool = false, isForAllPages: Bool = false,
        isShort: Bool = false, _ handler: @escaping Handler
    ) {
        precondition(template.hasPrefix("/"), "the template \(template) must begin with a slash")
        let isMutating = method != .get && method != .head && method != .options
        let route = Route(
            method: method, template: template, segments: Self.parse(template), access: access,
            isAudited: isAudited ?? isMutating, isRateLimited: isRateLimited, isQuiet: isQuiet,
            takesKeyFromURL: takesKeyFromURL, isForAllPages: isForAllPages, isShort: isShort, handler: handler)
        routes.append(route)
    }

    package mutating func get(
        _ template: String, access: RouteAccess = .key, isAudited: Bool? = nil, _ handler: @escaping Handler
    ) { on(.get, template, access: access, isAudited: isAudited, handler) }

    package mutating func head(
        _ template: String, access: RouteAccess = .key, isAudited: Bool? = nil, _ handler: @escaping Handler
    ) { on(.head, template, access: access, isAudited: isAudited, handler) }

    package mutating func post(
        _ template: String, access: RouteAccess = .key, isAudited: Bool? = nil, _ handler: @escaping Handler
    ) { on(.post, template, access: access, isAudited: isAudited, handler) }

    package mutating func put(
        _ template: String, access: RouteAccess = .key, isAudited: Bool? = nil, _ handler: @escaping Handler
    ) { on(.put, template, access: access, isAudited: isAudited, handler) }

    package mutating func delete(
        _ template: String, access: RouteAccess = .key, isAudited: Bool? = nil, _ handler: @escaping Handler
    ) { on(.delete, template, access: access, isAudited: isAudited, handler) }

    /// Adds the routes of another router, each under `prefix`.
    package mutating func include(_ other: Router, under prefix: String = "") {
        for route in other.routes {
            on(
                route.method, prefix + route.template, access: route.access, isAudited: route.isAudited,
                isRateLimited: route.isRateLimited, isQuiet: route.isQuiet, takesKeyFromURL: route.takesKeyFromURL,
                isForAllPages: route.isForAllPages, isShort: route.isShort, route.handler)
        }
    }

    /// Targets whose requests are short work, if they are small.
    var shortTargets: Set<String> {
        Set(routes.filter { $0.isShort && !$0.template.contains("{") }.map(\.template))
    }

    /// The methods of routes with parameters whose requests are short work, if they are small.
    var shortMethods: Set<HTTPMethod> {
        Set(routes.filter { $0.isShort && $0.template.contains("{") }.map(\.method))
    }

    func has(_ method: HTTPMethod, _ template: String) -> Bool {
        routes.contains { $0.method == method && $0.template == template }
    }

    private static func parse(_ template: String) -> [Segment] {
        template.split(separator: "/").map { part in
            guard part.hasPrefix("{"), part.hasSuffix("}") else { return .literal(String(part)) }
            let name = part.dropFirst().dropLast()
            return name.hasSuffix("...") ? .rest(String(name.dropLast(3))) : .parameter(String(name))
        }
    }
}

/// The routes as a tree, for finding them.
struct RouteTable: Sendable {
    final class Node: Sendable {
        let literals: [String: Node]
        let parameter: Node?
        let rest: Node?
        let routes: [Router.Route]

        init(_ routes: [Router.Route], depth: Int) {
            let deeper = routes.filter { $0.segments.count > depth }
            var literals: [String: [Router.Route]] = [:]
            var parameters: [Router.Route] = []
            var rests: [Router.Route] = []
            for route in deeper {
                switch route.segments[depth] {
                case .literal(let text): literals[text, default: []].append(route)
                case .parameter: parameters.append(route)
                case .rest: rests.append(route)
                }
            }
            self.literals = literals.mapValues { Node($0, depth: depth + 1) }
            parameter = parameters.isEmpty ? nil : Node(parameters, depth: depth + 1)
            rest = rests.isEmpty ? nil : Node(rests, depth: depth + 1)
            self.routes = routes.filter { $0.segments.count == depth }
        }
    }

    enum Match {
        case route(Router.Route, parameters: [(name: String, value: String)])
        /// The path exists, the method does not.
        case methodNotAllowed(allowed: [String])
        case notFound
        /// An escape in the path is broken.
        case badPath

        var isForAllPages: Bool {
            if case .route(let route, _) = self { return route.isForAllPages }
            return false
        }
    }

    static let segmentsMax = 64

    private let root: Node
    /// Routes without parameters, by method and path: what most requests ask for is found with one look.
    private let exact: [Exact: Router.Route]

    private struct Exact: Hashable {
        let method: HTTPMethod
        let path: Substring
    }

    init(_ router: Router) {
        root = Node(router.routes, depth: 0)
        let literal = router.routes.filter { route in
            route.segments.allSatisfy { if case .literal = $0 { true } else { false } }
        }
        exact = Dictionary(
            literal.map { (Exact(method: $0.method, path: $0.template[...]), $0) },
            uniquingKeysWith: { first, _ in first })
    }

    func match(_ method: HTTPMethod, path: Substring) -> Match {
        if let route = exact[Exact(method: method, path: path)] { return .route(route, parameters: []) }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        // A slash at the end makes no difference.
        let trimmed = segments.last?.isEmpty == true ? segments.dropLast() : segments
        guard trimmed.count <= Self.segmentsMax else { return .notFound }
        guard let node = find(root, trimmed) else { return .notFound }
        guard let route = node.routes.first(where: { $0.method == method }) ?? headRoute(node, method) else {
            return .methodNotAllowed(allowed: Self.allowed(node.routes))
        }
        guard let parameters = Self.parameters(of: route, trimmed) else { return .badPath }
        return .route(route, parameters: parameters)
    }

    private func headRoute(_ node: Node, _ method: HTTPMethod) -> Router.Route? {
        method == .head ? node.routes.first { $0.method == .get } : nil
    }

    private static func allowed(_ routes: [Router.Route]) -> [String] {
        var methods = Set(routes.map(\.method.rawValue))
        if methods.contains("GET") { methods.insert("HEAD") }
        methods.insert("OPTIONS")
        return methods.sorted()
    }

    /// Literal before parameter before rest, going back where a choice leads nowhere.
    private func find(_ node: Node, _ segments: ArraySlice<Substring>) -> Node? {
        guard let first = segments.first else { return node.routes.isEmpty ? nil : node }
        if let next = literal(node, first), let found = find(next, segments.dropFirst()) { return found }
        if !first.isEmpty, let next = node.parameter, let found = find(next, segments.dropFirst()) { return found }
        return node.rest
    }

    private func literal(_ node: Node, _ segment: Substring) -> Node? {
        guard !node.literals.isEmpty else { return nil }
        if let found = node.literals[String(segment)] { return found }
        guard segment.utf8.contains(0x25), let decoded = PercentEncoding.decode(segment) else { return nil }
        return node.literals[decoded]
    }

    private static func parameters(
        of route: Router.Route, _ segments: ArraySlice<Substring>
    ) -> [(name: String, value: String)]? {
        var parameters: [(name: String, value: String)] = []
        for (index, segment) in route.segments.enumerated() {
            let text: Substring
            let parameter: String
            switch segment {
            case .literal: continue
            case .parameter(let name):
                (parameter, text) = (name, segments[segments.startIndex + index])
            case .rest(let name):
                (parameter, text) = (name, segments.dropFirst(index).joined(separator: "/")[...])
            }
            guard let decoded = PercentEncoding.decode(text) else { return nil }
            parameters.append((name: parameter, value: decoded))
        }
        return parameters
    }
}
