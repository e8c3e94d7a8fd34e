"""Autodesk Construction Cloud on loopback."""

from filesync.simulators.acc.accounts import CLIENT_ID, CLIENT_SECRET
from filesync.simulators.acc.documents import Rules
from filesync.simulators.acc.service import AccSimulator

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "AccSimulator", "Rules"]
