"""One file for each command: parse, call one workflow, render, exit."""
