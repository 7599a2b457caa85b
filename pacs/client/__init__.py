"""The HTTP client of a PACS's servers: connections, exchanges, and what goes wrong with them."""
