"""Discover: what a login is shown, with the ids to make endpoints of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer  # noqa: TID251  the command layer

from filesync.cli.options import AsJson
from filesync.cli.output.rows import Form, View, choose, show, show_document
from filesync.cli.output.table import Column
from filesync.cli.terminal import home_and_terminal
from filesync.core.errors import AuthError, UsageError
from filesync.core.sanitize import did_you_mean
from filesync.core.schedule import TEMPORARY
from filesync.runtime.clock import Stop

if TYPE_CHECKING:
    from filesync.app.home import Home
    from filesync.cli.terminal import Terminal
    from filesync.config import Config
    from filesync.providers.base import Discovers, Sight

_OUTAGE = "outage"
_TEMPORARY_CODE = 75


def discover(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="autodesk or google.")],
    *,
    hub: Annotated[str | None, typer.Option("--hub", metavar="ID", help="Autodesk: only that hub.")] = None,
    project: Annotated[str | None, typer.Option("--project", metavar="ID", help="Autodesk: only that project.")] = None,
    drive: Annotated[str | None, typer.Option("--drive", metavar="ID", help="Google: only that shared drive.")] = None,
    no_folders: Annotated[bool, typer.Option("--no-folders", help="Leave out top folders: fewer requests.")] = False,
    credentials: Annotated[
        str | None, typer.Option("--credentials", metavar="NAME", help="A named set in connector.yaml.")
    ] = None,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="Print YAML to paste under endpoints: in connector.yaml.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show the hubs, projects and top folders, or the shared drives, that a login sees, with their ids.

    Needs no endpoint, nor connector.yaml: without it the login is the environment's. Exits 75 when a part of the
    service did not answer.

    \b
    Examples:
      filesync discover autodesk --no-folders
      filesync discover autodesk --project b.6c2cffb0-e8c8-43d3-b415-e53f4377cedb
      filesync discover google --yaml
    """  # noqa: D301  \b is Typer's mark
    home, terminal = home_and_terminal(ctx)
    if yaml and json:
        raise UsageError("--yaml and --json exclude each other")
    endpoint_type, kind = _kind(service)
    narrowed = {"hub": hub, "project": project, "drive": drive}
    for name, given in narrowed.items():
        if given is not None and name not in kind.narrowing:
            raise UsageError(f"--{name} does not apply to {service}")
    config = _config(home, credentials)
    sights = [*_sights(home, kind, config, credentials or "", {**narrowed, "folders": not no_folders})]
    if yaml:
        _write_yaml(terminal, _Paste(endpoint_type, credentials, config), sights)
    else:
        _show(terminal, choose(json=json), service, sights)
    for sight in sights:
        if sight.kind == _OUTAGE:
            terminal.complain(f"{service}: {sight.problem}")
    raise typer.Exit(_exit_code({sight.error_type for sight in sights}))


def _exit_code(error_types: "set[str | None]") -> int:
    if "login" in error_types:
        return AuthError.exit_code
    return 0 if TEMPORARY.isdisjoint(error_types) else _TEMPORARY_CODE


def _kind(service: str) -> "tuple[str, Discovers]":
    """Find who can show what a service has."""
    from filesync.providers import registry  # noqa: PLC0415  not every command needs a provider
    from filesync.providers.base import Discovers  # noqa: PLC0415  as above

    known = {name: registry.kind_of(name) for name in registry.known_types()}
    able = {kind.service: (name, kind) for name, kind in known.items() if isinstance(kind, Discovers)}
    if service not in able:
        raise UsageError(
            f"{service[:100]!r} cannot be discovered; {did_you_mean(service, able)}allowed: {', '.join(able)}"
        )
    return able[service]


def _config(home: "Home", credentials: str | None) -> "Config":
    """Read connector.yaml where there is one; a home that is only being set up has none."""
    from filesync.app.logins import config_of  # noqa: PLC0415  pydantic only where it is needed

    config = home.config if home.options.config else config_of(home)
    if credentials is not None and credentials not in config.credentials:
        allowed = ", ".join(config.credentials) or "there is none in connector.yaml"
        guess = did_you_mean(credentials, config.credentials)
        raise UsageError(f"no set of credentials is named {credentials[:200]!r}; {guess}allowed: {allowed}")
    return config


def _sights(
    home: "Home", kind: "Discovers", config: "Config", credentials: str, wanted: Mapping[str, Any]
) -> "Iterable[Sight]":
    from filesync.http import Counters  # noqa: PLC0415  only what asks needs the network
    from filesync.providers.base import DiscoveryOptions  # noqa: PLC0415  as above
    from filesync.sync.provider_factory import provider_factory  # noqa: PLC0415  as above

    stop, counters = Stop(home.clock), Counters()
    surroundings = provider_factory(config, home.clock, home.random, home.redactor, home.log).surroundings(
        credentials, stop, counters
    )
    yield from kind.discover(DiscoveryOptions(**wanted), surroundings)
    home.messages.detail(f"{counters.requests} requests")


