"""`phantom.app`."""

APP_SUCCESS = True
APP_ERROR = False


def is_fail(status: bool) -> bool:
    return not status


def is_success(status: bool) -> bool:
    return status
