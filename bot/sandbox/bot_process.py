"""Starts, watches and kills the real bot as a process of its own."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from bot.errors import PermanentError

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
COMMAND_TIMEOUT_S = 60.0
POLL_S = 0.05
_PR_SET_PDEATHSIG = 1
_CHECKOUT = Path(__file__).parents[2]


class BotProcess:
    """One replica. Its output goes to `log`; it dies with us even if we are killed (Linux).

    `wrapper` is a command that replaces itself by the command behind it.
    """

    def __init__(
        self, config: Path, environ: Mapping[str, str], http_port: int, log: Path, wrapper: Sequence[str] = ()
    ) -> None:
        self._config = config
        self._environ = environ
        self._http_port = http_port
        self.log = log
        self._wrapper = wrapper
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def configuration(self) -> tuple[str, dict[str, str]]:
        """Its file's text and its environment variables."""
        return self._config.read_text(), dict(self._environ)

    def configure(self, text: str, environ: Mapping[str, str]) -> None:
        """Write another configuration; it counts from the next start."""
        self._config.write_text(text)
        self._environ = environ

    @property
    def pid(self) -> int:
        """Process id; 0 when it does not run."""
        return self._process.pid if self._process else 0

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it says it is ready.

        Raises:
            PermanentError: ``bot-not-started`` with the end of its log.
        """
        command = [*self._wrapper, sys.executable, "-m", "bot", "serve", "--config", str(self._config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                cwd=_CHECKOUT,
                env={**os.environ, **self._environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - started from the main thread, before any fork hazard
            )
        if wait:
            self.wait_ready()

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run another command with its configuration; returns the exit code and what it prints."""
        verb, *rest = arguments
        done = subprocess.run(  # noqa: S603 - the same
            [sys.executable, "-m", "bot", verb, "--config", str(self._config), *rest],
            cwd=_CHECKOUT,
            env={**os.environ, **self._environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_S,
        )
        return done.returncode, done.stdout + done.stderr

    def wait_ready(self) -> None:
        """Wait for ``/readyz``.

        Raises:
            PermanentError: ``bot-not-started``.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        with httpx.Client(base_url=f"http://127.0.0.1:{self._http_port}", timeout=1.0) as client:
            while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
                try:
                    if client.get("/readyz").is_success:
                        return
                except httpx.TransportError:
                    pass  # not listening yet
                time.sleep(POLL_S)
        raise PermanentError("bot-not-started", "The bot did not become ready.", self.log_tail(20))

    def kill(self) -> None:
        """Send SIGKILL, as if the node were lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ask it to end, and wait; a run under way is left where it is for the next owner."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def memory_peak_bytes(self) -> int:
        """Peak resident memory, from ``/proc``."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def log_tail(self, lines: int) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
