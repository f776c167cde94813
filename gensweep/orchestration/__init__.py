"""Running a sweep: the driver, its searcher, early stopping, and the executors."""
