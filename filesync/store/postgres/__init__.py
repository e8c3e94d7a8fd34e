"""An inventory in PostgreSQL: the only rooms that know its driver, and what its errors mean."""
