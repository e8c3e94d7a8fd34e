"""What we may ask of Drive: the published routes and their budgets."""

from filesync.http import Route

# A minute has 325,000 quota units for each user: a list costs 100, a get 5. The budgets below fit together.
# https://developers.google.com/workspace/drive/api/guides/limits
FILES = Route("list files", "GET", "/drive/v3/files", per_minute=2_800)
CHANGES = Route("list changes", "GET", "/drive/v3/changes", per_minute=200)
START_TOKEN = Route("start of the change log", "GET", "/drive/v3/changes/startPageToken", per_minute=200)
FILE = Route("look up a file", "GET", "/drive/v3/files/[^/]+", per_minute=4_800, may_be_missing=True)
DRIVES = Route("list shared drives", "GET", "/drive/v3/drives", per_minute=60)
ROUTES = (FILES, CHANGES, START_TOKEN, FILE, DRIVES)
