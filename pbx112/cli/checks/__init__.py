"""What `pbx112 check` looks at, one module per thing; each says what is right, doubtful or wrong."""
