"""What to do about a reply, an error of a session or a message that can't be made: hints that name the setting."""

from delivery.remedies.case import Remedy, Subject
from delivery.remedies.replies import is_about_a_setting, remedy
from delivery.remedies.settings import advice, advised, with_settings

__all__ = ["Remedy", "Subject", "advice", "advised", "is_about_a_setting", "remedy", "with_settings"]
