UPDATE block_storages SET state = 'PENDING' WHERE name = 'disk';
UPDATE block_storages SET state = 'AVAILABLE' WHERE name = 'disk';
UPDATE block_storages SET state = 'IN_USE' WHERE name = 'disk';
UPDATE block_storages SET state = 'PROTECTED' WHERE name = 'disk';
UPDATE block_storages SET state = 'DELETED', url = 'file:///' WHERE name = 'disk';
UPDATE block_storages SET state = 'deleted' WHERE name = 'disk';
DELETE FROM block_storages WHERE name = 'disk';
UPDATE virtual_machines SET state = 'RUNNING' WHERE name = 'm'
