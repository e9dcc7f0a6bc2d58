from __future__ import annotations

import csv
from pathlib import Path

import pytest

from delivery.remedies import Subject, advice, remedy
from delivery.remedies.replies import CASES
from smtp.errors import AuthenticationRefused, Category, Reason, Refused, Step
from smtp.reply import Reply

ROOT = Path(__file__).resolve().parents[2]
TABLE = csv.DictReader(
    (ROOT / "tests" / "delivery" / "replies.tsv").read_text(encoding="utf-8").splitlines(),
    delimiter="\t",
    quoting=csv.QUOTE_NONE,
)
PUBLISHED = list(TABLE)
"""Replies of real servers, with the page where each is published, and what is made of them."""


def understood(step: Step, text: str) -> tuple[str, str, str, str]:
    """Category, retryable, retry_after and subject of a reply at `step`, as a result tells them."""
    reply = Reply(int(text[:3]), (text[4:],))
    if step is Step.AUTH:
        error: Refused = AuthenticationRefused("", reply=reply, mechanism="PLAIN")
    else:
        error = Refused("", step=step, reply=reply)
    known = remedy(step, reply.code, reply.enhanced_code, reply.text)
    assert known is not None, "no hint"
    assert known.hint
    retryable = error.retryable if known.retryable is None else known.retryable
    seconds = "" if known.retry_after is None else f"{known.retry_after:g}"
    return str(known.category or error.category), "yes" if retryable else "no", seconds, known.subject.name


@pytest.mark.parametrize(
    ("step", "code", "enhanced", "text", "named"),
    [
        # Microsoft 365
        (Step.AUTH, 535, "5.7.139", "SmtpClientAuthentication is disabled for the Tenant", "Authenticated SMTP"),
        (Step.AUTH, 535, "5.7.139", "Authentication unsuccessful, basic authentication is disabled.", "client_id"),
        (Step.AUTH, 535, "5.7.139", "the user credentials were incorrect.", "username and password"),
        (Step.AUTH, 535, "5.7.139", "user is locked by the security defaults policy", "security defaults"),
        (Step.AUTH, 535, "5.7.3", "Authentication unsuccessful", "scopes"),
        (Step.MAIL, 530, "5.7.57", "Client not authenticated to send mail", "auth_type"),
        (Step.MAIL, 550, "5.7.30", "Basic authentication is not supported for Client Submission", "client_id"),
        (Step.AUTH, 550, "5.7.30", "Basic authentication is not supported for Client Submission", "client_id"),
        (Step.END, 550, "5.7.60", "Client does not have permissions to send as this sender", "sender_address"),
        (Step.END, 554, "5.2.252", "SendAsDenied; ann@example.com not allowed to send as bob@example.com", "Send As"),
        (Step.END, 554, "5.2.0", "STOREDRV.Submission.Exception:SendAsDeniedException", "Send As"),
        (Step.END, 554, "5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "daily limit"),
        (Step.END, 554, "5.2.2", "mailbox full", "sender's own mailbox"),
        # Google
        (Step.AUTH, 534, "5.7.9", "Application-specific password required", "app password"),
        (Step.AUTH, 535, "5.7.8", "Username and Password not accepted", "app password"),
        (Step.MAIL, 550, "5.4.5", "Daily user sending limit exceeded", "daily limit"),
        (Step.RCPT, 452, "4.5.3", "Your message has too many recipients", "recipients"),
        # Amazon SES
        (Step.END, 454, "", "Daily message quota exceeded", "daily limit"),
        (Step.END, 554, "", "Message rejected: Email address is not verified.", "Verify the address"),
        # Exchange on premises and others
        (Step.RCPT, 550, "5.7.1", "Unable to relay", "relay"),
        (Step.RCPT, 554, "5.7.1", "<x@example.com>: Relay access denied", "relay"),
        (Step.MAIL, 553, "5.7.1", "<x@example.com>: Sender address rejected: not owned by user ann", "sender_address"),
        (Step.MAIL, 530, "5.7.0", "Must issue a STARTTLS command first", "ssl_config"),
        (Step.AUTH, 538, "", "Encryption required for requested authentication mechanism", "ssl_config"),
        (Step.MAIL, 530, "", "Authentication required", "username and password"),
        (Step.MAIL, 552, "5.3.4", "Message size exceeds fixed limit", "37%"),
        (Step.RCPT, 552, "5.2.2", "mailbox full", "recipient's mailbox"),
    ],
)  # fmt: skip
def test_the_hint_names_what_to_change(step: Step, code: int, enhanced: str, text: str, named: str) -> None:
    known = remedy(step, code, enhanced, text)
    assert known is not None
    assert named in known.hint


@pytest.mark.parametrize(
    ("step", "code", "enhanced"),
    [
        (Step.AUTH, 535, "5.7.139"),
        (Step.AUTH, 534, "5.7.9"),
        (Step.MAIL, 530, "5.7.57"),
        (Step.MAIL, 550, "5.7.30"),
        (Step.END, 550, "5.7.60"),
        (Step.RCPT, 550, "5.7.54"),
    ],
)
def test_what_a_setting_has_to_mend_is_never_retried(step: Step, code: int, enhanced: str) -> None:
    known = remedy(step, code, enhanced, "")
    assert known is not None
    assert (known.category, known.retryable) == (Category.CONFIGURATION, False)


@pytest.mark.parametrize(
    ("step", "code", "enhanced", "seconds"),
    [
        (Step.AUTH, 432, "4.3.2", 60),
        (Step.MAIL, 432, "4.3.2", 60),
        (Step.AUTH, 454, "4.7.0", 60),
        (Step.AUTH, 421, "4.7.0", 60),
        (Step.END, 421, "4.3.0", 60),
        (Step.END, 421, "4.4.2", 60),
        (Step.RCPT, 450, "4.2.1", 60),
        (Step.MAIL, 452, "4.3.1", 300),
        (Step.END, 454, "", 1),
    ],
)
def test_what_passes_says_how_long_to_wait(step: Step, code: int, enhanced: str, seconds: float) -> None:
    known = remedy(step, code, enhanced, "")
    assert known is not None
    assert (known.category, known.retryable) == (Category.TEMPORARY, True)
    assert known.retry_after is not None
    assert known.retry_after >= seconds


def test_454_is_a_login_that_can_not_be_checked_at_auth_and_throttling_after_the_data() -> None:
    login, throttled = remedy(Step.AUTH, 454, "4.7.0", ""), remedy(Step.END, 454, "", "Throttling failure")
    assert login is not None
    assert throttled is not None
    assert "login" in login.hint
    assert "slow down" in throttled.hint


def test_a_used_up_daily_quota_is_not_worth_a_retry() -> None:
    for step, code, enhanced, text in (
        (Step.END, 454, "", "Daily message quota exceeded."),
        (Step.END, 554, "5.2.0", "SubmissionQuotaExceeded"),
        (Step.MAIL, 550, "5.4.5", ""),
    ):
        known = remedy(step, code, enhanced, text)
        assert known is not None
        assert known.retryable is False


def test_words_alone_never_make_a_reply_worth_a_retry() -> None:
    text = "throttling failure, too many connections, sendasdenied, not verified, relay, starttls, greylisted"
    for step in Step:
        for code in range(500, 600):
            known = remedy(step, code, "", text)
            assert known is None or not known.retryable


def test_a_reply_that_is_not_known_stands_for_itself() -> None:
    assert remedy(Step.RCPT, 550, "5.1.1", "No such user") is None
    assert remedy(Step.MAIL, 250, "2.1.0", "OK") is None
    assert remedy(Step.QUIT, 500, "", "Relay access denied") is None


def test_the_same_code_at_another_step_means_something_else() -> None:
    assert remedy(Step.MAIL, 535, "5.7.3", "") is None
    assert remedy(Step.AUTH, 554, "5.2.2", "") is None


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason])
def test_what_a_session_finds_wrong_by_itself_has_advice(reason: Reason) -> None:
    assert advice(reason).endswith(".")


