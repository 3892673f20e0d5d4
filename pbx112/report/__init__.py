"""The month as people read it: one page, then the tables. Needs the extra `report`: `pip install 'pbx112[report]'`."""
