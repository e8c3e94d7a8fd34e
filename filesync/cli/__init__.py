"""The command line: which commands exist, the options they share, and what errors become.

Every command lives in a module that is imported when it is called, so that none pays for another.
"""

import importlib
import traceback
from collections.abc import Sequence
from copy import copy
from enum import StrEnum
from typing import Annotated, Any, cast

import typer  # noqa: TID251  the command layer
from typer.core import TyperGroup  # noqa: TID251  the command layer

from filesync import __version__
from filesync.app.home import Home
from filesync.cli.quick_start import end_at_once
from filesync.cli.terminal import Terminal
from filesync.core.errors import ConfigError, FilesyncError
from filesync.core.key_material import is_key_material
from filesync.runtime.streams import ReaderGoneError

__all__ = ["Home", "Terminal", "run"]

# in the order of --help; the value is a function, or a Typer app with commands of its own
_COMMANDS = {
    "sync": "filesync.cli.sync:sync",
    "loop": "filesync.cli.loop:loop",
    "status": "filesync.cli.status:status",
    "files": "filesync.cli.files:files",
    "changes": "filesync.cli.changes:changes",
    "consumers": "filesync.cli.consumers:app",
    "logs": "filesync.cli.logs:logs",
    "prune": "filesync.cli.prune:prune",
    "snapshot": "filesync.cli.snapshot:snapshot",
    "db": "filesync.cli.db:app",
    "endpoints": "filesync.cli.endpoints:app",
    "doctor": "filesync.cli.doctor:doctor",
    "verify": "filesync.cli.verify:verify",
    "serve-health": "filesync.cli.health:serve_health",
    "metrics": "filesync.cli.health:metrics",
    "discover": "filesync.cli.discover:discover",
    "auth": "filesync.cli.auth:app",
    "notify": "filesync.cli.notify:app",
    "schedule": "filesync.cli.schedule:app",
    "init": "filesync.cli.init:init",
    "config": "filesync.cli.config:app",
    "schema": "filesync.cli.schema:schema",
    "demo": "filesync.cli.demo:demo",
}
# What root may do in the home of another account, for it writes nothing there that the owner would have to use; or, as
# `schedule` and `init`, looks after that itself. All else is refused before it begins, also what is added one day.
_FOR_ROOT_TOO = frozenset(
    {
        *("status", "files", "changes", "logs", "doctor", "serve-health", "metrics", "schema", "demo"),
        *("auth autodesk status", "auth google status", "notify status", "config check", "config show"),
        *("db info", "db check", "db grants"),
        *("schedule show", "schedule install", "schedule uninstall", "init"),
    }
)
_UsageProblem = cast("type[typer.BadParameter]", typer.BadParameter.__base__)  # what every wrong usage is, in any Typer
_INTERRUPTED = 130


class LogFormat(StrEnum):
    JSON = "json"
    TEXT = "text"


_PLAIN: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None}


def run(argv: Sequence[str], home: Home, terminal: Terminal) -> int:
    """Run one command; the only place where errors become lines on stderr and an exit code."""
    home.hide_what_is_given(argv)
    home.arguments = tuple(argv)
    try:
        _refuse_keys(argv)
        code = end_at_once(argv, home, terminal)  # before Typer reads an option: that imports pydantic
        if code is None:
            given = list(argv) or ["--help"]
            code = _command().main(args=given, prog_name="filesync", standalone_mode=False, obj=(home, terminal))
        terminal.flush()
    except _UsageProblem as exc:
        return _refuse(exc, terminal)
    except FilesyncError as exc:
        terminal.complain(str(exc))
        return exc.exit_code
    except ReaderGoneError:
        return 0
    except OSError as exc:
        return _explain(exc, terminal)
    except (KeyboardInterrupt, typer.Abort):  # what Typer makes of it, older ones
        return _INTERRUPTED
    return code if isinstance(code, int) else 0


def _refuse_keys(argv: Sequence[str]) -> None:
    """Refuse a key or login among the arguments: none takes one, and `ps` shows it. Raises ConfigError."""
    for number, word in enumerate(argv, start=1):
        option, _, value = word.partition("=") if word.startswith("-") else ("", "", word)
        if is_key_material(value):
            before = argv[number - 2] if number > 1 else ""
            where = option or (before if before.startswith("-") else f"argument {number}")
            raise ConfigError(
                f"{where}: a path or a name is needed; others can see an argument, so no key or login may be one"
            )