def test_the_table_of_published_replies_is_of_many_servers() -> None:
    assert len(PUBLISHED) >= 140
    assert all(row["source"].startswith("https://") for row in PUBLISHED)
    assert len({row["source"] for row in PUBLISHED}) >= 40
    assert {Subject[row["subject"]] for row in PUBLISHED} >= set(Subject) - {Subject.MECHANISM}


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row['step']} {row['reply'][:40]}")
def test_a_published_reply_is_understood(row: dict[str, str]) -> None:
    expected = tuple(row[name] for name in ("category", "retryable", "retry_after", "subject"))
    assert understood(Step[row["step"]], row["reply"]) == expected


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row['step']} {row['reply'][:40]}")
def test_a_published_reply_is_understood_however_it_is_spelled(row: dict[str, str]) -> None:
    step = Step[row["step"]]
    expected = understood(step, row["reply"])
    assert understood(step, row["reply"].upper()) == expected
    assert understood(step, f"{row['reply']} (in reply to a command) [mx.example.com]") == expected


def test_a_reply_that_is_final_is_never_worth_a_retry_for_its_words() -> None:
    for row in PUBLISHED:
        if row["reply"].startswith("5"):
            assert row["retryable"] == "no", row["reply"]


def test_what_is_retried_after_a_time_is_retried_at_all() -> None:
    for case in CASES:
        if case.remedy.retry_after is not None:
            assert case.remedy.retryable is True
            assert case.remedy.retry_after >= 1


@pytest.mark.parametrize("page", sorted({case.remedy.page for case in CASES if case.remedy.page}))
def test_a_page_that_a_hint_names_is_there(page: str) -> None:
    assert (ROOT / "docs" / "errors" / f"{page}.md").is_file()


def test_every_hint_names_what_to_do_in_sentences() -> None:
    for case in CASES:
        assert case.remedy.advice.endswith(".")
        assert case.remedy.hint.startswith(case.remedy.advice)


@pytest.mark.parametrize(
    ("step", "reply", "subject"),
    [
        # D3: a 552 is not about size by itself
        (Step.END, "552 5.7.0 This message was blocked because its content presents a potential issue", "CONTENT"),
        (Step.RCPT, "552 5.2.2 <a@example.com>: Recipient address rejected: Mailbox full", "RECIPIENT_MAILBOX"),
        (Step.MAIL, "552 Message too large", "SIZE"),
        # D4: a refused recipient is not about relaying by itself
        (Step.RCPT, "550 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org", "REPUTATION"),
        (Step.RCPT, "550 5.7.1 SPF check failed", "DOMAIN_PROOF"),
        (Step.RCPT, "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", "LOGIN"),
        (Step.RCPT, "550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized", "CLOSED"),
    ],
)  # fmt: skip
def test_a_code_with_several_meanings_is_read_to_its_end(step: Step, reply: str, subject: str) -> None:
    assert understood(step, reply)[3] == subject


def test_a_refused_recipient_of_which_nothing_is_known_gets_no_advice_about_relaying() -> None:
    for text in ("", "Access denied", "Rejected", "No thank you"):
        assert remedy(Step.RCPT, 550, "5.7.1", text) is None
