"""Setting up: a new home, the configuration checked and shown, its JSON Schema."""

import json as json_module
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer  # noqa: TID251  the command layer

import filesync
from filesync.cli.costs import Cost, costs
from filesync.cli.options import AsJson
from filesync.cli.output import show_document
from filesync.cli.world import World
from filesync.clock import Stop
from filesync.errors import FilesyncError, LocalFileError
from filesync.settings import DEFAULTS, find_home
from filesync.variables import is_secret

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Check or show the configuration.")

_MASK = "********"
_FOLDERS = {"config": 0o755, "data": 0o755, "logs": 0o755, "tokens": 0o700, "credentials": 0o700}
_EXAMPLES = (
    "OAUTH_SETUP.md",
    "config/connector.example.yaml",
    "config/connector.schema.json",
    "crontab.example",
    "env.example",
)
_PACKAGE = Path(filesync.__file__).parent
_NEXT = """next:
  cd {home}
  cp env.example .env && chmod 600 .env                   # then put your client id and secret in
  cp config/connector.example.yaml config/connector.yaml  # then put your endpoints in
  filesync config check"""


def init(
    ctx: typer.Context,
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="The new home; else --home, else the current folder.")
    ] = None,
) -> None:
    """Start a home: its folders, and the examples to copy from. Nothing that exists is overwritten.

    \b
    Examples:
      filesync init
      filesync init /srv/filesync
    """  # noqa: D301  \b is Typer's mark
    world: World = ctx.obj
    given = folder or world.options.home or world.environ.get("FILESYNC_HOME") or str(world.cwd)
    home = find_home(given, world.environ, world.cwd)
    world.check_owner(home)
    try:
        written = [*_make_folders(home), *_write_examples(home)]
    except OSError as exc:
        raise LocalFileError(f"{exc.filename or home}: cannot be created: {exc.strerror}") from exc
    for path in written:
        world.write(f"{path}\n")
    if not written:
        world.note(f"{home}: everything is there already")
    if not (home / "config" / "connector.yaml").exists():
        world.note(_NEXT.format(home=home))


@app.command("check")
def check(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Check connector.yaml, and say what each endpoint costs in requests and minutes.

    All mistakes are named at once on stderr, with exit code 78. No service is asked: that is
    `filesync endpoints check`.
    """
    world: World = ctx.obj
    config = world.config
    found = costs(world)
    logins = [*missing_logins(world)]
    if json:
        document = {
            "notices": [*map(str, config.notices), *logins],
            "endpoints": [each.to_json() for each in found],
        }
        show_document(world, {"ok": True, "file": str(world.config_path), **document})
        return
    for notice in (*config.notices, *logins):
        world.note(f"note: {notice}")
    active = sum(endpoint.is_active for endpoint in config.endpoints)
    sets = f", {_counted(len(config.sets), 'set')}" if config.sets else ""
    world.write(f"{world.config_path}: ok, {_counted(len(config.endpoints), 'endpoint')}, {active} active{sets}\n")
    for each in found:
        world.write(f"{_said(each)}\n")


def missing_logins(world: World) -> Iterator[str]:
    """Name what the active endpoints' logins lack, as far as that shows without asking a service."""
    from filesync.http import Counters  # noqa: PLC0415  only this check opens providers
    from filesync.sync.opening import opener  # noqa: PLC0415  as above

    open_provider = opener(world.config, world.clock, world.random, world.redactor, world.log)
    for declared in world.config.sets:
        try:
            if declared.template.is_active:
                open_provider.open_set(declared, Stop(world.clock))
        except FilesyncError as exc:
            yield f"{declared.name}: {exc}"
    for endpoint in world.config.endpoints:
        if not endpoint.is_active:
            continue
        try:
            open_provider(endpoint, Stop(world.clock), Counters())
        except FilesyncError as exc:
            yield f"{endpoint.name}: {exc}"


@app.command("show")
def show(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show the effective settings and endpoints as YAML, secrets masked."""
    world: World = ctx.obj
    document = _effective(world)
    if json:
        show_document(world, document)
        return
    import yaml  # noqa: PLC0415  only YAML needs it

    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=1000)
    world.write(world.redactor.scrub(text))


def schema(ctx: typer.Context) -> None:
    """Print the JSON Schema of connector.yaml, for editors and other checkers."""
    from filesync.config.schema import schema as make_schema  # noqa: PLC0415  pydantic only where it is needed

    ctx.obj.write(json_module.dumps(make_schema(), ensure_ascii=False, indent=2) + "\n")


def _make_folders(home: Path) -> Iterator[Path]:
    for name, mode in _FOLDERS.items():
        folder = home / name
        if folder.is_dir():
            continue
        home.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=mode)  # at once: opened for others first, it could be entered before it is closed
        yield folder


def _write_examples(home: Path) -> Iterator[Path]:
    packaged = _PACKAGE / "examples"
    folder = packaged if packaged.is_dir() else _PACKAGE.parent  # a checkout has them at its top level only
    for name in _EXAMPLES:
        try:
            with (home / name).open("xb") as file:
                file.write((folder / name).read_bytes())
        except FileExistsError:
            continue
        yield home / name


def _effective(world: World) -> Mapping[str, Any]:
    from filesync.cli.endpoints import set_to_row, to_row  # noqa: PLC0415  pydantic only where it is needed
    from filesync.config import notify  # noqa: PLC0415  as above
    from filesync.config.keeping import in_words  # noqa: PLC0415  as above

    settings = world.settings
    said = ("schedule_in_words", "filters_in_words", "is_set", "set")
    declared = [*map(to_row, world.config.endpoints), *map(set_to_row, world.config.sets)]
    rows = ({k: v for k, v in each.items() if k not in said} for each in declared)
    return {
        "home": str(world.home),
        "config": str(world.config_path),
        "database": str(settings.database_path),
        "environment": {name: _shown(name, settings.variables.get(name) or DEFAULTS[name]) for name in DEFAULTS},
        "rate_limit_percent": world.config.rate_limit_percent,
        "retention": in_words(world.config.retention),
        "credentials": {name: each.shown(_MASK) for name, each in world.config.credentials.items()},
        "notify": {each.name: notify.in_words(each, _MASK) for each in world.config.notify},
        "endpoints": [{**row, "notify": told} for row, told in zip(rows, _told(world), strict=True)],
    }


def _told(world: World) -> Iterator[Mapping[str, Any]]:
    """Say of each endpoint, then of each set, who is told about it; of a global target its name is enough."""
    from filesync.config import notify  # noqa: PLC0415  pydantic only where it is needed

    for each in (*world.config.endpoints, *(one.template for one in world.config.sets)):
        yield {target.name: notify.in_words(target, _MASK) if target.own else True for target in each.notify}


def _shown(name: str, value: str) -> str | None:
    if not value:
        return None
    return _MASK if is_secret(name) else value


def _said(cost: Cost) -> str:
    if cost.size is None:
        return f"  {cost.endpoint}: {cost.unit}; how many is known after the first sync"
    size = f"{_counted(cost.size.files, 'file')} in {_counted(cost.size.folders, 'folder')}"
    time = f"{cost.minutes:.1f} min" if cost.minutes and cost.minutes >= 1 else "under a minute"
    price = f"{_counted(cost.requests or 0, 'request')}, {time} at {cost.per_minute:,}/min"
    listing = f"a listing takes about {price}"
    return f"  {cost.endpoint}: {size}; {listing}; reconciling spreads that over {cost.reconcile_every}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
