"""Telling somebody: messages leave the database's outbox, by webhook, ping or command, after the syncs of a start.

messages   from the outbox and the feed to what is sent: ids, bodies, signatures
sending    one message, once, in a thread that can be left
posting    HTTP, within its own bounds; running: programs, likewise
delivery   one queue for each target: in order, again until it arrives, never two starts at once
overdue    what no sync tells by itself: stale endpoints, logins that end soon
"""
