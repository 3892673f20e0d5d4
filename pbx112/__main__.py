"""`python -m pbx112`: the same as the command `pbx112`."""

from pbx112.cli import app

app(prog_name="pbx112")
