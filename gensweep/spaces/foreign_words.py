"""What Ray Tune, Weights & Biases and Optuna call the parts of a sweep, as the words that mean them here."""

from __future__ import annotations

_STOPPING = ("early_stopping", "early_stopping: {name: asha}")
_SEARCHER = ("search.sampler", "search: {sampler: tpe}")
_SAMPLES = ("search.samples", "search: {samples: 20}")
_SPACE = ("trial", "trial: {latent_size: choice(2, 8), family: vae}")
_AT_ONCE = ("resources.max_concurrent", "resources: {max_concurrent: 4}")
_BUDGET = ("resources.time_budget", "resources: {time_budget: 2h}")
_OBJECTIVE = ("objective", "objective: fid")
_SHARE = ("resources", "resources: {cpu: 1, gpu: auto}")
_NAME = ("name", "name: mine")

FOREIGN = {
    **dict.fromkeys(["scheduler", "pruner", "early_terminate", "stopper", "stopping"], _STOPPING),
    **dict.fromkeys(["method", "search_alg", "search_algorithm", "searcher", "algorithm", "strategy"], _SEARCHER),
    **dict.fromkeys(["num_samples", "n_samples", "n_trials", "num_trials", "max_trials", "run_cap", "count"], _SAMPLES),
    **dict.fromkeys(
        ["parameters", "params", "param_space", "search_space", "space", "config", "hyperparameters"], _SPACE
    ),
    **dict.fromkeys(["max_concurrent_trials", "n_jobs", "num_workers", "workers", "parallel"], _AT_ONCE),
    **dict.fromkeys(["time_budget_s", "timeout", "max_time"], _BUDGET),
    **dict.fromkeys(["directions", "target", "monitor"], _OBJECTIVE),
    **dict.fromkeys(["resources_per_trial", "gpus", "cpus", "num_gpus", "num_cpus"], _SHARE),
    **dict.fromkeys(["project", "study", "study_name", "experiment", "experiment_name", "run_name"], _NAME),
    **dict.fromkeys(["model", "models"], ("trial.family", "trial: {family: vae}")),
    **dict.fromkeys(["data"], ("trial.dataset", "trial: {dataset: {name: ring}}")),
}


def here(key: str, where: str) -> str:
    """The sentence that says what a foreign word is called here, for a file or for an override, which `where` then is."""
    ours, example = FOREIGN[key]
    value = where.partition("=")[2]
    return f"Here it is {ours}: write {f'{ours}={value}' if '=' in where and '.' in ours + '.' else example}"
