"""`filesync schema`: the JSON Schema of connector.yaml."""

import json

import typer  # noqa: TID251  the command layer

from filesync.cli.terminal import home_and_terminal


def schema(ctx: typer.Context) -> None:
    """Print the JSON Schema of connector.yaml, for editors and other checkers."""
    from filesync.config.schema import schema as make_schema  # noqa: PLC0415  pydantic only where it is needed

    _, terminal = home_and_terminal(ctx)
    terminal.write(json.dumps(make_schema(), ensure_ascii=False, indent=2) + "\n")
