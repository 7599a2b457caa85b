"""What is kept of a PACS's answers, and how it is known that the PACS would still give them."""
