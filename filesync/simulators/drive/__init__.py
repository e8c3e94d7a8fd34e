"""A Google Drive on loopback: people, their My Drives and shared drives, change logs, and a strict API in front."""

from filesync.simulators.drive.service import METADATA_READONLY, READONLY, GoogleDrive, OverLimit

__all__ = ["METADATA_READONLY", "READONLY", "GoogleDrive", "OverLimit"]
