"""`filesync config`: the configuration, checked or shown."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer  # noqa: TID251  the command layer

from filesync.app.costs import Cost, costs
from filesync.app.home import Home
from filesync.cli.options import AsJson
from filesync.cli.output.rows import show_document
from filesync.cli.terminal import home_and_terminal
from filesync.core.key_material import without_passwords
from filesync.runtime.environment import is_secret, read_variables
from filesync.runtime.misspellings import misspelled
from filesync.runtime.settings import DEFAULTS

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Check or show the configuration.")

_MASK = "********"


@app.command("check")
def check(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Check connector.yaml, and say what each endpoint costs in requests and minutes.

    All mistakes are named at once on stderr, with exit code 78. No service is asked: that is
    `filesync endpoints check`.
    """
    from filesync.app.logins import missing_logins  # noqa: PLC0415  only this check opens providers

    home, terminal = home_and_terminal(ctx)
    config = home.config
    home.check_authorities()
    found = costs(home)
    logins, misnamed = [*missing_logins(home)], [*misspelled(read_variables(home.path, {}), config.variables)]
    if json:
        document = {
            "notices": [*map(str, config.notices), *misnamed, *logins],
            "endpoints": [each.to_json() for each in found],
        }
        show_document(terminal, {"ok": True, "file": str(home.config_path), **document})
        return
    for notice in (*config.notices, *misnamed, *logins):
        terminal.note(f"note: {notice}")
    active = sum(endpoint.is_active for endpoint in config.endpoints)
    sets = f", {_counted(len(config.sets), 'set')}" if config.sets else ""
    terminal.write(f"{home.config_path}: ok, {_counted(len(config.endpoints), 'endpoint')}, {active} active{sets}\n")
    for each in found:
        terminal.write(f"{_said(each)}\n")


@app.command("show")
def show(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show the effective settings and endpoints as YAML, secrets masked."""
    home, terminal = home_and_terminal(ctx)
    document = _effective(home)
    if json:
        show_document(terminal, document)
        return
    import yaml  # noqa: PLC0415  only YAML needs it

    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=1000)
    terminal.write(home.redactor.scrub(text))


def _effective(home: Home) -> Mapping[str, Any]:
    from filesync.cli.endpoints import set_to_row, to_row  # noqa: PLC0415  pydantic only where it is needed
    from filesync.config import notify  # noqa: PLC0415  as above
    from filesync.config.retention import in_words  # noqa: PLC0415  as above

    settings = home.settings
    said = ("schedule_in_words", "filters_in_words", "is_set", "set")
    declared = [*map(to_row, home.config.endpoints), *map(set_to_row, home.config.sets)]
    rows = ({k: v for k, v in each.items() if k not in said} for each in declared)
    return {
        "home": str(home.path),
        "config": str(home.config_path),
        "database": str(settings.database_address),
        "environment": {name: _shown(name, settings.variables.get(name) or DEFAULTS[name]) for name in DEFAULTS},
        "rate_limit_percent": home.config.rate_limit_percent,
        "retention": in_words(home.config.retention),
        "credentials": {name: each.shown(_MASK) for name, each in home.config.credentials.items()},
        "notify": {each.name: notify.in_words(each, _MASK) for each in home.config.notify},
        "endpoints": [{**row, "notify": told} for row, told in zip(rows, _told(home), strict=True)],
    }


def _told(home: Home) -> Iterator[Mapping[str, Any]]:
    """Say of each endpoint, then of each set, who is told about it; of a global target its name is enough."""
    from filesync.config import notify  # noqa: PLC0415  pydantic only where it is needed

    for each in (*home.config.endpoints, *(one.template for one in home.config.sets)):
        yield {target.name: notify.in_words(target, _MASK) if target.own else True for target in each.notify}


def _shown(name: str, value: str) -> str | None:
    if not value:
        return None
    return _MASK if is_secret(name) else without_passwords(value)


def _said(cost: Cost) -> str:
    if cost.size is None:
        return f"  {cost.endpoint}: {cost.unit}; the number is known after the first sync"
    size = f"{_counted(cost.size.files, 'file')} in {_counted(cost.size.folders, 'folder')}"
    time = f"{cost.minutes:.1f} min" if cost.minutes and cost.minutes >= 1 else "under a minute"
    price = f"{_counted(cost.requests or 0, 'request')}, {time} at {cost.per_minute:,}/min"
    listing = f"a listing takes about {price}"
    return f"  {cost.endpoint}: {size}; {listing}; reconciling spreads that over {cost.reconcile_every}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
