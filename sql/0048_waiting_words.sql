-- A caller waits also while all call takers talk; the question to a number of pranks is asked where the menu would be.
UPDATE pbx112.kpi_definition SET
    en = 'Calls that waited for their turn, because all call takers talked, or as many were being served as the plan allows.',
    id = 'Panggilan yang menunggu giliran, karena semua penerima panggilan berbicara, atau jumlah yang dilayani sudah mencapai batas rencana.'
WHERE key = 'waited';
UPDATE pbx112.kpi_definition SET
    en = 'Abandoned while the menu of incidents was offered, or the question whether this is an emergency.',
    id = 'Ditinggalkan saat menu kejadian ditawarkan, atau pertanyaan apakah ini keadaan darurat.'
WHERE key = 'abandoned_menu';
UPDATE pbx112.kpi_definition SET
    en = 'The caller hung up while the menu of incidents was offered, or the question whether this is an emergency, before any human accepted.',
    id = 'Pemanggil menutup saat menu kejadian ditawarkan, atau pertanyaan apakah ini keadaan darurat, sebelum ada manusia yang menerima.'
WHERE key = 'outcome:abandoned_menu';
