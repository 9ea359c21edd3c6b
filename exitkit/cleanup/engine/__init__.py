"""One cleanup under way, whatever is deleted: limits, counts, receipt."""
