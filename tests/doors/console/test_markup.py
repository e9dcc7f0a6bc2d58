"""Nothing that is shown becomes a part of the page: every place of every template gets markup, and shows it."""

from __future__ import annotations

import ast
import re
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from delivery.pool import Pool
from doors.console import history_pages, visit
from doors.console.api_routes import ADDRESSES
from doors.console.app import make_app
from doors.console.catcher import Chaos
from doors.console.console import Console
from doors.console.explained import linked, shown
from doors.console.history_pages import _links
from doors.console.openid import Identity, OpenIdSettings
from doors.console.render import FOLDER, render, when
from host.local import database
from host.local.people.roles import Role
from host.local.sql import transaction
from tests.doors.console.conftest import ADDRESS, BASE, Desk, wait_until
from tests.doors.console.hostile import (
    MARK,
    MARKUP,
    TEMPLATES,
    Place,
    Watched,
    dangerous,
    hostile,
    shape,
)
from tests.doors.console.test_approvals import WANTED
from tests.durable.working import submit
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

NEVER = {
    "base.html: href": "an address of the template's own",
    "base.html: text": "a word of the template's own",
    **{
        f"base.html: item('/{word.lower()}', '{word}')": "both are the template's own"
        for word in ("Assets", "Run", "Runs", "Vault", "Approvals", "Inbox", "Settings")
    },
    "macros.html: kept(w)": "one of two attributes of the template's own",
    "base.html: person.role.value": "a role, of three",
    "settings.html: one.role.value": "a role, of three",
    "settings.html: id": "made of a user's number",
    "mail.html: name": "a field's name of the template's own",
    "show_run.html: name": "a fact's name of the template's own",
    "runs.html: one": "a state of the template's own",
    "explained.html: content": "the program's own document; tested below",
    "show_run.html: result.data.recipients | length - 200": "a number",
    "show_run.html: progress.rate": "a number, or none",
    "unknown.html: most": "a number",
}
"""Places that can get no hostile text, and why."""
MAKES_MARKUP = {
    "explained.py": ["Markup", "Markup"],  # linked, shown
    "render.py": ["Markup", "Markup"],  # when
    "run_pages.py": ["HTMLResponse"],  # framed: a mail, in a sandbox
    "visit.py": ["HTMLResponse"],  # of a template
}
"""Code that makes a page, or a piece of one, of something else than a template."""
ADDRESSES_BEGUN = {
    "asset.html": {"'/assets/' ~ asset_id if asset_id else '/assets/new'"},
    "base.html": {"href"},  # of the template's own
    "mail_body.html": {"html_address"},  # made by the templates that include it
    "onward.html": {"seconds", "to"},  # `target` in sign_in.py lets only paths of ours pass
    "show_run.html": {"link"},  # `_links` in history_pages.py: of https
}
"""Values that begin an address, of each template."""
SINKS = (
    r"\.(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\b|\bFunction\(|createContextualFragment"
    r"|setHTML|srcdoc|setAttribute\((?!\"(?:aria-hidden|role)\")|set(?:Timeout|Interval)\([\"'`]|location\.(?:href|assign)"
)
"""Where a script could make a text into a page or a program."""


RARE = {
    "certificate": {"subject": "mail.example.com", "issuer": "An Authority", "days_left": 3},
    "offers": ["PIPELINING"],
    "auth_method": "password",
    "auth_mechanism": "PLAIN",
    "secrets": [{"field": "client_cert", "expires": "2027-01-31", "days_left": 3}],
    "readiness": [{"text": "It ends soon."}, {"told": "otherwise"}],
    "warnings": ["a warning"],
    "failure": {"hint": "Do this."},
    "steps": [{"step": "connect", "detail": "127.0.0.1", "duration_ms": 3, "status": "success"}],
}
PICTURE = b"\r\n".join(
    (
        b'Content-Type: multipart/related; boundary="b"',
        b"",
        b"--b",
        b"Content-Type: text/html",
        b"",
        b'<img src="cid:logo@x">',
        b"--b",
        b"Content-Type: image/png",
        b"Content-ID: <logo@x>",
        b"",
        b"x",
        b"--b--",
    )
)


