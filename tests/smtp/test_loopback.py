from __future__ import annotations

import pytest

from smtp.loopback import is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::1%lo"]
)
def test_this_machine_has_several_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost.example.org", "128.0.0.1", "10.0.0.1", "fe80::1%eth0", "", "127.0.0.1.example.org"]
)
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not is_loopback(host)
