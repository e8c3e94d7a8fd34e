"""Drive as its clients know it: at https://www.googleapis.com, for programs that cannot be told another address."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from benchmarks.services import Service, serve, simulator


@dataclass(frozen=True)
class Drive:
    """A simulated Drive, and the proxy through which every contestant reaches it; all files are in one My Drive."""

    service: Service
    proxy: Service
    user_file: Path  # an authorised user's login

    @property
    def root_id(self) -> str:
        return str(self.service.ids["root_id"])

    @property
    def address(self) -> str:
        """Give the proxy's address, for HTTPS_PROXY."""
        return str(self.proxy.ids["address"])

    @property
    def authority(self) -> str:
        """Give the path of the certificate to trust."""
        return str(self.proxy.ids["authority"])

    @cached_property
    def login(self) -> Mapping[str, str]:
        """Read the login: client_id, client_secret, refresh_token, token_uri."""
        login: Mapping[str, str] = json.loads(self.user_file.read_text())
        return login

    def access_token(self) -> str:
        """Refresh the login, as everybody does once an hour."""
        form = {name: self.login[name] for name in ("client_id", "client_secret", "refresh_token")}
        body = urlencode({"grant_type": "refresh_token", **form}).encode()
        with urlopen(Request(self.login["token_uri"], body)) as answer:  # noqa: S310  the simulator's address  # nosec B310
            return str(json.load(answer)["access_token"])

    def cpu_seconds(self) -> float:
        """Tell how long service and proxy have computed."""
        return sum(each.cpu_seconds() or 0.0 for each in (self.service, self.proxy))


@contextmanager
def drive(folder: Path, *options: str) -> Iterator[Drive]:
    """Serve a Drive that grew over three years; `options` are the simulator's."""
    folder.mkdir(parents=True, exist_ok=True)
    login = folder / "login.json"
    mood = ("--my-drive", "--whole-groups", "--years", "3", "--user-file", str(login))
    with simulator("drive", *mood, *options) as service:
        port = service.ids["base_url"].rpartition(":")[2]
        with serve("benchmarks.proxy", port, str(folder)) as proxy:
            yield Drive(service, proxy, login)
