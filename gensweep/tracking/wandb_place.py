"""Weights & Biases as a place for runs: which project a URI names, and whether it can be used, found out without its library."""

from __future__ import annotations

import configparser
import importlib.util
import netrc
import os
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from gensweep.errors import ConfigError
from gensweep.home import home
from gensweep.ledger.durable import unwritable
from gensweep.tracking.schema import Trouble

SCHEME = "wandb"
OFFLINE, ONLINE = "offline", "online"
_PROJECT = "gensweep"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_MODES = {"": ONLINE, "online": ONLINE, "run": ONLINE, "shared": ONLINE, "offline": OFFLINE, "dryrun": OFFLINE}
_SERVER = "https://api.wandb.ai"
_EXTRA = "Install it: pip install 'gensweep[wandb]'. Or name another store: --tracking-uri sqlite:///mlflow.db."
_LOG_IN = (
    "Log in with `wandb login`, or set WANDB_API_KEY; or set WANDB_MODE=offline, which keeps the runs in files here until "
    "`wandb sync` sends them."
)


def is_wandb(uri: str) -> bool:
    """Whether a tracking URI names Weights & Biases."""
    return uri == SCHEME or uri.startswith(f"{SCHEME}:")


def canonical(uri: str) -> str:
    """`wandb://ENTITY/PROJECT`, or `wandb://PROJECT` of the user's default entity; `wandb` takes WANDB_ENTITY and WANDB_PROJECT.

    Raises:
        ConfigError: it names neither.
    """
    parts = [part for part in uri.removeprefix(SCHEME).removeprefix(":").split("/") if part]
    if not parts:
        entity, project = os.environ.get("WANDB_ENTITY", ""), os.environ.get("WANDB_PROJECT", "") or _PROJECT
        parts = [part for part in (entity, project) if part]
    if len(parts) > 2 or not all(map(_NAME.fullmatch, parts)):
        raise ConfigError(
            "tracking URI of Weights & Biases: names no project. Write wandb, wandb://PROJECT or wandb://ENTITY/PROJECT, of "
            "letters, digits, '-', '_' and '.'. A key does not belong there: wandb login, or WANDB_API_KEY."
        )
    return f"{SCHEME}://{'/'.join(parts)}"


def project_of(uri: str) -> tuple[str | None, str]:
    """Entity (None: the user's default) and project of a canonical URI."""
    entity, _, project = uri.removeprefix(f"{SCHEME}://").rpartition("/")
    return entity or None, project


def folder() -> Path:
    """Where the library keeps its files: `wandb` in WANDB_DIR, or in the working folder."""
    return Path(os.environ.get("WANDB_DIR") or Path.cwd()).resolve() / "wandb"


def mode() -> str:
    """`offline` or `online`, or what WANDB_MODE says besides; `wandb offline` in this folder says so too."""
    if os.environ.get("WANDB_DISABLED", "").lower() in ("1", "true"):
        return "disabled"
    said = os.environ.get("WANDB_MODE", "") or _setting("mode")
    return _MODES.get(said.strip().lower(), said)


def trouble(uri: str) -> Trouble | None:
    """Why it cannot be used, and what to do about that."""
    if importlib.util.find_spec("wandb") is None:
        return Trouble("the package wandb is not installed", _EXTRA)
    how = mode()
    if how not in (OFFLINE, ONLINE):
        why = f"WANDB_MODE={how} keeps nothing" if how == "disabled" else f"WANDB_MODE={how} is no mode of it"
        return Trouble(why, "Set WANDB_MODE to online or to offline.")
    if reason := unwritable(folder()):
        return Trouble(reason, "Make it writable, or name another folder by WANDB_DIR.")
    if how == OFFLINE:
        return None
    return None if _has_key() else Trouble("nobody is logged in here", _LOG_IN)


def where_to_look(uri: str) -> str:
    """A sentence on where the runs of a canonical URI are."""
    entity, project = project_of(uri)
    if mode() == OFFLINE:
        send = f"wandb sync {shlex.quote(str(folder()))}/offline-run-*"
        return f"In Weights & Biases, project {project}, once they are sent: {send}"
    pages = server().replace("//api.wandb.ai", "//wandb.ai")
    return f"In Weights & Biases: {pages}/{f'{entity}/{project}' if entity else f'home, project {project}'}"


def server() -> str:
    """The address of the server's API."""
    return (os.environ.get("WANDB_BASE_URL") or _setting("base_url") or _SERVER).rstrip("/")


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    own = home()
    named = [os.environ.get("NETRC"), *(str(own / name) for name in (".netrc", "_netrc") if own)]
    for file in filter(None, named):
        try:
            if netrc.netrc(file).authenticators(urlsplit(server()).hostname or ""):
                return True
        except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
            continue
    return bool(_setting("api_key"))


def _setting(name: str) -> str:
    """What `wandb` itself wrote into its settings: of this folder, or of the user."""
    own = home()
    chosen = os.environ.get("WANDB_CONFIG_DIR")
    users = [Path(chosen)] if chosen else [own / ".config" / "wandb"] if own else []
    for file in (folder() / "settings", *(place / "settings" for place in users)):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        if found := parser.get("default", name, fallback=""):
            return found
    return ""
