"""`facezoo app` in headless Chromium, for the test of the page and the README's picture of it."""

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

CHROMIUM = shutil.which("chromium")  # Debian's; Playwright's own needs a download
PATIENCE = 300  # seconds for a start or an answer, on a machine that has much else to do
FLAGS = (  # the browser looks nothing up for itself, and reaches this machine alone
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-first-run",
)


@dataclasses.dataclass
class Seen:
    """What a page did: errors in its console, and addresses elsewhere that it asked for."""

    errors: list[str] = dataclasses.field(default_factory=list)
    elsewhere: list[str] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def served(weights, **environment):
    """Run `facezoo app` at a free port of this machine; give its address, and end it by Ctrl-C."""
    command = [sys.executable, "-m", "facezoo", "app", "--weights", str(weights), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    with process:
        late = threading.Timer(PATIENCE, process.kill)
        late.start()
        told = re.match(r"(http://127\.0\.0\.1:\d+/)", process.stdout.readline())
        late.cancel()
        try:
            if told is None:
                raise RuntimeError(f"{' '.join(command)} began with no address")
            yield told[1]
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        finally:
            process.kill()


@contextlib.contextmanager
def opened(address, *, width=1280, height=900):
    """Open an address in Chromium; give the Playwright page and the `Seen` of it.

    What is asked of another address is noted, and fails: `FLAGS` leave no way to it.
    """
    from playwright.sync_api import sync_playwright

    seen = Seen()
    here = (address, address.replace("http", "ws", 1), "data:", "blob:")

    def note(asked):
        if not asked.url.startswith(here):
            seen.elsewhere.append(asked.url)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(1000 * PATIENCE)
        context.on("request", note)
        page = context.new_page()
        page.on("websocket", note)
        page.on("console", lambda said: said.type == "error" and seen.errors.append(said.text))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.goto(address)
        page.get_by_label("Weights").wait_for()
        yield page, seen
        browser.close()


def ask(page, picture):
    """Upload a picture file, and wait until its faces are framed and the first is answered for."""
    page.locator("input[type=file]").first.set_input_files(picture)
    page.get_by_text("Face 1", exact=True).wait_for()
    page.get_by_text(re.compile(r"^\d+%$")).first.wait_for()
    page.wait_for_function(
        "name => [...document.images].some(image => image.alt === name && image.naturalWidth)",
        arg=framed_name(),
    )


def framed_name():
    """Return what the page calls the picture with the frames."""
    from facezoo.app import FRAMED

    return FRAMED
