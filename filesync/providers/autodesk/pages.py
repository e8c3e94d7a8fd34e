"""Lists that may come in pages although nothing says that they do: every page, as one answer."""

from collections.abc import Callable
from dataclasses import replace

from filesync.http import Answer
from filesync.providers.autodesk.translate import next_href, to_entries

Follow = Callable[[str, str, set[str]], Answer]  # (link, the request that it came with, links followed so far)


def gathered(first: Answer, follow: Follow) -> Answer:
    """Put the entries and warnings of all pages together, under the first page's date, which trusts fewer stamps."""
    answer, entries, seen = first, list(to_entries(first)), set[str]()
    warnings = list(_warnings(first))
    while (href := next_href(answer)) is not None:
        answer = follow(href, answer.url, seen)
        entries += to_entries(answer)
        warnings += _warnings(answer)
    body = {**first.body, "data": entries, "links": {}}
    return replace(first, body={**body, "meta": {"warnings": warnings}} if warnings else body)


def _warnings(answer: Answer) -> list[object]:
    meta = answer.body.get("meta")
    found = meta.get("warnings") if isinstance(meta, dict) else None
    return found if isinstance(found, list) else []
