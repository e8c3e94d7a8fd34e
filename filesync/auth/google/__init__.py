"""Google's logins: a service account, a person, the account of a machine in Google's cloud."""

from filesync.auth.google.choosing import (
    DEFAULT_KEY_PATH,
    CredentialKind,
    Source,
    login_of,
    preferred_to_person,
    source_of,
)
from filesync.auth.google.credentials_file import OAuthClient, read_client, read_credentials
from filesync.auth.google.service import METADATA_ONLY, READ_ONLY, Account, lacking
from filesync.auth.google.service_account import GoogleServiceAccount
from filesync.auth.google.user import BrowserLogin, DriveAddress, GoogleUser, log_in_command, stored

__all__ = [
    "DEFAULT_KEY_PATH",
    "METADATA_ONLY",
    "READ_ONLY",
    "Account",
    "BrowserLogin",
    "CredentialKind",
    "DriveAddress",
    "GoogleServiceAccount",
    "GoogleUser",
    "OAuthClient",
    "Source",
    "lacking",
    "log_in_command",
    "login_of",
    "preferred_to_person",
    "read_client",
    "read_credentials",
    "source_of",
    "stored",
]
