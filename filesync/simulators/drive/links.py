"""Addresses for people, in the forms Drive gives them."""

from filesync.simulators.drive.items import FOLDER, NATIVE_PREFIX, SHORTCUT, Item

_EDITORS = {"document": "document", "spreadsheet": "spreadsheets", "presentation": "presentation", "form": "forms"}


def web_view_link(item: Item) -> str:
    if item.mime_type == FOLDER:
        return f"https://drive.google.com/drive/folders/{item.id}"
    editor = _EDITORS.get(item.mime_type.removeprefix(NATIVE_PREFIX))
    if editor:
        return f"https://docs.google.com/{editor}/d/{item.id}/edit?usp=drivesdk"
    return f"https://drive.google.com/file/d/{item.id}/view?usp=drivesdk"


def web_content_link(item: Item) -> str | None:
    """Return the download address, which only blobs have."""
    return f"https://drive.google.com/uc?id={item.id}&export=download" if item.content else None


def icon_link(item: Item) -> str:
    return f"https://drive-thirdparty.googleusercontent.com/16/type/{item.mime_type}"


def export_links(item: Item) -> dict[str, str] | None:
    if not item.mime_type.startswith(NATIVE_PREFIX) or item.mime_type in (FOLDER, SHORTCUT):
        return None
    address = f"https://docs.google.com/feeds/download/documents/export/Export?id={item.id}&exportFormat=pdf"
    return {"application/pdf": address}
