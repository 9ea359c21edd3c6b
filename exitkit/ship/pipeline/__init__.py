"""From a source's lines to batches that a target took, every record accounted for."""
