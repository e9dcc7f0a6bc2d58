"""What an agent wants to be sent, a person looks at and decides."""

from __future__ import annotations

from host.local.people.approvals import Wanted
from host.local.people.roles import Role
from tests.doors.console.conftest import Desk

WANTED = Wanted(
    "send email",
    "catcher",
    {"to": "jane@example.com", "subject": "<b>Hi</b>", "body": "Hello"},
    "key",
    "token agent",
    "<script>because</script>",
)


def test_the_code_shows_the_mail_and_lets_it_through_once(desk: Desk) -> None:
    desk.add_asset()
    browser = desk.signed_in(Role.SENDER)
    code = desk.console.approvals.ask(WANTED)
    page = browser.get(f"/approvals?code={code.lower()}").text
    assert "jane@example.com" in page
    assert "&lt;script&gt;because" in page
    assert "<script>because" not in page
    answer = browser.post("/approvals", data={"code": code, "answer": "yes"})
    assert "The agent may send that mail, once" in answer.text
    assert desk.console.approvals.find(WANTED) is not None
    assert browser.post("/approvals", data={"code": code, "answer": "yes"}).status_code == 404
    (line,) = [line for line in desk.console.audit.list() if line.what == "agent's mail approved"]
    assert (line.who, line.detail["key"]) == ("a sender", "key")
    assert desk.catcher.mailbox.list() == ()


def test_who_says_no_ends_it(desk: Desk) -> None:
    desk.add_asset()
    browser = desk.signed_in(Role.SENDER)
    code = desk.console.approvals.ask(WANTED)
    browser.post("/approvals", data={"code": code, "answer": "no"})
    assert desk.console.approvals.find(WANTED) is None
    assert browser.get(f"/approvals?code={code}").status_code == 404


def test_codes_can_t_be_guessed_for_long(desk: Desk) -> None:
    browser = desk.signed_in(Role.SENDER)
    answers = [browser.get(f"/approvals?code={number}").status_code for number in range(11)]
    assert answers == [404] * 10 + [429]
