"""The Caddyfile by Caddy itself, before a server in MLflow's place; basic_auth.ini by MLflow's reader; and mutations of both."""

from __future__ import annotations

import configparser
import importlib
from pathlib import Path

import pytest
from caddy_checks import caddy_problems
from compose_checks import DEPLOY, resolved

PROXY = (DEPLOY / "Caddyfile").read_text()
USERS = (DEPLOY / "basic_auth.ini").read_text()


def test_the_proxy_does_what_it_says() -> None:
    assert caddy_problems(PROXY) == []


OF_THE_PROXY = {
    "an unknown directive": ("\tencode\n", "\tencodes\n", "encodes"),
    "a block that does not begin": ("reverse_proxy mlflow:5000 {", "reverse_proxy mlflow:5000", "Error: adapting config"),
    "its own interface": ("\tadmin off\n", "", "its own interface"),
    "no TLS": ("{$SITE} {", "http://{$SITE} {", "does not serve TLS"),
    "another port": ("{$SITE} {", "{$SITE}:8443 {", "does not serve TLS"),
    "another server": ("reverse_proxy mlflow:5000", "reverse_proxy mlflow:5001", "leads to mlflow:5001"),
    "nobody is turned away": ("\trespond @nobody 401 {\n\t\tclose\n\t}\n", "", "gets through"),
    "any header will do": ("Authorization Basic*", "Authorization *", "gets through"),
    "everybody is turned away": ("@nobody not header Authorization Basic*", "@nobody path *", "who gives a password gets 401"),
    "a browser that does not ask": ("\theader @nobody WWW-Authenticate", "\theader @nobody X-Authenticate", "no browser asks"),
    "another name": ("\t\theader_up Host mlflow:5000\n", "", "which --allowed-hosts refuses"),
    "a password that is lost": ("header_up Host mlflow:5000", "header_up Host mlflow:5000\n\t\theader_up -Authorization",
                                "does not reach"),
    "without TLS the next time": ("\theader Strict-Transport-Security max-age=31536000\n", "", "come back without TLS"),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_THE_PROXY)
def test_a_mutation_of_the_proxy_is_caught(name: str) -> None:
    old, new, expected = OF_THE_PROXY[name]
    assert old in PROXY
    assert expected in "\n".join(caddy_problems(PROXY.replace(old, new)))


def users_problems(text: str, folder: Path) -> list[str]:
    """Every reason not to ship this basic_auth.ini; an empty list when there is none."""
    from mlflow.server.auth.config import AuthConfig, read_auth_config

    (folder / "basic_auth.ini").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_AUTH_CONFIG_PATH", str(folder / "basic_auth.ini"))
        patch.delenv("MLFLOW_AUTH_ADMIN_USERNAME", raising=False)
        patch.delenv("MLFLOW_AUTH_ADMIN_PASSWORD", raising=False)
        try:
            read = read_auth_config()
        except (configparser.Error, KeyError, ValueError) as error:
            return [f"{type(error).__name__}: {error}"]
    settings = configparser.ConfigParser()
    settings.read_string(text)
    unknown = sorted(set(settings["mlflow"]) - set(AuthConfig._fields))
    module, _, function = read.authorization_function.partition(":")
    server = resolved([DEPLOY / "compose.yaml", DEPLOY / "compose.auth.yaml"])["mlflow"]["command"]
    wrong = {
        f"unknown: {unknown}": not unknown,
        "a new user sees what others made": read.default_permission == "NO_PERMISSIONS",
        "users are kept in another database than runs": read.database_uri == server[server.index("--backend-store-uri") + 1],
        "the admin is not the one of create_user.py": f'"{read.admin_username}"' in (DEPLOY / "create_user.py").read_text(),
        "a password that everybody reads": read.admin_password is None,
        f"{read.authorization_function} is no function": hasattr(importlib.import_module(module), function),
    }  # fmt: skip
    return [problem for problem, is_well in wrong.items() if not is_well]


def test_mlflow_reads_the_users_settings(tmp_path: Path) -> None:
    assert users_problems(USERS, tmp_path) == []


OF_THE_USERS = {
    "another section": ("[mlflow]", "[mlflows]", "KeyError"),
    "no default": ("default_permission", "default_permissions", "KeyError"),
    "everybody sees everything": ("NO_PERMISSIONS", "READ", "sees what others made"),
    "a setting that is none": ("admin_username", "cache_ttl = 0\nadmin_username", "unknown: ['cache_ttl']"),
    "users in the container": (
        "postgresql+psycopg2://mlflow@postgres:5432/mlflow",
        "sqlite:///users.db",
        "another database",
    ),
    "another admin": ("= admin\n", "= root\n", "not the one of create_user.py"),
    "a password in the file": ("= admin\n", "= admin\nadmin_password = password1234\n", "everybody reads"),
    "a function that is none": ("request_basic_auth", "request_basic_auths", "is no function"),
}


@pytest.mark.parametrize("name", OF_THE_USERS)
def test_a_mutation_of_the_users_settings_is_caught(name: str, tmp_path: Path) -> None:
    old, new, expected = OF_THE_USERS[name]
    assert old in USERS
    assert expected in "\n".join(users_problems(USERS.replace(old, new), tmp_path))