class _LazyGroup(TyperGroup):
    """The commands by name, imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  Typer's signature
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  Typer's signature
        address = _COMMANDS.get(cmd_name)
        return None if address is None else self._with_global_options(_load(cmd_name, address), cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = dict.fromkeys(_COMMANDS, self)  # Typer suggests from these
        return super().resolve_command(ctx, args)

    def _with_global_options(self, command: Any, words: str) -> Any:
        """Let --home, --config, -v and -q also stand behind the command's name."""
        taken = {option for param in command.params for option in param.opts}
        shared = (param for param in self.params if param.name in _SETTERS and taken.isdisjoint(param.opts))
        command.params.extend(_shared(param) for param in shared)
        children = getattr(command, "commands", {})
        for name, child in children.items():
            command.commands[name] = self._with_global_options(child, f"{words} {name}")
        if not children and words not in _FOR_ROOT_TOO:
            _leave_to_owner(command)
        return command


def _leave_to_owner(command: Any) -> None:
    """Let root not begin a command in the home of another account."""
    invoke = command.invoke

    def checked(ctx: Any) -> Any:
        ctx.find_root().obj[0].check_owner()
        return invoke(ctx)

    command.invoke = checked


def _load(name: str, address: str) -> Any:
    module, _, attribute = address.partition(":")
    target = getattr(importlib.import_module(module), attribute)
    if isinstance(target, typer.Typer):
        app = target
    else:
        app = typer.Typer(**_PLAIN)
        app.command(name)(target)
    command = typer.main.get_command(app)
    command.name = name
    return command


_SETTERS = ("home", "config", "verbose", "quiet", "log_format")


def _shared(param: Any) -> Any:
    param = copy(param)
    param.expose_value = False
    param.hidden = True
    param.callback = _set_option
    return param


def _set_option(ctx: Any, param: Any, value: Any) -> Any:
    if value not in (None, False):
        _take_option(ctx.find_root().obj, param.name, value)
    return value


def _take_option(given: tuple[Home, Terminal], name: str, value: Any) -> None:
    """Hand a global option to whom it concerns."""
    home, terminal = given
    if name in {"verbose", "quiet"}:
        setattr(terminal, f"is_{name}", value)
    else:
        setattr(home.options, name, value)


def _command() -> Any:
    app = typer.Typer(cls=_LazyGroup, **_PLAIN)
    app.callback(context_settings={"help_option_names": ["-h", "--help"]})(_global_options)
    return typer.main.get_command(app)


def _show_version(ctx: typer.Context, asked: bool) -> None:
    if asked:
        ctx.obj[1].write(f"filesync {__version__}\n")
        raise typer.Exit


def _global_options(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    home: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="The folder with config/, data/ and .env; else $FILESYNC_HOME, or found."),
    ] = None,
    config: Annotated[
        str | None, typer.Option(metavar="PATH", help="Read this file instead of config/connector.yaml in the home.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print more on stderr.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="Format of logs/connector.log; else $CONNECTOR_LOG_FORMAT.")
    ] = None,
    version: Annotated[  # noqa: ARG001  its callback does it
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Keep a live inventory of the files in Autodesk Construction Cloud and Google Drive.

    Data goes to stdout, everything else to stderr. The global options may also stand behind the command's name.
    """
    given = {"home": home, "config": config, "log_format": log_format, "verbose": verbose, "quiet": quiet}
    for name, value in given.items():
        _take_option(ctx.obj, name, value)


def _refuse(exc: typer.BadParameter, terminal: Terminal) -> int:
    """Say in one line what is wrong with the call."""
    path = exc.ctx.command_path if exc.ctx else "filesync"
    message = exc.format_message().strip() or "a command is missing"
    terminal.complain(f"{message.rstrip('.?')}{'?' if message.endswith('?') else ';'} see: {path} --help")
    return exc.exit_code


def _explain(exc: OSError, terminal: Terminal) -> int:
    """Say which file the system refused; without one it is a bug, and shows itself."""
    if exc.filename is None:
        raise exc
    terminal.detail(traceback.format_exc())
    terminal.complain(f"{exc.filename}: {exc.strerror}")
    return 1
