"""One page of a sweep for people: a self-contained HTML file, and its figures as PDF for a paper."""
