"""`filesync doctor`: everything that can be wrong with a home, looked at, and the step that fixes it."""

from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync import __version__
from filesync.app.doctor_run import DoctorOptions, examine
from filesync.cli.options import AsJson, EndpointNames
from filesync.cli.output.findings import findings_document, show_findings, sum_up
from filesync.cli.output.rows import show_document
from filesync.cli.terminal import home_and_terminal
from filesync.core.timestamps import to_timestamp
from filesync.doctor.findings import Finding, exit_code


def doctor(
    ctx: typer.Context,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no service and no proxy.")] = False,
    endpoint: EndpointNames = None,
    json: AsJson = False,
) -> None:
    """Look for everything that can be wrong, and say what fixes it. Nothing is changed.

    Looks at configuration, paths, secrets, database, logins, scheduler, syncs, notifications and network, and asks
    the services. Each check is OK, WARN or FAIL; exits 1 when one is FAIL, else 0. --endpoint asks the service of
    that endpoint only; --quiet shows only what is not OK, --verbose what was found of each check.

    \b
    Examples:
      filesync doctor
      filesync doctor --offline --quiet
      filesync doctor --json | jq '.findings[] | select(.level != "OK")'
    """  # noqa: D301  \b is Typer's mark
    home, terminal = home_and_terminal(ctx)
    results = examine(home, DoctorOptions(tuple(endpoint or ()), offline))
    if json:
        found = [*results]
        document = findings_document(terminal, found)
        facts = {"version": __version__, "checked_at": to_timestamp(home.clock.now()), "home": str(home.path)}
        show_document(terminal, {**facts, "offline": offline, **document})
    else:
        found = [*show_findings(home, terminal, results)]
        sum_up(terminal, found)
    raise typer.Exit(exit_code(each for each in found if isinstance(each, Finding)))
