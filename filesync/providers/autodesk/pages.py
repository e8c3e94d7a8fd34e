"""Lists that may come in pages although nothing says that they do: every page, as one answer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from filesync.http import Answer
from filesync.providers.autodesk.translate import next_href, to_entries

Follow = Callable[[str, str, set[str]], Answer]  # (link, the request that it came with, links followed so far)


def gathered(first: Answer, follow: Follow) -> Answer:
    """Put all pages together, under the date of the first, which trusts fewer change stamps."""
    answers, seen = [first], set[str]()
    while (href := next_href(answers[-1])) is not None:
        answers.append(follow(href, answers[-1].url, seen))
    if len(answers) == 1:
        return first
    body = {
        **first.body,
        "data": [entry for answer in answers for entry in to_entries(answer)],
        "included": [entry for answer in answers for entry in _listed(answer.body.get("included"))],
        "meta": {"warnings": [entry for answer in answers for entry in _listed(_meta(answer).get("warnings"))]},
        "links": {},
    }
    return replace(first, body=body)


def _meta(answer: Answer) -> Mapping[str, Any]:
    meta = answer.body.get("meta")
    return meta if isinstance(meta, dict) else {}


def _listed(entries: Any) -> list[Any]:
    return entries if isinstance(entries, list) else []
