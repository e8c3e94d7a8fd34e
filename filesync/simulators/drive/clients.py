"""OAuth clients as they are registered in Google's console.

https://developers.google.com/identity/protocols/oauth2/native-app
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from filesync.simulators.drive.items import DriveIds
from filesync.simulators.drive.refusals import login

Kind = Literal["installed", "web"]

_LOOPBACK = ("localhost", "127.0.0.1")


@dataclass(slots=True, eq=False)
class RegisteredClient:
    """An app; one in Testing has sign-ins of seven days."""

    client_id: str
    client_secret: str
    kind: Kind = "installed"
    testing: bool = False
    redirect_uris: tuple[str, ...] = ("http://localhost",)

    def accepts(self, uri: str) -> bool:
        """Return whether a browser may be sent there: for an installed app to any port and path of this machine."""
        if self.kind == "web":
            return uri in self.redirect_uris
        try:
            to = urlsplit(uri)
            plain = to.username is None and not to.fragment and to.port != 0
        except ValueError:
            return False
        return plain and to.scheme == "http" and to.hostname in _LOOPBACK

    def to_file(self, base: str) -> dict[str, Any]:
        """Return the client secrets file that the console offers."""
        about = {
            "client_id": self.client_id,
            "project_id": "simulated",
            "auth_uri": f"{base}/o/oauth2/auth",
            "token_uri": f"{base}/token",
            "auth_provider_x509_cert_url": f"{base}/oauth2/v1/certs",
            "client_secret": self.client_secret,
            "redirect_uris": list(self.redirect_uris),
        }
        return {self.kind: about}


class RegisteredClients:
    def __init__(self, ids: DriveIds) -> None:
        self._ids = ids
        self._clients: dict[str, RegisteredClient] = {}

    def add(
        self, *, kind: Kind = "installed", testing: bool = False, redirect_uris: Iterable[str] = ("http://localhost",)
    ) -> RegisteredClient:
        """Register an OAuth client; `testing` is its publishing status."""
        client_id = f"{self._ids.permission()[:12]}-{self._ids.file()}.apps.googleusercontent.com"
        client = RegisteredClient(client_id, f"GOCSPX-{self._ids.file()}", kind, testing, tuple(redirect_uris))
        self._clients[client_id] = client
        return client

    def find(self, client_id: str) -> RegisteredClient | None:
        return self._clients.get(client_id)

    def check(self, form: Mapping[str, str]) -> RegisteredClient:
        """Find the client that a form names and proves, or refuse; an installed one has a secret too."""
        client = self.find(form.get("client_id", ""))
        if "client_id" not in form:
            raise login(400, "invalid_request", "Could not determine client ID from request.")
        if client is None:
            raise login(401, "invalid_client", "The OAuth client was not found.")
        if "client_secret" not in form:
            raise login(400, "invalid_request", "client_secret is missing.")
        if form["client_secret"] != client.client_secret:
            raise login(401, "invalid_client", "Unauthorized")
        return client
