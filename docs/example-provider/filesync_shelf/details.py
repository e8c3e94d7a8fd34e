"""`endpoint_details` of `shelf`."""

from pydantic import Field

from filesync.providers.details import FilterDetails


class ShelfDetails(FilterDetails):
    """One archive, or one folder of it."""

    index: str = Field(min_length=1, description="Path of the archive's index file, relative to home.")
    folder_id: str = Field("root", min_length=1, description="Only this folder's subtree.")
