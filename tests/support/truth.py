"""The inventory compared with what the simulated services know to be true."""

from typing import Any

from tests.support.homes import READER, Home


def acc_row(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("path", "name", "size", "version_number", "created_at", "updated_at", "link", "parent_id", "modified_by")
    return tuple(row[name] for name in names)


def stored_acc_row(row: dict[str, Any]) -> tuple[Any, ...]:
    names = (
        "file_path",
        "file_name",
        "file_size",
        "version_number",
        "created_at",
        "updated_at",
        "file_link",
        "parent_external_id",
        "modified_by",
    )
    return tuple(row[name] for name in names)


def drive_row(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("path", "name", "size", "md5", "head_revision_id", "created_at", "modified_at", "link", "parent_id")
    return tuple(row[name] for name in names)


def stored_drive_row(row: dict[str, Any]) -> tuple[Any, ...]:
    names = (
        "file_path",
        "file_name",
        "file_size",
        "checksum",
        "version",
        "created_at",
        "updated_at",
        "file_link",
        "parent_external_id",
    )
    return tuple(row[name] for name in names)


def assert_acc_truth(home: Home, project: str) -> None:
    assert home.acc is not None
    truth = {row["id"]: acc_row(row) for row in home.acc.truth(project)}
    assert {id_: stored_acc_row(row) for id_, row in home.files().items()} == truth


def assert_drive_truth(home: Home, scope: str, endpoint: str | None = None) -> None:
    assert home.drive is not None
    truth = {row["id"]: drive_row(row) for row in home.drive.truth(READER, scope)}
    assert {id_: stored_drive_row(row) for id_, row in home.files(endpoint).items()} == truth
