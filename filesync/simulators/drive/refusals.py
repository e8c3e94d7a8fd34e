"""How Drive says no: the recorded envelope, and the cases of the fact sheet."""

from typing import Any

from filesync.simulators.messages import HttpResponse, Refused


def refusal(
    code: int,
    reason: str,
    message: str,
    *,
    domain: str = "global",
    location: str | None = None,
    location_type: str = "parameter",
) -> Refused:
    """https://developers.google.com/workspace/drive/api/guides/handle-errors."""
    error: dict[str, Any] = {"message": message, "domain": domain, "reason": reason}
    if location:
        error |= {"location": location, "locationType": location_type}
    body = {"error": {"code": code, "message": message, "errors": [error]}}
    return Refused(HttpResponse.of_json(body, status=code, content_type="application/json; charset=UTF-8"))


def invalid(location: str, message: str = "Invalid Value") -> Refused:
    return refusal(400, "invalid", message, location=location)


def invalid_parameter(location: str, message: str) -> Refused:
    return refusal(400, "invalidParameter", message, location=location)


def required(location: str) -> Refused:
    return refusal(400, "required", f"Required parameter: {location}", location=location)


def file_not_found(file_id: str) -> Refused:
    return refusal(404, "notFound", f"File not found: {file_id}.", location="fileId")


def drive_not_found(drive_id: str) -> Refused:
    return refusal(404, "notFound", f"Shared drive not found: {drive_id}", location="driveId")


def bad_credentials() -> Refused:
    refused = refusal(401, "authError", "Invalid Credentials", location="Authorization", location_type="header")
    refused.answer = refused.answer.with_headers(WWW_Authenticate='Bearer realm="https://accounts.google.com/"')
    return refused


def insufficient_scope() -> Refused:
    return refusal(403, "insufficientPermissions", "Request had insufficient authentication scopes.")


def include_items_required() -> Refused:
    """Return the refusal that nithinmurali/pygsheets#437 recorded."""
    message = (
        "The includeItemsFromAllDrives parameter must be set to true when driveId is specified"
        " or corpora contains drive or allDrives."
    )
    return refusal(403, "teamDriveIncludeItemsRequired", message)


def drive_corpora_required() -> Refused:
    """Return the refusal that googleapis/google-api-php-client#1825 recorded."""
    message = "The driveId parameter must be specified if and only if corpora is set to drive."
    return refusal(403, "teamDriveIdRequiresTeamDriveCorpora", message)


def support_required() -> Refused:
    """Return a refusal whose wording is not recorded anywhere we know."""
    message = "The supportsAllDrives parameter must be set to true when includeItemsFromAllDrives is set to true."
    return refusal(403, "teamDriveSupportRequired", message)


def access_not_configured() -> Refused:
    """Return the refusal for a project without the Drive API."""
    link = "https://console.developers.google.com/apis/api/drive.googleapis.com/overview?project=123456789012"
    message = (
        "Google Drive API has not been used in project 123456789012 before or it is disabled."
        f" Enable it by visiting {link} then retry. If you enabled this API recently,"
        " wait a few minutes for the action to propagate to our systems and retry."
    )
    error = {"message": message, "domain": "usageLimits", "reason": "accessNotConfigured", "extendedHelp": link}
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    facts = {"service": "drive.googleapis.com", "consumer": "projects/123456789012"}
    detail = {"@type": kind, "reason": "SERVICE_DISABLED", "domain": "googleapis.com", "metadata": facts}
    told = {"code": 403, "message": message, "errors": [error], "status": "PERMISSION_DENIED", "details": [detail]}
    return Refused(HttpResponse.of_json({"error": told}, status=403, content_type="application/json; charset=UTF-8"))


def login(status: int, error: str, description: str) -> Refused:
    """Refuse as the token endpoint does: https://www.rfc-editor.org/rfc/rfc6749#section-5.2."""
    body = {"error": error, "error_description": description}
    return Refused(HttpResponse.of_json(body, status=status, content_type="application/json; charset=utf-8"))
