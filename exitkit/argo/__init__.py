"""What Argo says of a workflow: its variables, in every form in which they arrive."""
