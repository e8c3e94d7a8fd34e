"""Logins: tokens fetched through our own connections, kept in private files, never by two processes at once."""
