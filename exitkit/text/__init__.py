"""What becomes of text on its way out: what is secret, what is unsafe, what people can read."""
