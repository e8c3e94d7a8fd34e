"""`filesync init`: a new home with its folders and examples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer  # noqa: TID251  the command layer

import filesync
from filesync.cli.terminal import home_and_terminal
from filesync.core.errors import LocalFileError
from filesync.runtime.settings import find_home

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
    home, terminal = home_and_terminal(ctx)
    given = folder or home.options.home or home.environ.get("FILESYNC_HOME") or str(home.cwd)
    path = find_home(given, home.environ, home.cwd)
    home.check_owner(path)
    try:
        written = [*_make_folders(path), *_write_examples(path)]
    except OSError as exc:
        raise LocalFileError(f"{exc.filename or path}: cannot be created: {exc.strerror}") from exc
    for each in written:
        terminal.write(f"{each}\n")
    if not written:
        terminal.note(f"{path}: everything is there already")
    if not (path / "config" / "connector.yaml").exists():
        terminal.note(_NEXT.format(home=path))


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
