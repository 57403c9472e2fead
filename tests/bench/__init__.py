"""Speed, measured as ratios side by side in one run: `make bench`. Nothing here is a test, and nothing here can fail one."""
