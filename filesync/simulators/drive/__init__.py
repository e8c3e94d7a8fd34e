"""A Google Drive on loopback: people, their My Drives and shared drives, change logs, and a strict API in front."""

from filesync.simulators.drive.gateway import METADATA_READONLY, READONLY, OverLimit
from filesync.simulators.drive.service import GoogleDrive

__all__ = ["METADATA_READONLY", "READONLY", "GoogleDrive", "OverLimit"]
