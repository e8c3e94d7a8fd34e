"""Logins: tokens fetched through our own connections, kept in private files, never by two processes at once."""

from typing import Protocol

from filesync.core.model import Identity
from filesync.http import Authoriser


class Login(Authoriser, Protocol):
    """A login that knows whose it is; safe to share between threads."""

    @property
    def flow(self) -> str:
        """Name the kind of login, as identities do."""

    def identity(self) -> Identity:
        """Return the identity that requests are made with; may cost a request once per login."""
