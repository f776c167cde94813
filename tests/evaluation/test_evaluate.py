import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gensweep import registry
from gensweep.component import build
from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import ConfigError
from gensweep.evaluation import sanity, sanity_rows
from gensweep.evaluation.given import GivenSamples, array_in
from gensweep.evaluation.scores import evaluate
from gensweep.evaluation.subjects import Subject, subject
from gensweep.evaluation.words import dataset_of, members
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.metrics.base import scorer
from gensweep.trial import run_trial
from tests.conftest import job

DIGITS = Digits()
PARZEN = "log_likelihood,estimator=parzen,samples=200"
LEVELS = (load(DIGITS).train[:300, 0] * 255).round().numpy().astype(np.uint8)


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENSWEEP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sweeps with one sweep of one trial, trained."""
    path = tmp_path_factory.mktemp("runs")
    configuration = {
        "dataset": "digits", "network": {"name": "mlp", "hidden": [32]}, "latent_size": 4, "family": "wae",
        "training": {"epochs": 6, "batch_size": 64, "ema": 0.9},
        "evaluation": {"metrics": ["fid", "sliced_wasserstein"], "every": 2}, "seed": 3,
    }  # fmt: skip
    folder = SweepFolder.create(path / "study", {"name": "study", "objective": {"metric": "fid", "mode": "min"}})
    issued = {"number": 0, "key": "0" * 64, "family": "wae", "parameters": {}, "configuration": configuration}
    with folder.hold():
        folder.events.append({"event": "issued", "attempt": 1, **issued})
    trial_folder(path).mkdir(parents=True)
    for _report in run_trial(job(trial_folder(path), configuration)):
        pass
    return path


def trial_folder(runs: Path) -> Path:
    return runs / "study" / "trials" / "0000-wae-00000000"


def scores(found: Subject, metrics: str = "fid,sliced_wasserstein", split: str = "validation") -> dict[str, float]:
    assert found.dataset is not None
    rows = evaluate(found.model, found.dataset, members("metrics", metrics), split)
    return {row.metric: row.score.value for row in rows}


def test_a_trials_scores_and_protocols_are_the_ones_that_it_recorded(runs):
    recorded = json.loads((trial_folder(runs) / "outcome.json").read_text())
    for what in ("study/0", str(trial_folder(runs)), str(trial_folder(runs) / "checkpoints" / "best")):
        found = subject(what, runs, None)
        assert scores(found) == {name: recorded["best"][name] for name in ("fid", "sliced_wasserstein")}
    rows = evaluate(found.model, DIGITS, members("metrics", "fid,sliced_wasserstein"), "validation")
    assert {row.metric: row.protocol.hash for row in rows} == recorded["protocol"]
    last = json.loads((trial_folder(runs) / "results.jsonl").read_text().splitlines()[-1])["values"]
    assert scores(subject("study/0", runs, None, latest=True), "fid") == {"fid": last["fid"]}


def test_a_sweep_stands_for_its_winner_and_an_arm_for_its_best_unless_images_have_that_name(
    runs, tmp_path, monkeypatch, capsys
):
    sweep = SweepFolder.open(runs / "study")
    ended = json.loads((trial_folder(runs) / "outcome.json").read_text())
    if not sweep.state().trials[0].outcome:
        with sweep.hold():
            sweep.events.append({"event": "ended", **{k: ended[k] for k in ("number", "outcome", "best", "protocol")}})
    for what in ("study", "study@best", "study/wae"):
        assert scores(subject(what, runs, None), "fid") == {"fid": ended["best"]["fid"]}
        assert f"{what} is study/0: the best fid on the validation split" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "study", ".png")
    assert isinstance(subject("study", runs, DIGITS).model, GivenSamples)


def test_a_torn_checkpoint_is_an_error_that_names_it(runs, tmp_path):
    trial = tmp_path / "trial"
    shutil.copytree(trial_folder(runs), trial)
    state = trial / "checkpoints" / "best" / "state.pt"
    state.write_bytes(state.read_bytes()[:-1])
    with pytest.raises(ConfigError, match="best: a torn or altered checkpoint"):
        subject(str(state.parent), runs, None)
    shutil.rmtree(trial / "checkpoints")
    with pytest.raises(ConfigError, match=r"no checkpoint that verifies. It ended before"):
        subject(str(trial), runs, None)


@pytest.mark.parametrize("reference", ["ring", "grid", "uniform_ball"])
def test_a_trial_that_makes_items_of_another_shape_than_the_reference_is_refused(runs, reference):
    for what in ("study/0", str(trial_folder(runs)), str(trial_folder(runs) / "checkpoints" / "best")):
        with pytest.raises(ConfigError) as refused:
            subject(what, runs, dataset_of(reference))
        assert f"{what} makes items of shape (1, 8, 8), {reference} are (" in str(refused.value)
        assert "trained on" in str(refused.value)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for i, level in enumerate(LEVELS):
        Image.fromarray(level).save(folder / f"{i:03d}.png")
    return folder


def test_a_folder_an_array_of_bytes_and_one_of_numbers_score_alike(images, tmp_path):
    np.save(tmp_path / "bytes.npy", LEVELS)
    np.save(tmp_path / "numbers.npy", (LEVELS / 255).astype("float32"))
    np.savez(tmp_path / "archive.npz", fakes=LEVELS[:, None], labels=np.zeros(300))
    found = [
        scores(subject(str(what), tmp_path, DIGITS), "fid,sliced_wasserstein")
        for what in (images, tmp_path / "bytes.npy", tmp_path / "numbers.npy", f"{tmp_path}/archive.npz:fakes")
    ]
    expected = GivenSamples(torch.from_numpy(LEVELS / 255).float()[:, None])
    assert found[0] == scores(Subject(expected, DIGITS))
    assert all(other == pytest.approx(found[0], rel=1e-6) for other in found)


def written(folder: Path, name: str, change=lambda image: image) -> str:
    """A folder of the first 20 images, changed, in files of the name's kind."""
    folder.mkdir()
    for i, level in enumerate(LEVELS[:20]):
        change(Image.fromarray(level)).save(folder / f"{i:02d}{name}")
    return str(folder)


