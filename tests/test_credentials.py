"""Whatever form an address has, its password is not in what is printed of it, and what identifies the place is."""

from __future__ import annotations

import pytest

from gensweep.credentials import redacted

SECRET = "s3cr3t"  # part of every password here: it must be nowhere

ADDRESSES = [
    ("http://host:5000", "http://host:5000"),
    ("http://me:s3cr3t@host:5000/x", "http://host:5000/x"),
    ("HTTPS://me:s3cr3t@host", "HTTPS://host"),
    ("https://me:s3cr3t%40x%2Fy@host:5000/x", "https://host:5000/x"),
    ("http://me:a@s3cr3t:w@s3cr3t@host:5000", "http://host:5000"),
    ("postgresql://me:a/s3cr3t@b@host/db", "postgresql://host/db"),
    ("postgresql://me:a?s3cr3t#b@host/db", "postgresql://host/db"),
    ("postgresql://me:12/s3cr3t@host/db", "postgresql://host/db"),
    ("postgresql://me:a?token=s3cr3t@host/db", "postgresql://host/db"),
    ("http://me:'s3cr3t'@host/x", "http://host/x"),
    ("mysql+pymysql://me:s3cr3t@host:3306/db", "mysql+pymysql://host:3306/db"),
    ("http://me:s3cr3t@[::1]:5000/x", "http://[::1]:5000/x"),
    ("http://s3cr3t-token@host", "http://host"),
    ("http://:s3cr3t@host", "http://host"),
    ("ray://me:s3cr3t@head:10001", "ray://head:10001"),
    ("me:s3cr3t@head:6379", "head:6379"),
    ("postgresql://host/db?user=me&password=s3cr3t&x=1", "postgresql://host/db?user=me&password=&x=1"),
    ("postgresql://host/db?password=a@s3cr3t&x=1", "postgresql://host/db?password=&x=1"),
    ("postgresql://host/db?sslmode=require&sslpassword=s3cr3t", "postgresql://host/db?sslmode=require&sslpassword="),
    ("postgresql:///db?host=/tmp&password=s3cr3t", "postgresql:///db?host=/tmp&password="),
    ("http://host/x?%70%61ss=s3cr3t", "http://host/x?%70%61ss="),
    ("https://host/x?api_key=s3cr3t&b=1", "https://host/x?api_key=&b=1"),
    ("https://host/x?apiKey=s3cr3t#token=s3cr3t", "https://host/x?apiKey="),
    ("https://host/x#access_token=s3cr3t", "https://host/x#access_token="),
    ("https://host/x?X-Amz-Signature=s3cr3t", "https://host/x?X-Amz-Signature="),
    ("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Ds3cr3t", "mssql+pyodbc:///?odbc_connect="),
    ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
    ("http://host:5000/a?b=c@d", "http://host:5000/a?b=c@d"),
]


@pytest.mark.parametrize(("address", "shown"), ADDRESSES)
def test_of_an_address_what_is_secret_goes_and_the_place_stays(address: str, shown: str) -> None:
    assert redacted(address) == redacted(address, address) == shown
    assert SECRET not in redacted(f"({address}), and {address}!")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no 'http://me:s3cr3t@h/x' and no 'http://you:s3cr3t@h/y'", "no 'http://h/x' and no 'http://h/y'"),
        ("invalid dsn: host=h password=s3cr3t dbname=d", "invalid dsn: host=h password=*** dbname=d"),
        ("connect({'user': 'me', 'password': 's3 cr3t s3cr3t'})", "connect({'user': 'me', 'password': ***})"),
        ("Authorization: Basic s3cr3t", "Authorization: Basic ***"),
        ("{'Authorization': 'Bearer s3cr3t'}", "{'Authorization': 'Bearer ***'}"),
        ("MLFLOW_TRACKING_PASSWORD=s3cr3t", "MLFLOW_TRACKING_PASSWORD=***"),
        ("set MLFLOW_TRACKING_PASSWORD, or a token: it says why", "set MLFLOW_TRACKING_PASSWORD, or a token: it says why"),
        ("KeyError: 'token'", "KeyError: 'token'"),
        ("2027-01-01T10:00:00 mail user@example.org, git@host:x", "2027-01-01T10:00:00 mail user@example.org, git@host:x"),
        ('File "/a/b.py", line 3, in f', 'File "/a/b.py", line 3, in f'),
    ],
)  # fmt: skip
def test_of_a_text_what_is_secret_goes_and_the_rest_stays(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("postgresql://me:p%40s3cr3t/@h/db", "password 'p@s3cr3t/' is wrong for me"),
        ("postgresql://me:p@s3cr3t@h/db", "asked with p%40s3cr3t"),
        ("postgresql://me:s3 cr3t@h/db", "cannot read postgresql://me:s3 cr3t@h/db, with s3+cr3t, s3%20cr3t"),
        ("http://h/?token=s3%20cr3t", "it got s3 cr3t"),
        ("http://me:a%2Fs3%20cr3t@h", "it got a/s3%20cr3t"),
        ("http://only-s3cr3t@h", "it got only-s3cr3t"),
    ],
)
def test_a_known_password_goes_however_it_is_spelled(address: str, text: str) -> None:
    assert "cr3t" not in redacted(text, address)


def test_a_password_that_is_in_every_word_garbles_nothing() -> None:
    assert redacted("a bad answer", "http://me:a@h", None) == "a bad answer"
