"""The window: a small read-only web server on what the database says, for monitors and people.

facts    what is true right now; window: kept for a second, so that any number of visitors cost one look
gate     who may ask what: host, method, token, path; server: sockets, threads and their bounds
metrics  the facts for Prometheus; page: the facts for people
"""