class Walk:
    """A console in which everything has happened that pages tell of, and every page that it has shown."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk = desk
        self.shown: list[tuple[str, dict[str, Any]]] = []
        monkeypatch.setattr(visit, "render", self._render)
        monkeypatch.setattr(history_pages, "MOST_LISTED", 2)

    def _render(self, template: str, **values: Any) -> str:
        self.shown.append((template, values))
        return render(template, **values)

    def everywhere(self) -> None:
        browser = self.desk.signed_in()
        browser.get("/")
        for path in (
            "/assets",
            "/run",
            "/runs",
            "/runs?asset=x",
            "/vault",
            "/inbox",
            "/settings",
            "/runs/unknown",
        ):
            browser.get(path)  # before there is anything
        asset_id = self.desk.add_asset(port=self.desk.catcher.port, password="stored", headers_json="x")
        self._sent(browser)
        self._failed(browser)
        self._under_way(browser)
        self._durable(browser)
        self._agents(browser)
        self.desk.run(browser, "preview email", to="jane@example.com", body="x")
        browser.post("/settings/users", data={"name": "jane", "password": "long enough", "role": "viewer"})
        browser.post("/settings/users", data={"name": "jane", "password": "", "role": "viewer"})
        browser.post("/settings/tokens", data={"name": "robot", "role": "viewer", "days": "3"})
        browser.post("/settings/users", data={"name": "x", "password": "", "role": "x"})
        self.desk.open_browser().get(
            "/rest/version", headers={"ph-auth-token": self.desk.console.tokens.make("used", Role.VIEWER)}
        )
        browser.post("/inbox/chaos", data={"fault": "refuse", "step": "answer", "percent": "50"})
        for path in (
            "/",
            "/assets",
            "/assets/new?address=you@gmail.com",
            "/assets/new?address=you@nowhere.example",
            f"/assets/{asset_id}",
            "/run",
            "/runs",
            "/runs?state=failed&asset=catcher",
            "/runs?before=3&asset=catcher",
            "/runs/1",
            "/runs/2",
            "/runs/3",
            "/run?from=1&position=1",
            "/run?from=1&position=1&only=open",
            "/run?action=send+htmlemail&asset=catcher&sample=1",
            "/vault",
            "/inbox",
            "/inbox/1",
            "/inbox/2",
            "/inbox/3",
            "/settings?said=user-added",
            "/explained/providers",
            "/nowhere",
        ):
            browser.get(path)
        fields = {"asset-name": "x", "port": "25", "server": "mail.example.com"}
        browser.post(f"/assets/{asset_id}", data={**fields, "port": "many"})
        browser.post(f"/assets/{asset_id}", data={**fields, "version": "an old one", "password": "other"})
        self.desk.signed_in(Role.VIEWER).get("/assets")
        self._signed_out()
        self.shown += [self._rarely("show_run.html"), self._rarely("preview_part.html")]

    def _rarely(self, template: str) -> tuple[str, dict[str, Any]]:
        """A page of that template, with what only certain servers and mails make known."""
        values = next(
            dict(values)
            for name, values in self.shown
            if name == template and (values.get("preview") or values.get("bars"))
        )
        if template == "preview_part.html":
            return template, {**values, "preview": replace(values["preview"], warnings=("a warning",))}
        first = values["results"][0]
        data = {**first["data"], **RARE}
        return template, {**values, "results": [{**first, "data": data}]}

    def _sent(self, browser: TestClient) -> None:
        files = {"file-attachment1": ("report.txt", b"the report\n", "text/plain")}
        html = {"action": "send htmlemail", "asset": "catcher", "container": "7", "html_body": "<p>x</p>"}
        mail = {
            **html,
            "subject": "Hello",
            "to": "Jane <jane@example.com>, bob@example.com",
            "cc": "carol@example.com",
        }
        browser.post("/run", data={**mail, "do": "preview"}, files=files)
        browser.post("/run", data={**mail, "do": "preview", "headers": "{"})
        browser.post("/run", data={**mail, "to": "nobody"})
        browser.post("/run/preview", data={**mail, "to": "nobody"})
        browser.post("/run/preview", data=mail)
        browser.post("/run", data={**mail, "do": "send", "reply_to": "d@example.com"}, files=files)
        self.desk.wait_for(1)
        self.desk.catcher.mailbox.keep("", ("a@example.com",) * 4, b"Subject: \r\n\r\nbare")
        self.desk.catcher.mailbox.keep("b@example.com", ("a@example.com",), PICTURE)
        browser.post("/assets/1/test")
        self.desk.wait_for(2)

    def _failed(self, browser: TestClient) -> None:
        self.desk.catcher.chaos = Chaos("refuse", "recipient", 1.0)
        self.desk.run(browser, to="jane@example.com", body="x", subject="x")
        mail = {"to": "jane@example.com", "body": "x"}
        both = self.desk.console.start("send email", "catcher", [mail, mail], "", "somebody")
        self.desk.wait_for(both.number)
        browser.get(f"/runs/{both.number}")
        self.desk.catcher.chaos = Chaos()
        self.desk.add_asset("wrong", port=1)
        live = self.desk.console.start("test connectivity", "wrong", {}, "", "somebody")
        self.desk.wait_for(live.number)
        browser.get(f"/runs/{live.number}")

    def _under_way(self, browser: TestClient) -> None:
        """One that waits for its server, while a person is asked to sign in."""
        with ScriptedServer(Settings(fault=Fault(Step.END, Kind.SILENCE))) as server:
            fields = {"server": server.host, "port": server.port, "ssl_config": "None"}
            self.desk.console.home.assets.add("silent", fields)
            mail = {"from": "soc@example.org", "to": "jane@example.com", "body": "Hello"}
            live = self.desk.console.start("send email", "silent", mail, "", "somebody")
            runs = self.desk.console.home.runs
            wait_until(lambda: [one.state for one in runs.get(live.number).mails] == ["committed"])
            live.progress("Open https://login.example/device and enter the code ABC.")
            browser.get(f"/runs/{live.number}")
            live.cancel()
            self.desk.wait_for(live.number)
        browser.get(f"/runs/{live.number}")

    def _durable(self, browser: TestClient) -> None:
        """Of several mails, of which one is unknown."""
        rows = [{"to": f"r{number}@example.com", "subject": "x", "body": "x"} for number in range(101)]
        submitted = submit(self.desk.console.home, rows, asset="catcher", container_id="9")
        folder = self.desk.console.home.folder
        with closing(database.connect(folder)) as connection, transaction(connection):
            connection.execute(
                "UPDATE mail SET state = 'unknown', message_id = '<1@x>' WHERE run_id = ? AND position = 1",
                (submitted.run_id,),
            )
        run = f"/runs/{submitted.run_id}"
        for path in (run, f"{run}?after=1", "/", "/runs/unknown"):
            browser.get(path)
        browser.post(f"{run}/pause")

    def _agents(self, browser: TestClient) -> None:
        code = self.desk.console.approvals.ask(WANTED)
        browser.get(f"/approvals?code={code}")
        browser.get("/approvals?code=x")

    def _signed_out(self) -> None:
        openid = OpenIdSettings("https://id.example.com", "console")
        console = Console(self.desk.console.manifest, self.desk.console.home, Pool(), ADDRESS, None, openid)
        console.users.add("alice@example.com", "", Role.VIEWER)
        with TestClient(make_app(console), base_url=BASE) as browser:
            browser.get("/settings")
            browser.get("/sign-in?to=/vault")
            browser.post("/sign-in", data={"name": "jane", "password": "wrong"})
            assert console.openid is not None
            identity = Identity("https://id.example.com", "1", "alice@example.com")
            console.openid.finish = lambda _cookie, _query: (identity, "/vault")  # type: ignore[method-assign]
            browser.get("/sign-in/openid/callback?state=x")
            browser.get("/settings")
            browser.get(f"/sign-in/link/{console.link.code}")
            browser.get("/settings")


@pytest.fixture(scope="module")
def watched() -> Watched:
    return Watched()


@pytest.fixture
def walk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Walk:
    walk = Walk(desk, monkeypatch)
    walk.everywhere()
    return walk


def test_markup_in_every_text_changes_no_page(walk: Walk, watched: Watched) -> None:
    """Of the pages that were shown, those are read that put a text where none before them has put one."""
    found: set[Place] = set()
    for template, values in walk.shown:
        watched.reached.clear()
        page = watched.render(template, **hostile(values))
        if not watched.reached <= found:
            found |= watched.reached
            assert shape(page).elements == shape(render(template, **values)).elements, template
            assert dangerous(shape(page)) == [], template
    left = {place for place in watched.places if place not in found and not place.is_ours}
    assert {str(place) for place in left - watched.numbers} == set(NEVER), "where no hostile text has come"


def test_templates_turn_nothing_off() -> None:
    for name in TEMPLATES:
        text = (FOLDER / "templates" / name).read_text(encoding="utf-8")
        assert (
            re.findall(r"\| *(?:safe|xmlattr)|autoescape|Markup|<style|\sstyle=|\son\w+=|javascript:", text)
            == []
        ), name
        begun = re.findall(r"(?:href|src|action|content)=\"(?:\d+;url=)?\{\{ ?([^}]*?) ?\}\}", text)
        assert set(begun) == ADDRESSES_BEGUN.get(name, set()), f"{name}: addresses that begin with a value"


def test_a_place_without_quotation_marks_would_be_noticed() -> None:
    assert shape(f"<a class={escape(MARKUP)}>").elements != shape("<a class=x>").elements
    assert shape(f"<p>{MARKUP}").elements != shape("<p>x").elements
    assert dangerous(shape(f'<a href="{escape(MARKUP)}">'))


def test_markup_is_made_nowhere_else() -> None:
    found: dict[str, list[str]] = {}
    for path in sorted(FOLDER.rglob("*.py")):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = one.func if isinstance(one, ast.Call) else None
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in ("Markup", "HTMLResponse") or (name == "Response" and "html" in ast.unparse(one)):
                found.setdefault(path.name, []).append(name)
    assert found == MAKES_MARKUP


@pytest.mark.parametrize(
    "made",
    [
        linked(f"{MARKUP} docs/errors/535-5.7.139.md (smtp-connector explain 535-5.7.139) {MARKUP}"),
        linked(f"docs/errors/{MARKUP}.md (smtp-connector explain {MARKUP})"),
        when(f"2026-01-31T08:00:00{MARKUP}"),
        shown(
            f"# {MARKUP}\n\n[x](javascript:alert(1)) ![x](javascript:alert(1)) [x](<{MARKUP}>)\n\n    {MARKUP}\n"
        ),
    ],
    ids=["text with a page's name", "a page's name", "time", "document"],
)
def test_what_code_makes_of_a_text_is_as_inert(made: str) -> None:
    found = shape(f"<!DOCTYPE html><body>{made}")
    assert dangerous(found) == []
    assert {element for _, element, _ in found.elements} <= {
        *("html", "head", "body", "p", "a", "time", "h1", "pre", "code")
    }


def test_only_links_of_https_become_links() -> None:
    for text in ("javascript:alert(1)", "http://x", "data:text/html,x", "//x", "HTTPS:x"):
        assert _links([{"kind": "progress", "text": f"Open {text} and sign in."}]) == []


def test_the_script_puts_texts_into_pages_as_texts() -> None:
    script = (FOLDER / "static" / "console.js").read_text(encoding="utf-8")
    assert re.findall(SINKS, script) == []
    # One address is made of what was told, and it begins as an address of https does.
    assert re.findall(r"(\w+)\.(?:href|src|action) = (.*)", script) == [
        ("anchor", 'link.replace(/[.,;]$/, "");')
    ]
    assert "const link = text.match(/https:\\/\\/\\S+/g)?.at(-1);" in script
    # What it takes over as a page is the console's own preview, whose template is one of those above.
    assert script.count("DOMParser") == 1


def test_answers_of_the_api_are_no_pages(desk: Desk) -> None:
    asset_id = desk.add_asset()
    program = desk.open_browser()
    program.headers["ph-auth-token"] = desk.console.tokens.make("test", Role.ADMINISTRATOR)
    desk.console.start("send email", "catcher", {"to": MARKUP, "body": MARKUP}, "", MARKUP)
    desk.wait_for(1)
    for method, path, _handler, _role in ADDRESSES:
        for number in ("1", MARK, "<script>", asset_id):
            answer = program.request(
                method, path.replace("{id}", number), content="<script>" if method == "POST" else None
            )
            kind = (
                "text/event-stream; charset=utf-8"
                if "events" in path and answer.is_success
                else "application/json"
            )
            assert answer.headers["content-type"] in (kind, "text/plain; charset=utf-8"), path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
