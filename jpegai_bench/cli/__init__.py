"""The command line: words into settings, help, completion."""
