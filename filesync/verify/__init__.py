"""Rows held against the services: which are drawn, where they differ, what that means, and how it is repaired."""
