"""Services: each in a room of its own, the contract in `base`, the table of them in `kinds`."""
