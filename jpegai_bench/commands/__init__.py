"""What each subcommand does: a file each, whose `command` takes the settings and positional words.

It prints to stdout and returns the exit code.
"""
