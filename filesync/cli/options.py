"""The options that several commands share."""

from typing import Annotated

import typer  # noqa: TID251  the command layer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")]
AsCsv = Annotated[
    bool, typer.Option("--csv", help="CSV; text that a spreadsheet would take for a formula gets a leading apostrophe.")
]
EndpointNames = Annotated[
    list[str] | None, typer.Option("--endpoint", metavar="NAME", help="Only this endpoint; may be repeated.")
]
Limit = Annotated[int | None, typer.Option("--limit", min=0, metavar="N", help="At most this many.")]
