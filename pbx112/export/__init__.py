"""The records as files for spreadsheets and programs: CSV, XLSX, Parquet, row by row, with a dictionary of columns."""
