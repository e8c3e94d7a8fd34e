"""The change feed: its entries, its readers, and what waits to be sent."""
