"""What came of a sweep: tables, rankings, figures and a report."""
