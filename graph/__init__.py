"""What front-ends see: GraphQL, the few REST routes, the command line."""
