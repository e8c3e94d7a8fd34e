"""Breaks of the promises, one at a time, to see that a test turns red for each: `python -m tests.adversarial.mutants`."""
