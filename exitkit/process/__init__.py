"""Reports and metrics of the finished workflow. These actions share nothing, so there is no base class."""
