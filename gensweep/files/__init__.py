"""Items of data in the files that people have: arrays and images. Datasets read them, and so does what evaluates samples."""
