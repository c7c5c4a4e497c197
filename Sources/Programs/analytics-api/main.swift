import QueryAPI
import ServiceHost

// The same program is its own query workers.
QueryWorker.runIfAsked(CommandLine.arguments)
await Worker.main(.api, QueryServerConfiguration.self, build: QueryServer.build)
