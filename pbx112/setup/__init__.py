"""`pbx112 setup`: installation beside an Asterisk that already runs, and the way back.

`tree` reads Asterisk's configuration as Asterisk does, `office` says which kind of PBX stands there and where it keeps
an administrator's own files, `wanted` names each file as it should be, `changes` writes them and takes them back.
"""
