"""ListItems, the one command that only reads, and the look-up of an item by id.

https://aps.autodesk.com/en/docs/data/v2/reference/http/ListItems
"""

import json
from collections.abc import Collection, Mapping, Sequence

from filesync.simulators.acc import entries, refusals, responses
from filesync.simulators.acc.accounts import may_open
from filesync.simulators.acc.records import AccUser, File, Project
from filesync.simulators.messages import Call, Refused

_COMMAND = "commands:autodesk.core:ListItems"
_VERSIONS = ("1.0.0", "1.1.0")  # the spec's text and its own example differ
_MOST_IDS = 50
_ANSWER = (
    '{"type":"commands","id":"%(id)s","attributes":{"status":"complete",'
    f'"extension":{{"type":"{_COMMAND}","version":"1.1.0"}}}},'
    '"relationships":{"resources":{"data":[%(resources)s]}}}'
)


def read_list_items(call: Call) -> tuple[list[str], bool]:
    """Read the ids that are asked for and whether their paths are; anything odd is refused."""
    if call.headers.get("content-type", "").partition(";")[0].strip() != refusals.DM_TYPE:
        raise refusals.document(415, "UNSUPPORTED_MEDIA_TYPE", f"The content type must be {refusals.DM_TYPE}.")
    try:
        body = json.loads(call.body)
        extension = body["data"]["attributes"]["extension"]
        resources = body["data"]["relationships"]["resources"]["data"]
        kinds = {body["jsonapi"]["version"], body["data"]["type"], *(one["type"] for one in resources)}
        ids = [str(one["id"]) for one in resources]
    except (ValueError, KeyError, TypeError) as error:
        raise refusals.bad_input("The request body is invalid.") from error
    if extension.get("type") != _COMMAND or extension.get("version") not in _VERSIONS:
        raise refusals.bad_input("The command is not supported.")
    if kinds != {"1.0", "commands", "items"} or not 1 <= len(ids) <= _MOST_IDS:
        raise refusals.bad_input(f"The resources must be 1 to {_MOST_IDS} items.")
    return ids, bool(extension.get("data", {}).get("includePathInProject"))


def open_file(files: Mapping[str, File], project: Project, user: AccUser | None, urn: str) -> File:
    """Return the file with that id, deleted or not, or refuse."""
    if not urn.startswith("urn:adsk."):
        raise refusals.bad_input("The item id is invalid.")
    file = files.get(urn)
    if file is None or file.parent.project is not project:
        raise refusals.not_found("item", urn)
    if file.revoked or not may_open(file.parent, user):
        raise refusals.forbidden("item")
    return file


def find_files(
    files: Mapping[str, File], project: Project, user: AccUser | None, wanted: Sequence[str], *, all_or_nothing: bool
) -> list[File]:
    """Look all of them up; one that is refused refuses all, or else is left out."""
    found = []
    for urn in wanted:
        try:
            found.append(open_file(files, project, user, urn))
        except Refused:
            if all_or_nothing:
                raise
    return found


def to_answer(
    files: Sequence[File], base: str, command_id: str, *, with_path: bool, but_tips: Collection[str] = ()
) -> bytes:
    write = item_with_path if with_path else item
    resources = [f'{{"type":"items","id":"{file.id}","meta":{write(file, base)}}}' for file in files]
    tips = [entries.to_version(file, file.tip, base) for file in reversed(files) if file.id not in but_tips]
    included = f',"included":{responses.to_list(tips)}' if tips else ""
    data = _ANSWER % {"id": command_id, "resources": ",".join(resources)}
    return f'{{"jsonapi":{{"version":"1.0"}},"data":{data}{included}}}'.encode()


def item(file: File, base: str) -> responses.JsonText:
    return entries.to_item(file, file.tip, base)


def item_with_path(file: File, base: str) -> responses.JsonText:
    """Write the item with its folders from the project's root down; the file's own name is not among them."""
    path = "".join(f"/{folder.name}" for folder in reversed(file.parent.chain()[:-1]))
    return entries.to_item_with_path(file, file.tip, base, path)
