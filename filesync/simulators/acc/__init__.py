"""Autodesk Construction Cloud on loopback."""

from filesync.simulators.acc.accounts import CALLBACK, CLIENT_ID, CLIENT_SECRET
from filesync.simulators.acc.documents import Rules
from filesync.simulators.acc.service import AccSimulator

__all__ = ["CALLBACK", "CLIENT_ID", "CLIENT_SECRET", "AccSimulator", "Rules"]
