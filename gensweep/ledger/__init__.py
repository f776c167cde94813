"""The sweep's own memory on disk: it knows no Ray, no MLflow and no torch, and every start rebuilds from it."""
