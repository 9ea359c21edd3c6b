"""The message in the forms of those who show it: blocks, mail, Markdown, events."""