def test_how_samples_were_prepared_is_in_the_protocol_and_its_hash(tmp_path):
    np.save(tmp_path / "bytes.npy", LEVELS[:20])
    np.save(tmp_path / "numbers.npy", (LEVELS[:20] / 255).astype("float32"))
    double, half = (lambda image, n=n: image.resize((n, n), Image.Resampling.NEAREST) for n in (16, 4))
    said = {
        written(tmp_path / "png", ".png"): "files of 8 bits",
        written(tmp_path / "bmp", ".bmp"): "files of 8 bits",
        written(tmp_path / "jpeg", ".jpg"): "files of 8 bits, lossy (JPEG)",
        written(tmp_path / "colour", ".png", lambda image: image.convert("RGB")): "files of 8 bits, RGB made L",
        written(tmp_path / "double", ".png", double): "files of 8 bits, their centre squares resized by Pillow bicubic "
        "to 8 x 8",
        written(
            tmp_path / "half", ".jpg", half
        ): "files of 8 bits, lossy (JPEG), their centre squares resized by Pillow bicubic to 8 x 8",
        str(tmp_path / "bytes.npy"): "an array of uint8",
        str(tmp_path / "numbers.npy"): None,
    }
    metric = build("metrics", {"name": "fid", "n_fake": 20})
    own, hashes = scorer(metric, DIGITS, "test").protocol, {}
    for what, preparation in said.items():
        (row,) = evaluate(subject(what, tmp_path, DIGITS, resize=True).model, DIGITS, [metric], "test")
        assert row.protocol.content == own.content | ({"preparation": preparation} if preparation else {})
        hashes[preparation] = row.protocol.hash
    assert hashes[None] == own.hash
    assert len(set(hashes.values())) == len(hashes) == 7


@pytest.mark.parametrize("metric", ["fid", "wasserstein", "sliced_wasserstein", "kid", "precision_recall"])
def test_fewer_samples_than_a_metric_takes_are_all_used_and_the_protocol_says_so(metric):
    few, more = (GivenSamples(load(DIGITS).train[:n]) for n in (150, 1000))
    (of_few,), (of_more,) = (evaluate(m, DIGITS, [build("metrics", metric)], "test") for m in (few, more))
    assert of_few.row()["n_fake"] == 150
    assert of_more.row()["n_fake"] == (1000 if metric == "fid" else 400)
    assert of_few.protocol.hash != of_more.protocol.hash
    assert math.isfinite(of_few.score.value)


@pytest.mark.parametrize("name", registry.names("metrics"))
def test_every_metric_scores_what_few_samples_there_are(name):
    metric = build("metrics", {"name": name} | ({"estimator": "parzen"} if name == "log_likelihood" else {}))
    line = GaussianMixture(n_train=300, n_validation=200, n_test=200)
    dataset = next(d for d in (DIGITS, dataset_of("ring"), line) if metric.misfit(d) is None)
    given = GivenSamples(load(dataset).train[:150], "some way")
    (found,) = evaluate(given, dataset, [metric], "test")
    content = found.protocol.content
    assert content["preparation"] == "some way"
    assert content["n_fake"] in (0, 150)
    of_models = {"classification_accuracy_score", "critic_diagnostics", "latent_gap", "linear_probe", "reconstruction"}
    assert math.isfinite(found.score.value) == (name not in of_models)


