"""What the targets are fed with: bytes of the shapes that they parse, mostly spoiled."""

import json
from collections.abc import Mapping

from hypothesis import strategies as st

from tests.adversarial.hostile.hostile import LEFT_OUT, NAMES, VALUES, nested

_ODD = st.sampled_from([value for value in VALUES if value is not LEFT_OUT])
_KEYS = st.sampled_from(
    [
        "data",
        "included",
        "links",
        "next",
        "href",
        "meta",
        "warnings",
        "HttpStatusCode",
        "type",
        "id",
        "attributes",
        "name",
        "displayName",
        "createTime",
        "lastModifiedTime",
        "lastModifiedTimeRollup",
        "storageSize",
        "versionNumber",
        "relationships",
        "tip",
        "item",
        "parent",
        "resources",
        "hidden",
        "extension",
        "folderParents",
        "urn",
        "title",
        "parentUrn",
        "files",
        "changes",
        "fileId",
        "file",
        "removed",
        "changeType",
        "driveId",
        "nextPageToken",
        "newStartPageToken",
        "startPageToken",
        "drives",
        "mimeType",
        "parents",
        "trashed",
        "size",
        "createdTime",
        "modifiedTime",
        "owners",
        "emailAddress",
        "lastModifyingUser",
        "shortcutDetails",
        "sha1Checksum",
        "capabilities",
        "access_token",
        "expires_in",
        "error",
        "errors",
        "reason",
        "message",
        "status",
        "details",
        "error_description",
        "errorCode",
        "developerMessage",
        "jsonapi",
        "detail",
        "location",
    ]
)
_LEAVES = st.one_of(_ODD, st.text(max_size=8), st.integers(), st.floats(), st.sampled_from(NAMES))
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=25,
)
_BODIES = st.dictionaries(_KEYS, _JSON, max_size=6).map(lambda body: json.dumps(body).encode())
_TEXTS = st.one_of(st.text(), st.sampled_from(NAMES)).map(lambda text: text.encode("utf-8", "surrogatepass"))
_MOMENTS = st.from_regex(
    rb"[0-9]{1,4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}(:[0-9]{2}){0,2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?",
    fullmatch=True,
)
_LENGTHS = st.from_regex(rb"\s?[0-9]{1,12}(\.[0-9]{1,7})?\s?[smhdwy]\s?", fullmatch=True)
_CRONS = st.from_regex(rb"([0-9*/,LW#-]{1,6} ){4}[0-9*/,L#-]{1,4}", fullmatch=True)
_DATES = st.from_regex(
    rb"(Mon, )?[0-9]{1,2} (Jan|Feb|Dec) [0-9]{1,5} [0-9]{2}:[0-9]{2}:[0-9]{2} ([+-][0-9]{4}|GMT|)\n?", fullmatch=True
)
_GLOB = st.text("ab*?[]!-/.\u0301", max_size=14)
_PATH = st.text("ab/.]-\u0301", max_size=14)
_YAML = st.lists(
    st.sampled_from(
        [
            "endpoints:",
            "  - name: A",
            "    endpoint_type: google_drive",
            "    endpoint_details: {drive_id: 0AbcdefghijklmnopPVA}",
            "    schedule: {type: cron, cron: '0 0 * * *'}",
            "    schedule: &s {type: interval, interval_minutes: 5}",
            "    <<: *s",
            "    time_limit: 4m",
            "    is_active: ${NAME}",
            "defaults:",
            "  reconcile_every: 6h",
            "notify: [{name: x, url: 'https://x'}]",
            "credentials: {a: {client_id: '${NAME:-}'}}",
            "retention: {changes: {keep_for: 90d}}",
            "---",
            "? [a]",
            ": b",
            "    include: ['**']",
            "  - *s",
            "    name: !!str x",
            "\t",
            "    projects: {include: ['*']}",
            "    name: '{project_name}'",
            "{",
            "]",
            "&a",
            "*a",
            "!",
            "%YAML 1.1",
        ]
    ),
    max_size=12,
).map(lambda lines: "\n".join(lines).encode())

FEED: Mapping[str, st.SearchStrategy[bytes]] = {
    "answers": _BODIES | st.binary(max_size=60),
    "refusals": _BODIES | st.just(json.dumps({"error": nested(900)}).encode()),
    "token_files": _BODIES | st.binary(max_size=60),
    "headers": _DATES | _TEXTS | st.tuples(_DATES, _DATES).map(b"\n".join),
    "config": _YAML | st.binary(max_size=80),
    "words": _MOMENTS | _LENGTHS | _CRONS | _TEXTS,
    "globs": st.tuples(_GLOB, _PATH).map(lambda pair: "\n".join(pair).encode()),
    "shown": _TEXTS,
    "search": _TEXTS | st.text('"*^:(){}+- ORANDNTE', max_size=20).map(str.encode),
    "crontabs": st.binary(max_size=80) | st.text("\n #*/5filesync: home", max_size=80).map(str.encode),
}
