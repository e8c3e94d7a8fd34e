"""The inventory in PostgreSQL: the connection, its SQL, its schema, and its errors in the user's words."""
