"""The steps of a deployment, one a file, in the order in which `workflow/deploy.py` lists them."""
