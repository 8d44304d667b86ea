"""A report as a page, and as somebody reads it."""

import html
import re

from bot.adapters import htmlreport
from bot.views.runs import report_model
from bot.views.runs.html import sheet
from tests.views.runs.html.incidents import Incident


def written(what: Incident) -> str:
    return htmlreport.write(sheet.render(report_model.build(what.run, what.events, what.export))).decode()


def words(what: Incident) -> str:
    """The report as somebody reads it, in one line."""
    body = written(what).partition("<body>")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())
