"""The elements, attributes and doctypes of HTML that a mail keeps: what lays out, and neither acts nor posts."""

from __future__ import annotations

import re

from message.html.markup import names

TAGS = names(
    """a abbr acronym address area article aside b bdi bdo big blockquote br caption center cite code
    col colgroup dd del details dfn dir div dl dt em fieldset figcaption figure font footer h1 h2 h3 h4 h5 h6
    header hgroup hr i img ins kbd label legend li main map mark menu nav nobr ol p pre q rp rt ruby s samp section
    small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr"""
)
ATTRIBUTES = names(
    """abbr align alt background bgcolor border bordercolor cellpadding cellspacing char charoff cite class clear color
    cols colspan coords datetime dir face frame headers height hidden href hspace id lang name noshade nowrap open
    reversed role rowspan rules scope shape size span src start style summary title type usemap valign value vspace
    width"""
)
# Menus and galleries of mails open and close by boxes that are ticked, without a script: those send nothing anywhere.
SWITCHES = names("checkbox radio")
OF_A_SWITCH = ATTRIBUTES | names("type checked")
OF_A_LABEL = ATTRIBUTES | names("for")
OF_THE_BODY = names(
    """alink background bgcolor bottommargin class dir id lang leftmargin link marginheight marginwidth
    rightmargin style text title topmargin vlink width"""
)
OF_THE_DOCUMENT = names("class dir id lang style")
# Without effect in a mail, whose links open in a window of their own anyway: these go without a word.
IDLE = re.compile(r"xmlns(?::.*)?|data-.*|target|rel|loading|decoding|xml:.*|v:.*|o:.*|w:.*", re.DOTALL)
ADDRESSES = names("href src cite background")
METAS = names(
    """viewport color-scheme supported-color-schemes format-detection x-apple-disable-message-reformatting
    generator author description keywords progid originator"""
)
REPLACED_METAS = names("content-type x-ua-compatible content-language content-style-type")
DOCTYPES = (
    (
        "xhtml 1.0 transitional",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n',
    ),
    (
        "xhtml 1.0 strict",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n',
    ),
    (
        "html 4.01 transitional",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" '
        '"http://www.w3.org/TR/html4/loose.dtd">\n',
    ),
    (
        "html 4.01",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">\n',
    ),
)
