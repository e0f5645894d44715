SELECT count(*)
FROM consultation
WHERE NOT EXISTS (SELECT 1 FROM patient WHERE patient.id = consultation.patient_id)
