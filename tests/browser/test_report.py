"""The HTML report in a real browser: silent, self-contained, readable on a phone, in the dark and on paper."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bot.adapters import htmlreport
from bot.views.runs import report_model
from bot.views.runs.html import sheet
from tests.browser.reader import reading
from tests.views.runs.html.incidents import ALL

NARROW, WIDE = 400, 1200
SMALLEST_PX = 12
CONTRAST = 4.5
"""WCAG 2, level AA, for text of normal size."""


@pytest.fixture(params=ALL)
def document(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    what = ALL[request.param]
    path = tmp_path / f"{request.param}.html"
    path.write_bytes(htmlreport.write(sheet.render(report_model.build(what.run, what.events, what.export))))
    return path


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_is_silent_asks_for_nothing_and_can_be_read(
    browser: Browser, document: Path, width: int, scheme: str
) -> None:
    with reading(browser, document, width, scheme) as reader:
        reader.picture(f"{document.stem}-{width}-{scheme}")

        assert reader.console == []
        assert reader.requests == [document.as_uri()]
        assert reader.overflow() <= 0, "nobody should have to scroll sideways"
        texts = reader.texts()
        assert len(texts) > 50
        assert [found for found in texts if found["size"] < SMALLEST_PX] == []
        assert [found for found in texts if found["contrast"] < CONTRAST] == []


def test_a_report_prints_on_paper(browser: Browser, document: Path) -> None:
    with reading(browser, document, scheme="dark") as reader:
        printed = reader.page.pdf(prefer_css_page_size=True)
        reader.page.emulate_media(media="print", color_scheme="dark")

        assert printed.startswith(b"%PDF-")
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 0
        assert reader.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert reader.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        heads = "[...document.querySelectorAll('thead')].map((head) => getComputedStyle(head).display)"
        assert set(reader.page.evaluate(heads)) == {"table-header-group"}, "heads on every page"
        rows = "[...document.querySelectorAll('tr, li')].map((row) => getComputedStyle(row).breakInside)"
        assert set(reader.page.evaluate(rows)) == {"avoid"}, "no row is cut"
        assert reader.page.locator("nav").is_hidden()
        (document.parent / "report.pdf").write_bytes(printed)


def test_a_report_is_built_for_those_who_do_not_see_it(browser: Browser, document: Path) -> None:
    with reading(browser, document) as reader:
        page = reader.page
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.locator("h1").count() == 1
        levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels)), levels
        assert page.locator("th:not([scope])").count() == 0
        assert page.locator("table:not(:has(> caption))").count() == 0
        assert page.locator("time:not([datetime])").count() == 0
        targets = page.evaluate("[...document.querySelectorAll('nav a')].map((a) => a.getAttribute('href').slice(1))")
        assert [name for name in targets if page.locator(f"#{name}").count() != 1] == []
        assert page.get_by_role("table").count() == page.locator("table").count()


def test_nothing_in_a_report_is_code(browser: Browser, document: Path) -> None:
    with reading(browser, document) as reader:
        assert reader.page.locator("script, img, iframe, object, embed, link, form, [onerror], [onclick]").count() == 0
        schemes = reader.page.evaluate("[...document.querySelectorAll('a')].map((a) => a.protocol)")
        assert set(schemes) <= {"file:", "https:", "http:"}