def _show(terminal: "Terminal", form: Form, service: str, sights: "Sequence[Sight]") -> None:
    found = [_to_row(sight) for sight in sights if sight.kind != _OUTAGE]
    if form is Form.JSON:
        outages = [sight.problem for sight in sights if sight.kind == _OUTAGE]
        show_document(terminal, {"service": service, "found": found, "outages": outages})
        return
    show(terminal, form, _VIEW, found)


def _to_row(sight: "Sight") -> Mapping[str, Any]:
    return {
        "kind": sight.kind,
        "id": sight.id,
        "name": sight.name,
        "level": sight.level,
        "type": sight.type,
        "region": sight.region,
        "endpoint_details": None if sight.details is None else dict(sight.details),
        "problem": sight.problem,
    }


@dataclass(frozen=True, slots=True)
class _Paste:
    """Where the YAML is to be pasted: the endpoints' type and credentials, and what is there already."""

    endpoint_type: str
    credentials: str | None
    config: "Config"

    def there_as(self, details: Mapping[str, Any]) -> str | None:
        """Name the endpoint that reads the same already."""
        for endpoint in self.config.endpoints:
            scope = {name: value for name, value in endpoint.scope.items() if value}
            is_same = scope.items() <= details.items() if scope else not details
            if is_same and endpoint.endpoint_type == self.endpoint_type:
                return endpoint.name
        return None


def _write_yaml(terminal: "Terminal", paste: _Paste, sights: "Sequence[Sight]") -> None:
    """Write an endpoint for each project or drive, its top folders as comments to choose from."""
    taken = {endpoint.name for endpoint in paste.config.endpoints}
    there_as: str | None = None
    for sight in sights:
        if sight.details is None:
            continue
        if sight.kind == "folder":
            if there_as is None:
                terminal.write(f"      # folder_id: {_quoted(sight.id)}  # {_quoted(sight.name)}\n")
            continue
        there_as = paste.there_as(sight.details)
        if there_as is not None:
            terminal.write(f"  # {_quoted(sight.name)} exists already, as {_quoted(there_as)}\n")
            continue
        _write_endpoint(terminal, paste, sight, _free_name(sight, taken))
    if not any(sight.details is not None for sight in sights):
        terminal.note(_VIEW.nothing)


def _write_endpoint(terminal: "Terminal", paste: _Paste, sight: "Sight", name: str) -> None:
    terminal.write(f"  - name: {_quoted(name)}\n    endpoint_type: {paste.endpoint_type}\n")
    if paste.credentials is not None:
        terminal.write(f"    credentials: {_quoted(paste.credentials)}\n")
    if sight.problem:
        terminal.write(f"    # {_quoted(sight.problem)}\n")
    terminal.write("    endpoint_details:\n")
    for key, value in (sight.details or {}).items():
        terminal.write(f"      {key}: {_quoted(str(value))}\n")


def _free_name(sight: "Sight", taken: set[str]) -> str:
    """Make a name that an endpoint may have; of two alike the later gets the start of its id behind it."""
    from filesync.config.endpoint import free_name  # noqa: PLC0415  pydantic only where it is needed

    name = free_name(sight.name, sight.id, taken)
    taken.add(name)
    return name


def _quoted(text: str) -> str:
    """Write text as YAML on one line, whatever is in it; `${` would be a variable."""
    from yaml import SafeDumper, dump  # noqa: PLC0415  only YAML needs it

    from filesync.config.endpoint import one_line  # noqa: PLC0415  pydantic only where it is needed

    plain = one_line(text).replace("${", "$${")
    written = dump(plain, Dumper=SafeDumper, default_style='"', allow_unicode=True, width=10**9)
    return written.rstrip("\n")


_VIEW = View(
    "found",
    (
        Column("NAME", lambda row: "  " * row["level"] + row["name"], least=20),
        Column("KIND", lambda row: row["kind"].replace("_", " "), rank=2),
        Column("TYPE", lambda row: row["type"] or "", rank=3, spare=True),
        Column("REGION", lambda row: row["region"] or "", rank=4, spare=True),
        Column("ID", lambda row: row["id"]),
        Column("PROBLEM", lambda row: row["problem"] or "", rank=1, least=24, spare=True, mood=lambda _: "bad"),
    ),
    nothing="this login is shown nothing",
)
