"""What we may ask Autodesk, and how often.

Limits are per client id and minute, as published on
https://aps.autodesk.com/en/docs/data/v2/developers_guide/rate-limiting/dm-rate-limits/
"""

from collections.abc import Sequence

from filesync.http import Route

_PROJECTS = "/project/v1/hubs/[^/]+/projects"
_PROJECT_DATA = "/data/v1/projects/[^/]+"

HUBS = Route("hubs", "GET", "/project/v1/hubs", 50)
HUB = Route("hub", "GET", "/project/v1/hubs/[^/]+", 50)
PROJECTS = Route("projects", "GET", _PROJECTS, 50)
PROJECT = Route("project", "GET", f"{_PROJECTS}/[^/]+", 50)
TOP_FOLDERS = Route("top folders", "GET", f"{_PROJECTS}/[^/]+/topFolders", 300)
FOLDER = Route("folder", "GET", f"{_PROJECT_DATA}/folders/[^/]+", 300, may_be_missing=True)
CONTENTS = Route("folder contents", "GET", f"{_PROJECT_DATA}/folders/[^/]+/contents", 300)
ITEM = Route("item", "GET", f"{_PROJECT_DATA}/items/[^/]+", 300, may_be_missing=True)
LIST_ITEMS = Route("items", "POST", f"{_PROJECT_DATA}/commands", 300)  # the ListItems command only reads

ROUTES: Sequence[Route] = (HUBS, HUB, PROJECTS, PROJECT, TOP_FOLDERS, FOLDER, CONTENTS, ITEM, LIST_ITEMS)
