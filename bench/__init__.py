"""What pbx112 costs a caller: side-by-side measurements with what Asterisk brings itself (`make bench`)."""
