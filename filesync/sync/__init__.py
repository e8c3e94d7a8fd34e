"""A start of `filesync sync`: which endpoints are due, and each of them read, stored and concluded.

session   what a start works with, who follows it, and what it reports
workers   choose, lock, run side by side, stop on request
choice    what the caller asked for
endpoint  one endpoint: pull statements, store them, decide removals, conclude
expansion what sets of endpoints are made of: who asks, when, and what that changed
opening   from an endpoint's configuration to a provider with a connection of its own
slots     the locks beside the database
"""
