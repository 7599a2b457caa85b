"""How a request becomes a result."""
