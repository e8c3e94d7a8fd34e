"""What the database must say after any history: a small model, and its reading of each simulated service."""
