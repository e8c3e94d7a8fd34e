"""filesync keeps a live inventory of the files a team has in Autodesk Construction Cloud and Google Drive."""

__version__ = "0.1.0"
