"""Autodesk's logins: the app itself (two-legged), a person (three-legged), a service account."""

from filesync.auth.autodesk.app import BASE_URL, READ_ONLY, App, LoginService, app_of
from filesync.auth.autodesk.choosing import Flow, flow_of, login_of, preferred_to_person
from filesync.auth.autodesk.service_account import AutodeskServiceAccount
from filesync.auth.autodesk.three_legged import ThreeLegged, log_in_command
from filesync.auth.autodesk.two_legged import TwoLegged

__all__ = [
    "BASE_URL",
    "READ_ONLY",
    "App",
    "AutodeskServiceAccount",
    "Flow",
    "LoginService",
    "ThreeLegged",
    "TwoLegged",
    "app_of",
    "flow_of",
    "log_in_command",
    "login_of",
    "preferred_to_person",
]
