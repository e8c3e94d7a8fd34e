"""`filesync loop`: the schedule where there is no cron, such as in a container."""

import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated

import typer  # noqa: TID251  the command layer

from filesync.app.home import Home
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.core.errors import UsageError
from filesync.runtime.signals import STOPPERS, arriving
from filesync.scheduling.loop import Children, Job, Loop


def loop(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    every: Annotated[
        int, typer.Option("--every", min=1, max=1440, metavar="MINUTES", help="How often to check what is due.")
    ] = 1,
    serve_health: Annotated[bool, typer.Option("--serve-health", help="Run filesync serve-health beside it.")] = False,
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Address of serve-health.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port of serve-health.")] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="Another host name of serve-health; may be repeated."),
    ] = None,
) -> None:
    """Start filesync sync now and at every full minute, one at a time, until a signal.

    Where cron or systemd is, use them: filesync schedule install. Exit code: 128 + the signal's number.
    """
    home, terminal = home_and_terminal(ctx)
    given = {"--host": host, "--port": port}
    options = [text for name, value in given.items() if value is not None for text in (name, str(value))]
    options += [text for name in allow_host or () for text in ("--allow-host", name)]
    if options and not serve_health:
        raise UsageError(f"{options[0]} goes with --serve-health")
    call = [*_program(), *_global_options(home, terminal)]
    jobs = {"sync": Job([*call, "sync"])}
    if serve_health:
        jobs["serve-health"] = Job([*call, "serve-health", *options], restarts=True)
    with arriving({*STOPPERS, signal.SIGCHLD}) as signals:
        children = Children(home.environ)
        code = Loop(jobs, timedelta(minutes=every), home.clock, signals, children, terminal.complain).run()
    raise typer.Exit(code)


def _program() -> Sequence[str]:
    """Name the program that this process runs, as a command of its own."""
    if sys.argv[0].endswith("__main__.py"):
        return sys.executable, "-m", "filesync"
    return sys.executable, sys.argv[0]


def _global_options(home: Home, terminal: Terminal) -> Iterator[str]:
    yield from ("--home", str(home.path))
    if home.options.config is not None:
        yield from ("--config", str(home.config_path))
    if home.options.log_format is not None:
        yield from ("--log-format", home.options.log_format)
    yield from ("--verbose",) if terminal.is_verbose else ()
    yield from ("--quiet",) if terminal.is_quiet else ()
