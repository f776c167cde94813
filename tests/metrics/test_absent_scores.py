import math

from gensweep.errors import Outcome
from gensweep.trial import run_trial
from tests.conftest import job, small_configuration


def test_a_score_that_a_family_does_not_have_ends_no_trial(tmp_path):
    configuration = small_configuration("gan", epochs=2)
    configuration["evaluation"] = {"metrics": ["fid", "reconstruction", "latent_gap", "log_likelihood"], "every": 1}
    *_, last = run_trial(job(tmp_path, configuration))
    assert last.outcome is Outcome.COMPLETED
    assert math.isfinite(last.best["fid"])
    assert all(math.isnan(last.best[name]) for name in ("reconstruction", "latent_gap", "log_likelihood"))
    # What the trial left behind is read again as it was.
    *_, again = run_trial(job(tmp_path, configuration))
    assert again.outcome is Outcome.COMPLETED
    assert math.isnan(again.best["reconstruction"])


def test_a_family_with_an_encoder_has_them(tmp_path):
    configuration = small_configuration("vae", epochs=2)
    configuration["evaluation"] = {"metrics": ["fid", "reconstruction", "latent_gap"], "every": 2}
    *_, last = run_trial(job(tmp_path, configuration))
    assert last.best["reconstruction.share"] > 0
    assert math.isfinite(last.best["latent_gap"])
    assert last.best["latent_gap.sd_max"] > 0
    assert set(last.protocol) == {"fid", "reconstruction", "latent_gap"}
