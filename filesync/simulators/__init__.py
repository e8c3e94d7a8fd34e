"""Autodesk Construction Cloud and Google Drive on loopback: stateful and strict, for demo, tests and benchmarks."""
