"""A mail server whose settings name the fault: correct SMTP with one thing wrong, and its log as the judge."""

from tests.support.scripted.log import Accepted, Log
from tests.support.scripted.server import ScriptedServer
from tests.support.scripted.settings import Behind, Cut, Fault, Kind, Settings, Step

__all__ = ["Accepted", "Behind", "Cut", "Fault", "Kind", "Log", "ScriptedServer", "Settings", "Step"]
