"""Mails as programs group them: by the algorithm of Jamie Zawinski, which most follow (RFC 5256, REFERENCES)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import EmailMessage
from itertools import pairwise

from message.compose import Message
from message.draft import Addressing, plain_draft
from tests.message.reading import DEFAULTS, octets, read


def ids(text: object) -> list[str]:
    return re.findall(r"<[^<>\s]+>", str(text or ""))


def threads(mails: Iterable[EmailMessage]) -> list[set[str]]:
    """The Message-IDs of each thread: containers by References, linked where no link makes a circle (steps 1 to 4)."""
    parent: dict[str, str] = {}
    known: list[str] = []

    def is_above(above: str, below: str | None) -> bool:
        while below is not None:
            if below == above:
                return True
            below = parent.get(below)
        return False

    for mail in mails:
        own = ids(mail["Message-ID"])[0]
        known.append(own)
        chain = ids(mail["References"]) or ids(mail["In-Reply-To"])[:1]
        for above, below in pairwise(chain):
            if below not in parent and not is_above(below, above):
                parent[below] = above
        if chain and not is_above(own, chain[-1]):
            parent[own] = chain[-1]
    groups: dict[str, set[str]] = {}
    for own in known:
        root = own
        while root in parent:
            root = parent[root]
        groups.setdefault(root, set()).add(own)
    return list(groups.values())


def sent(thread: str = "", answers: Message | str | None = None, subject: str | None = None) -> Message:
    answered = octets(answers) if isinstance(answers, Message) else answers
    addressing = Addressing(to="bob@example.com", subject=subject, in_reply_to=answered, thread=thread)
    return plain_draft(addressing, "x", (), DEFAULTS).compose(eight_bit=True, smtputf8=False)


def grouped(*messages: Message) -> list[set[str]]:
    return threads(map(read, messages))


def names(*messages: Message) -> set[str]:
    return {message.message_id for message in messages}


def test_all_mails_of_a_container_are_one_thread_in_whatever_order_they_arrive() -> None:
    mine, others = [sent("1:7") for _ in range(4)], [sent("1:8") for _ in range(2)]
    for order in ([*mine, *others], [*others, *reversed(mine)], [mine[0], others[0], *mine[1:], others[1]]):
        assert sorted(map(len, grouped(*order))) == [2, 4]
    assert names(*mine) in grouped(*mine, *others)


def test_answers_of_people_stay_in_the_thread_of_the_container() -> None:
    first = sent("1:7")
    reply = EmailMessage()
    reply["Message-ID"] = "<human@example.com>"
    reply["In-Reply-To"] = first.message_id
    reply["References"] = f"{read(first)['References']} {first.message_id}"
    later = sent("1:7", answers="<human@example.com>")
    found = threads([read(later), reply, read(first), read(sent("1:9"))])
    assert names(first, later) | {"<human@example.com>"} in found


def test_an_answer_to_a_mail_of_the_vault_joins_its_thread() -> None:
    root = sent(subject="Alert")
    middle = sent(answers=root)
    last = sent(answers=middle)
    assert grouped(last, sent(), root, middle)[0] == names(root, middle, last)
    assert [read(one)["Subject"] for one in (root, middle, last)] == ["Alert", "Re: Alert", "Re: Alert"]


def test_a_long_conversation_stays_one_thread() -> None:
    mails = [sent(subject="Alert")]
    for _ in range(120):
        mails.append(sent(answers=mails[-1]))
    assert grouped(*mails) == [names(*mails)]


def test_mails_without_a_thread_are_each_alone() -> None:
    mails = [sent(subject="The same") for _ in range(3)]
    assert sorted(map(len, grouped(*mails))) == [1, 1, 1]
