"""The sweep's folder, projected to MLflow."""