@pytest.mark.parametrize("metric", ["fid,n_fake=200", "kid,n=200", "wasserstein,n=50,replicates=4", PARZEN])
def test_more_samples_than_there_are_cannot_be_asked_for(metric):
    given = GivenSamples(load(DIGITS).train[:150])
    with pytest.raises(ConfigError, match="200 samples are needed, 150 are given"):
        list(evaluate(given, DIGITS, members("metrics", metric), "test"))


def test_one_sample_is_too_few():
    with pytest.raises(ConfigError, match="too few"):
        list(evaluate(GivenSamples(load(DIGITS).train[:1]), DIGITS, [build("metrics", "fid")], "test"))


def test_images_of_another_size_are_an_error_unless_resizing_is_asked_for(images, tmp_path):
    for i in range(20):
        Image.open(images / f"{i:03d}.png").resize((16, 16), Image.Resampling.NEAREST).save(tmp_path / f"{i}.png")
    Image.open(images / "020.png").save(tmp_path / "right.png")
    with pytest.raises(ConfigError, match=r"/0\.png has 16 x 16 pixels.*\(1, 8, 8\).*--resize"):
        subject(str(tmp_path), tmp_path, DIGITS)
    found = subject(str(tmp_path), tmp_path, DIGITS, resize=True)
    assert found.model.samples(21).shape == (21, 1, 8, 8)


def test_resizing_makes_no_oblong_images(images, tmp_path):
    np.save(tmp_path / "oblong.npy", np.zeros((50, 8, 6), dtype="float32"))
    oblong = build("datasets", {"name": "array", "path": str(tmp_path / "oblong.npy")})
    with pytest.raises(ConfigError, match=r"--resize makes squares.*\(1, 8, 6\)"):
        subject(str(images), tmp_path, oblong, resize=True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros((20, 8)), r"items of shape \(8,\)"),
        (np.full((20, 8, 8), np.nan), "item 0 has a value that is not finite"),
        (np.full((20, 8, 8), 2.0), r"item 0 has values from 2 to 2, and those of digits lie in \[0, 1\]\. Scale"),
        (b"no array", "no array can be read"),
    ],
)
def test_samples_that_cannot_be_used_are_one_error_that_names_the_file(tmp_path, content, reason):
    file = tmp_path / "samples.npy"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content)
    with pytest.raises(ConfigError, match=reason) as error:
        subject(str(file), tmp_path, DIGITS)
    assert str(file) in str(error.value)


def test_broken_or_no_images_are_one_error_that_names_them(images, tmp_path):
    with pytest.raises(ConfigError, match=f"{tmp_path}: there is no image"):
        subject(str(tmp_path), tmp_path, DIGITS)
    whole = (images / "000.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole)
    (tmp_path / "b.png").write_bytes(whole[:-30])
    with pytest.raises(ConfigError, match=r"b\.png: corrupt or truncated"):
        subject(str(tmp_path), tmp_path, DIGITS)
    with pytest.raises(ConfigError, match="cannot be compared with the items of ring"):
        subject(str(tmp_path), tmp_path, dataset_of("ring"))


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("nothing", "no such file or folder. Accepted: a trial"),
        ("studi/0", "there is no sweep 'studi'.*Did you mean 'study'"),
        ("study/7", "study has no trial 7"),
        ("absent.npy", "name the data to compare it with"),
    ],
)
def test_what_is_not_there_is_an_error_with_the_cure(runs, what, reason):
    with pytest.raises(ConfigError, match=reason):
        subject(what, runs, None)


def test_members_are_names_with_fields():
    fid, kid, mmd = members("metrics", "fid, kid,n=50,extractor=identity,mmd,scales=[1,2]")
    assert (fid.name, kid.n, kid.extractor, mmd.scales) == ("fid", 50, "identity", (1.0, 2.0))
    assert dataset_of("gaussian_mixture,n_train=50,covariances=[1,[2]]").n_train == 50
    for text, reason in {
        "fidd": "Did you mean 'fid'",
        "fid,m=3": "unknown field 'm' of fid",
        "n=3": "the name comes first",
        "": "names none of metrics",
        "fid,n_fake=1": "n_fake: 1 is not allowed: must be 2 or more",
    }.items():
        with pytest.raises(ConfigError, match=reason):
            members("metrics", text)
    with pytest.raises(ConfigError, match="one dataset is needed"):
        dataset_of("digits,ring")


