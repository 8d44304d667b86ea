"""Opens a report as a person does, and records everything the browser did."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Route

from tests.browser.conftest import PICTURES

# For every element that has text of its own: what it is, its size in px, and its contrast (WCAG 2) with what is behind.
_TEXTS = """
() => {
  const channels = (value) => value.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, index) => sum + c * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.body.querySelectorAll("*")].filter(own).map((element) => {
    const style = getComputedStyle(element);
    const [light, dark] = [luminance(channels(style.color)), luminance(behind(element))].sort((a, b) => b - a);
    return {
      what: `${element.tagName} ${element.className} ${element.textContent.trim().slice(0, 40)}`,
      size: parseFloat(style.fontSize), contrast: (light + 0.05) / (dark + 0.05),
    };
  });
}
"""


@dataclass
class Reader:
    """A page with a report in it.

    Attributes:
        console: the console's messages, warnings included, and exceptions.
        requests: every address the page asked for.
    """

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return found

    def texts(self) -> list[dict[str, Any]]:
        """Everything with text of its own: what, size, contrast."""
        found: list[dict[str, Any]] = self.page.evaluate(_TEXTS)
        return found

    def picture(self, name: str) -> None:
        """Keep a picture for people, outside version control."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@contextmanager
def reading(browser: Browser, document: Path, width: int = 1200, scheme: str = "light") -> Iterator[Reader]:
    """Open the file in a window of that width; whatever it fetches besides itself is recorded and refused."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    reader = Reader(page)

    def pass_on(route: Route) -> None:
        reader.requests.append(route.request.url)
        if route.request.url == document.as_uri():
            route.continue_()
        else:
            route.abort()

    def complain(message: ConsoleMessage) -> None:
        reader.console.append(f"{message.type}: {message.text}")

    def dismiss(dialog: Dialog) -> None:
        reader.console.append(dialog.message)
        dialog.dismiss()

    page.route("**/*", pass_on)
    page.on("console", complain)
    page.on("pageerror", lambda error: reader.console.append(str(error)))
    page.on("dialog", dismiss)
    try:
        page.goto(document.as_uri(), wait_until="load")
        yield reader
    finally:
        context.close()
