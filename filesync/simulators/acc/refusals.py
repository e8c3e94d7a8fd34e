"""How the service says no; each layer has its own shape (aps.md 4.4)."""

import uuid

from filesync.simulators.messages import HttpResponse, Refused

DM_TYPE = "application/vnd.api+json"


def gateway(status: int, code: str, message: str) -> Refused:
    """Refuse as the gateway does, which looks at tokens and quotas."""
    more = "https://aps.autodesk.com/en/docs/oauth/v2/developers_guide/error_handling/"
    return Refused(
        HttpResponse.of_json({"developerMessage": message, "moreInfo": more, "errorCode": code}, status=status)
    )


def document(status: int, code: str, detail: str) -> Refused:
    """Refuse as Data Management does."""
    error = {"id": str(uuid.UUID(int=status)), "status": str(status), "code": code, "detail": detail}
    answer = {"jsonapi": {"version": "1.0"}, "errors": [error]}
    return Refused(HttpResponse.of_json(answer, status=status, content_type=DM_TYPE))


def bad_input(detail: str) -> Refused:
    return document(400, "BAD_INPUT", detail)


def not_found(kind: str, urn: str) -> Refused:
    return document(404, f"{kind.upper()}_NOT_FOUND", f"The {kind} {urn} does not exist.")


def forbidden(kind: str) -> Refused:
    return document(403, "FORBIDDEN", f"You don't have permission to access this {kind}.")


def inactive(project: str) -> Refused:
    return document(403, "BIM360DM_ERROR", f"Project is not active: {project}")


def login(status: int, code: str, description: str) -> Refused:
    """Refuse as the token endpoint does."""
    return Refused(HttpResponse.of_json({"error": code, "error_description": description}, status=status))


def over_limit(retry_after: float | None) -> HttpResponse:
    """Answer 429 as documented (aps.md 4.2)."""
    answer = HttpResponse.of_json({"developerMessage": "Quota limit exceeded."}, status=429)
    return answer if retry_after is None else answer.with_headers(Retry_After=f"{retry_after:.0f}")