def test_a_metric_without_a_meaning_there_is_refused():
    with pytest.raises(ConfigError, match="mode_coverage"):
        list(evaluate(GivenSamples(load(DIGITS).train), DIGITS, [build("metrics", "mode_coverage")], "test"))


def test_the_sanity_rows_are_ordered_and_computed_once(monkeypatch):
    chosen = members("metrics", "fid,sliced_wasserstein,mode_coverage,reconstruction")
    rows = {row.pop("row"): row for row in sanity_rows(DIGITS, chosen, "validation")}
    assert list(rows) == ["floor", "training items", "memoriser", "class means", "PCA Gaussian", "uniform noise"]
    for metric in ("fid", "sliced_wasserstein"):
        known = {name: row[metric] for name, row in rows.items()}
        assert known["training items"] == pytest.approx(known["floor"], rel=0.3)
        assert known["memoriser"] < known["PCA Gaussian"] < known["uniform noise"]
        assert known["memoriser"] < known["class means"] < known["uniform noise"]
    assert all(set(row) == {"fid", "sliced_wasserstein"} for row in rows.values())  # the others have no answer
    monkeypatch.setattr(sanity.TrainedModel, "samples", lambda *a: pytest.fail("computed again"))
    monkeypatch.setattr(GivenSamples, "samples", lambda *a: pytest.fail("computed again"))
    again = sanity_rows(DIGITS, chosen, "validation")
    assert {row.pop("row"): row for row in again} == rows


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gensweep", "evaluate", *arguments], capture_output=True, text=True, check=False
    )


def test_the_command_prints_json_for_programs_and_exits_2_on_bad_usage(images):
    done = command(str(images), "--reference", "digits", "--metrics", "fid,sliced_wasserstein", "--json")
    assert done.returncode == 0, done.stderr
    fid, sliced = json.loads(done.stdout)
    assert (fid["metric"], fid["n_fake"], fid["n_real"], fid["split"]) == ("fid", 300, 400, "test")
    assert len(fid["protocol"]) == 8
    assert "floor" in sliced["details"]
    done = command(str(images), "--reference", "digit", "--split", "tests", "--metrics", "fidd,kid,n=many")
    assert done.returncode == 2
    for mistake in ("Did you mean 'test'", "fidd: unknown metric 'fidd'. Did you mean 'fid'", "kid n: "):
        assert mistake in done.stderr
    assert "Did you mean 'digits'" in done.stderr


def test_a_folder_of_images_that_lie_or_are_transparent_says_so_in_its_protocol_and_on_stderr(tmp_path, capsys):
    folder = tmp_path / "fakes"
    written(folder, ".png", lambda image: image.convert("LA"))
    (folder / "labels.csv").write_text("")
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(LEVELS[0]).save(folder / "lies.png", exif=exif)
    found = subject(str(folder), tmp_path, DIGITS)
    assert found.model.preparation == "files of 8 bits, LA made L, transparent places on white, turned upright by EXIF"
    assert torch.equal(found.model.items[-1, 0] * 255, torch.from_numpy(LEVELS[0][::-1, ::-1].copy()).float())
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"gensweep: {folder}: 21 images; skipped 1 of other kinds (.csv 1)",
        f"gensweep: {folder}: turned upright by EXIF: 1",
    ]


def test_every_image_that_cannot_be_read_is_named(tmp_path):
    folder = Path(written(tmp_path / "fakes", ".png"))
    for name in ("03.png", "11.png"):
        (folder / name).write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"2 images cannot be read:\n.*03\.png: not an image.*\n.*11\.png"):
        subject(str(folder), tmp_path, DIGITS)


@pytest.mark.parametrize(
    "fields", [{"scale": "standardise"}, {"scale": "minmax"}, {"scale": "minmax", "value_range": [-9, 99]}, {}]
)
def test_a_given_array_is_brought_to_the_scale_of_the_data_by_their_fit(tmp_path, fields):
    """Given the data's own file it is the data, and any other by the same map: not by a fit of its own."""
    raw = np.random.default_rng(0).normal([3.0, 40.0], [0.5, 9.0], (300, 2)).clip(-9, 99).astype("float32")
    np.save(tmp_path / "data.npy", raw)
    np.save(tmp_path / "part.npy", raw[:50])
    data = build("datasets", {"name": "array", "path": str(tmp_path / "data.npy"), **fields})
    whole, part = (array_in(str(tmp_path / name), data).samples(n) for name, n in (("data.npy", 300), ("part.npy", 50)))
    splits = load(data)
    together = torch.cat([splits.train, splits.validation, splits.test])

    def by_value(items):
        return items[items[:, 1].argsort()]

    assert torch.allclose(by_value(whole), by_value(together), atol=1e-5)
    assert torch.allclose(part, whole[:50], atol=1e-6)
