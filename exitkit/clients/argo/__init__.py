"""What Argo keeps of a workflow: its nodes, and the logs that it archived."""
