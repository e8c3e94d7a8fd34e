"""`filesync serve-health` and `filesync metrics`: the window on the home for monitors and people."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync.app.endpoint_status import status_documents
from filesync.app.home import ErrorsOnly, Home
from filesync.cli.terminal import home_and_terminal
from filesync.core.errors import FilesyncError, LocalFileError, StoreError, UsageError
from filesync.health.facts import Facts
from filesync.runtime.locks import write_file
from filesync.runtime.signals import stopping
from filesync.store.database import damage_named
from filesync.store.read.overview import read_overview

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from socket import socket

    from filesync.health.server import ListenAddress
    from filesync.health.wsgi import AccessRules

_ROWS = 20  # recent syncs and changes on the page
_BUSY_SECONDS = 1.0
_FOR_OTHERS = 0o644  # node_exporter runs as another user; names of endpoints and numbers are all there is in it


def serve_health(
    ctx: typer.Context,
    *,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free port and prints it.")] = 8080,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="Another host name that visitors use; may be repeated."),
    ] = None,
    allow_anonymous: Annotated[
        bool, typer.Option("--allow-anonymous", help="Serve the network without FILESYNC_HEALTH_TOKEN.")
    ] = False,
) -> None:
    """Serve /health, /status, /metrics and a page for people, until stopped. Read-only.

    With FILESYNC_HEALTH_TOKEN every request needs it: as bearer token, or in a browser as the password of any user.
    """
    from filesync.health.facts import CachedSnapshot  # noqa: PLC0415
    from filesync.health.server import Server, place_of  # noqa: PLC0415
    from filesync.health.wsgi import HealthApplication  # noqa: PLC0415  `metrics` needs no server

    home, terminal = home_and_terminal(ctx)
    token = home.settings.variables.get("FILESYNC_HEALTH_TOKEN", "")
    place = place_of(host, port)
    rules = _rules(place, (host, *(allow_host or ())), token, allow_anonymous=allow_anonymous)
    listener = place.listen()
    server = Server(listener, HealthApplication(CachedSnapshot(_Look(home), home.clock), rules), terminal.complain)
    with stopping(server.stop) as caught:
        terminal.note(f"serving {_address(listener)}")
        server.run()
    raise typer.Exit(caught.exit_code or 0)


def metrics(
    ctx: typer.Context,
    *,
    textfile: Annotated[
        Path | None,
        typer.Option("--textfile", metavar="PATH", help="Write this file, for node_exporter; else stdout."),
    ] = None,
) -> None:
    """Write what /metrics serves, in Prometheus' text format, once.

    Example, from cron beside `sync`: filesync metrics --textfile /var/lib/node_exporter/filesync.prom
    """
    from filesync.health.metrics import to_text  # noqa: PLC0415  `serve-health` imports it by its own way

    home, terminal = home_and_terminal(ctx)
    text = to_text(_Look(home)())
    if textfile is None:
        terminal.write(text.decode())
        return
    path = home.cwd / textfile
    try:
        write_file(path, text, _FOR_OTHERS)
    except OSError as exc:
        raise LocalFileError(f"{path}: cannot be written: {exc.strerror}") from exc


class _Look:
    """Makes the facts. connector.yaml is read again when it or `.env` changed; a wrong one does not replace a good one.

    Where the database is and what the token is are decided at the start.
    """

    _nothing: "Sequence[Mapping[str, Any]]" = ()

    def __init__(self, home: Home) -> None:
        self._given = home
        self._database_address = home.database_address
        self._has_database = home.has_database
        self._good: Home | None = None
        self._config_problem: str | None = None
        self._stamps: Sequence[object] = ()

    def __call__(self) -> Facts:
        self._follow_the_files()
        now, overview, endpoints, problem = self._given.clock.now(), None, self._nothing, None
        try:
            overview = read_overview(self._database_address, busy_seconds=_BUSY_SECONDS, rows=_ROWS)
        except StoreError as error:
            problem = self._scrub(error)
        try:
            if overview is not None or not self._has_database():  # nothing was synced yet
                endpoints = self._endpoints()
        except FilesyncError as error:  # it was replaced, or broke, while we looked
            overview, problem = None, self._scrub(error)
        return Facts(now, overview, endpoints, problem, self._config_problem)

    def _endpoints(self) -> "Sequence[Mapping[str, Any]]":
        if self._good is None:
            return self._nothing
        try:
            with damage_named(self._database_address):
                return status_documents(self._good)
        except OSError as exc:  # locks or logins that this user may not open
            raise LocalFileError(f"{exc.filename}: {exc.strerror}") from exc

    def _follow_the_files(self) -> None:
        stamps = [_stamp(self._given.config_path), _stamp(self._given.path / ".env")]
        if stamps == self._stamps:
            return
        self._stamps = stamps
        fresh = replace(self._given, messages=ErrorsOnly(self._given.messages), busy_seconds=_BUSY_SECONDS)
        try:
            _ = fresh.config  # reads it
        except FilesyncError as error:
            self._config_problem = self._scrub(error)
        else:
            self._good, self._config_problem = fresh, None

    def _scrub(self, error: Exception) -> str:
        return self._given.redactor.scrub(str(error))


def _stamp(path: Path) -> object:
    """Tell one state of a file from another; None when it is missing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _rules(place: "ListenAddress", names: "Iterable[str]", token: str, *, allow_anonymous: bool) -> "AccessRules":
    """Decide who may ask. Raises UsageError when the network could look and nobody said that it may."""
    from filesync.health.wsgi import AccessRules  # noqa: PLC0415  as above

    if not (place.is_loopback or token or allow_anonymous):
        raise UsageError(
            f"--host {place.address} can be reached from the network: set FILESYNC_HEALTH_TOKEN, or say "
            "--allow-anonymous when everybody there may see names of files"
        )
    return AccessRules(frozenset(_host(name) for name in names), any_address=not place.is_loopback, token=token)


def _host(name: str) -> str:
    return name.strip().strip("[]").rstrip(".").lower()


def _address(listener: "socket") -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
