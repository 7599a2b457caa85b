"""The GraphQL schema: a type with its queries and mutations, a file each."""
