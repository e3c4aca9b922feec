UPDATE volumes SET status = 'deleting' WHERE id = 'v1';
UPDATE volumes AS v SET v.status = 'deleting', v.updated_at = NOW() WHERE v.id = 'v1';
UPDATE volumes SET status = 'attaching' WHERE id = 'v1';
UPDATE volumes SET status = 'in-use', attach_status = 'attached' WHERE id = 'v1';
UPDATE volumes SET status = 'detaching' WHERE id = 'v1';
UPDATE volumes SET status = 'available', attach_status = 'detached' WHERE id = 'v1';
UPDATE volumes SET status = 'extending', previous_status = 'available' WHERE id = 'v1';
UPDATE volumes SET status = 'retyping' WHERE id = 'v1';
UPDATE volumes SET status = 'maintenance', migration_status = 'starting' WHERE id = 'v1';
UPDATE volumes SET status = 'uploading' WHERE id = 'v1';
UPDATE volumes SET status = 'awaiting-transfer' WHERE id = 'v1';
UPDATE volumes SET status = 'reserved' WHERE id = 'v1';
UPDATE volumes SET status = ? WHERE id = ?;
UPDATE volumes SET size = 10 WHERE id = 'v1';
INSERT INTO volumes (id, status) VALUES ('v2', 'creating');
INSERT INTO volumes (id, status) VALUES ('v2', 'available');
DELETE FROM volumes WHERE id = 'v1';
UPDATE snapshots SET status = 'deleting' WHERE id = 's1'
