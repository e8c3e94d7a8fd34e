"""HTTP, once for every service: retry(judge(authorise(pace(log(send))))), composed in `Connector.connect`.

send       one attempt over one `requests` session: timeouts, proxies and a private CA by the usual variables
log        every attempt is counted and logged
pace       a budget per client and kind of request, shared by all processes of the home; Retry-After stops them all
authorise  the current token; after a 401 once more with a renewed one
judge      a JSON object, or an error that names the request
retry      what may pass is tried again: exponential backoff, full jitter, cut short by a signal or a deadline
"""

from filesync.core.redaction import REDACTED, Redactor, Secret, printable
from filesync.http.connection import CLOUD_METADATA, Connection, Connector
from filesync.http.counters import Counters
from filesync.http.types import Answer, Authoriser, Explain, HttpAttempt, Randomness, Refusal, RequestLog, Route

__all__ = [
    "CLOUD_METADATA",
    "REDACTED",
    "Answer",
    "Authoriser",
    "Connection",
    "Connector",
    "Counters",
    "Explain",
    "HttpAttempt",
    "Randomness",
    "Redactor",
    "Refusal",
    "RequestLog",
    "Route",
    "Secret",
    "printable",
]
