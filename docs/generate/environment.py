"""The page of environment variables. tests/docs/test_environment.py finds those that the code reads and that are not here."""

from __future__ import annotations

OWN = {
    "GENSWEEP_RUNS": "The folder that holds the sweeps, as `--runs` says it; `runs` by default.",
    "GENSWEEP_TRACKING_URI": "MLflow's store, as `--tracking-uri` says it; it goes before `MLFLOW_TRACKING_URI`.",
    "GENSWEEP_ADDRESS": "Of a running Ray cluster, as `--address` says it; it goes before `RAY_ADDRESS`.",
    "GENSWEEP_ARTIFACTS": "The URL where trials' folders are kept, as `--artifacts` says it.",
    "GENSWEEP_IN_PROCESS": "1 is `--in-process`: one trial after another, without Ray.",
    "GENSWEEP_TENSORBOARD": "1 is `--tensorboard`: event files for TensorBoard too.",
    "GENSWEEP_CACHE": "Where what is worth keeping between runs goes: features of reference data, data that were fetched or "
    "decoded, what you trust, where you sent a sweep. By default `~/.cache/gensweep`; without a home that can be written, the "
    "temporary folder.",
    "GENSWEEP_DATA": "A folder with datasets that are files (MNIST, Fashion-MNIST, CIFAR-10), looked into first.",
    "GENSWEEP_INCEPTION": "The file of the Inception network for `extractor: inception`.",
    "GENSWEEP_PLUGINS": "A folder with components of your own, as `--plugins` says it: its code is trusted.",
    "GENSWEEP_COMMIT": "What `gensweep --version` names besides; an image of deploy/Dockerfile has it from its build.",
    "GENSWEEP_SHARED": "1 is `--shared`: the group may write what is made, as far as the umask allows.",
}
OTHERS = {
    "MLFLOW_TRACKING_URI": "MLflow's store, as `--tracking-uri` says it; `sqlite:///mlflow.db` here by default.",
    "MLFLOW_TRACKING_USERNAME": "With the next: who you are on a server that asks; of `gensweep ui`, what it prints.",
    "MLFLOW_TRACKING_PASSWORD": "See above. It is never written into a sweep's folder, a log or a message.",
    "MLFLOW_TRACKING_TOKEN": "In the place of the two: a bearer token.",
    "MLFLOW_TRACKING_SERVER_CERT_PATH": "The certificate of the authority that signed the server's.",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH": "Your own certificate.",
    "MLFLOW_TRACKING_INSECURE_TLS": "`true` does not check the server's certificate.",
    "WANDB_API_KEY": "Who you are in Weights & Biases, where `wandb login` did not say so. It is never written into a "
    "sweep's folder.",
    "WANDB_IDENTITY_TOKEN_FILE": "In its place: a file with a token.",
    "WANDB_MODE": "`offline` keeps the runs in files until `wandb sync` sends them.",
    "WANDB_DISABLED": "1 switches the library off, so that `--tracking-uri wandb` is refused.",
    "WANDB_DIR": "The folder in which its own folder, `wandb`, lies; else the working folder.",
    "WANDB_CONFIG_DIR": "Where its settings are; else `~/.config/wandb`.",
    "WANDB_BASE_URL": "A server of your own.",
    "WANDB_ENTITY": "With the next: where `--tracking-uri wandb` sends a sweep.",
    "WANDB_PROJECT": "See above; `gensweep` by default.",
    "NETRC": "The file that holds what `wandb login` was told; else `~/.netrc`.",
    "CUDA_VISIBLE_DEVICES": "Which GPUs torch may see. Empty or -1 hides them all, and nothing is said of GPUs that idle.",
    "CUBLAS_WORKSPACE_CONFIG": "`:4096:8` or `:16:8`, as cuBLAS wants for `training.deterministic`; a sweep with such trials "
    "sets the first where nothing is set.",
    "RAY_ADDRESS": "Of a running Ray cluster, as `--address` says it. Without, gensweep starts a Ray of its own.",
    "RAY_AUTH_MODE": "`token` wherever you do not say otherwise; `disabled` lets every account of the machine run code as "
    "you, and gensweep says so.",
    "RAY_AUTH_TOKEN": "The token of a cluster; a Ray that gensweep starts makes its own.",
    "RAY_AUTH_TOKEN_PATH": "A file that holds it.",
    "RAY_JOB_CONFIG_JSON_ENV_VAR": "Ray sets it in a job of a cluster, whose working folder is Ray's: `mlflow.db` is then "
    "made in the folder of the runs.",
    "RAY_TMPDIR": "Below which folder the sockets, logs and token of a Ray of gensweep's own lie; else `TMPDIR`, else `/tmp`.",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1 has a Ray of gensweep's own listen on all interfaces, as other nodes need it.",
    "TMPDIR": "Where temporary files go.",
    "NO_PROXY": "Hosts that are reached without a proxy; a server on this machine is among them by itself.",
}
INTERNAL = frozenset({  # what one process of gensweep tells another; no user sets them
    "GENSWEEP_ARTIFACT_ROOTS", "GENSWEEP_TRUSTED", "GENSWEEP_UMASK", "GENSWEEP_WORKING_FOLDER",
})  # fmt: skip


def page() -> str:
    """The page, as Markdown."""
    return (
        "# Environment variables\n\nAn option on the command line goes before its variable, and that before "
        "[your settings](../how-to/settings.md).\n\n"
        f"## gensweep's own\n\n{_table(OWN)}\n\n"
        "## Of MLflow, Weights & Biases, Ray and the system\n\n"
        "gensweep reads these itself; MLflow, Weights & Biases and Ray read others, which reach them "
        f"unchanged.\n\n{_table(OTHERS)}\n\n"
        "gensweep sends no usage statistics, and switches off those of Ray and MLflow, and the error reports "
        "of Weights & Biases. [What listens where, and what it asks "
        "for](../how-to/strangers.md) is a page of its own.\n"
    )


def _table(said: dict[str, str]) -> str:
    return "| variable | what it does |\n|---|---|\n" + "\n".join(
        f"| `{name}` | {what} |" for name, what in said.items()
    )
